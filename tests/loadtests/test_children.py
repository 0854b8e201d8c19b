"""Processes of a load test are stopped, each by its own process id."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from loadtests.children import Child
from loadtests.live import LoadTestError, wait_until_ready
from loadtests.rendezvous import Meeting
from tests.waiting import GIVE_UP_S

ECHO = """
import sys
from pathlib import Path
Path("heard").write_text(sys.stdin.readline())
print("reading on", flush=True)
sys.stdin.read()
print("input has ended", flush=True)
"""


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echoing.py").write_text(ECHO)
    (tmp_path / "dying.py").write_text("raise SystemExit('no such luck')")
    monkeypatch.chdir(tmp_path)


def test_a_child_hears_what_it_is_told_and_ends_with_its_input(tmp_path: Path) -> None:
    """By itself, so that it can put its files in order."""
    child = Child("echoing", log=tmp_path / "log", told={"speed": 10})
    with child:
        assert child.exit_code is None
    assert child.exit_code == 0
    assert (tmp_path / "heard").read_text() == '{"speed": 10}\n'
    assert child.last_words() == "reading on\ninput has ended"


def test_a_child_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    """Ctrl-C must not reach it beside whoever stops it."""
    with Child("echoing", log=tmp_path / "log", told={}) as child:
        assert os.getsid(child.pid) != os.getsid(0)


def test_a_child_that_was_killed_is_no_trouble(tmp_path: Path) -> None:
    """Stopping it again does nothing."""
    with Child("echoing", log=tmp_path / "log", told={}) as child:
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait(GIVE_UP_S) == -signal.SIGKILL
    child.stop()


def test_a_child_that_dies_before_it_is_ready_says_of_what(tmp_path: Path) -> None:
    """Nobody waits for it any longer."""
    with (
        Child("dying", log=tmp_path / "log") as child,
        pytest.raises(LoadTestError, match=r"exit code 1:\nno such luck"),
    ):
        wait_until_ready(Meeting(tmp_path), "dying", child)


def test_what_a_child_tells_when_it_is_ready_is_handed_on(tmp_path: Path) -> None:
    """Its address, for one."""
    meeting = Meeting(tmp_path)
    meeting.ready("echoing", url="http://127.0.0.1:1")
    with Child("echoing", log=tmp_path / "log", told={}) as child:
        assert wait_until_ready(meeting, "echoing", child) == {"url": "http://127.0.0.1:1"}
