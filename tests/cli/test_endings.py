"""What a command leaves and says when it does not come to its end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer

from balancer.cli.endings import BAD_INPUT, UNHEARD, kept, told
from tests.waiting import GIVE_UP_S

COMMAND = (sys.executable, "-m", "balancer.cli")


@contextmanager
def exits() -> Iterator[list[int]]:
    """Collects the exit code of the block."""
    codes: list[int] = []
    with pytest.raises(typer.Exit) as found:
        yield codes
    codes.append(found.value.exit_code)


def test_what_the_machine_refuses_is_one_message_and_no_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 1 would say that the policy fails."""
    with exits() as codes, told():
        raise OSError(28, "No space left on device", "report.html")
    assert codes == [BAD_INPUT]
    assert capsys.readouterr().err == "error: report.html: No space left on device\n"


def test_a_bug_keeps_its_traceback() -> None:
    """It is ours to mend, and the traceback says where."""
    with pytest.raises(ZeroDivisionError), told():
        raise ZeroDivisionError


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device here")
@pytest.mark.parametrize("words", [("scenarios", "--long"), ("policy", "show")])
def test_output_that_cannot_be_written_is_one_message(words: tuple[str, ...]) -> None:
    """Nothing of it is left for Python to stumble over at exit."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (BAD_INPUT, "error: No space left on device\n")


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_verdict_and_no_news() -> None:
    """As with `| head`: silent, and the exit code of a broken pipe."""
    with subprocess.Popen(
        [*COMMAND, "scenarios", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(GIVE_UP_S) == UNHEARD


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupt_waits_until_what_is_finished_is_written(
    interrupt: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then it says what is missing, and is what it was."""
    with kept(lambda: ["one"]) as found:
        raise interrupt
    with pytest.raises(type(interrupt)) as ended:
        found.end(["two", "three"])
    assert ended.value is interrupt
    assert capsys.readouterr().err == "not finished: two, three\n"


def test_where_nothing_is_finished_an_interrupt_ends_at_once() -> None:
    """There is nothing to keep."""
    with pytest.raises(KeyboardInterrupt), kept(list):
        raise KeyboardInterrupt


def test_without_an_interrupt_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And the command goes on."""
    with kept(lambda: True) as found:
        pass
    found.end([])
    assert capsys.readouterr().err == ""
