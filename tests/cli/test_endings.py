"""What a command leaves and says when it does not come to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer

from balancer.cli.endings import BAD_INPUT, BUG, PASS, UNHEARD, kept, told
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


def left_early(*words: str) -> tuple[int, bytes]:
    """Exit code and messages of a command whose reader has gone."""
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        said = child.stderr.read()
        return child.wait(GIVE_UP_S), said


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_verdict_and_no_news() -> None:
    """As with `| head`: silent, and the exit code of a broken pipe."""
    assert left_early("scenarios", "--json") == (UNHEARD, b"")


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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device here")
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--help"), ()])
def test_help_that_cannot_be_written_is_no_verdict(words: tuple[str, ...]) -> None:
    """Nor is help that nobody reads any more."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (BAD_INPUT, "error: No space left on device\n")
    assert left_early(*words) == (UNHEARD, b"")


def sent(
    words: Sequence[str | bytes], *, setting: str = "", line: str = '"$@"'
) -> subprocess.CompletedProcess[str]:
    """The command, as a shell runs it."""
    return subprocess.run(
        ["/bin/sh", "-c", line, "sh", *COMMAND, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **({"PYTHONIOENCODING": setting} if setting else {})},
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_refused_before_anything_runs() -> None:
    """No report could say how it was made."""
    done = sent(["run", b"s\xff.yaml"])
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert done.stderr == "error: found 's\\xff.yaml', which is not UTF-8; rename the file\n"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="it has no such shell")
def test_output_that_was_closed_is_nobodys_fault() -> None:
    """The command goes on, and its exit code is its verdict."""
    done = sent(["models", "list"], line='"$@" >&-')
    assert (done.returncode, done.stderr) == (PASS, "")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="it has no such shell")
def test_output_keeps_to_the_signs_that_its_encoding_has() -> None:
    """Lines of a table are of another kind there."""
    done = sent(["models", "list"], setting="cp1252")
    assert (done.returncode, done.stderr) == (PASS, "")
    assert "-----" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="it has no such shell")
def test_a_bug_is_no_verdict(tmp_path: Path) -> None:
    """Its exit code is its own, and the traceback says where it is."""
    (tmp_path / "bug.py").write_text(
        "import sys\nfrom balancer.cli import app, main\n"
        "def broken(): raise ZeroDivisionError\n"
        "app.command('broken')(broken)\nsys.argv[1:] = ['broken']\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "bug.py"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == BUG
    assert done.stderr.startswith("Traceback")
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="it has no such shell")
@pytest.mark.parametrize("setting", ["", "utf-8:strict"])
def test_what_is_no_text_is_shown_and_not_written(tmp_path: Path, setting: str) -> None:
    """Half a sign in a table of prices from elsewhere."""
    model = {
        "litellm_provider": "gemini",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
    }
    (tmp_path / "map.json").write_text(json.dumps({"gemini/gemini-9\ud800": model}))
    out = tmp_path / "mine.toml"
    words = ("models", "import", "litellm", str(tmp_path / "map.json"), "--output", str(out))
    done = sent(words, setting=setting)
    assert done.returncode == BAD_INPUT
    assert "gemini-9\\ud800" in done.stdout
    assert "mine.toml: cannot be written: '\\ud800' is no text" in done.stderr
    assert not out.exists()
