"""Processes meet in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.rendezvous import LateError, Meeting


def test_what_a_process_tells_reaches_the_others(tmp_path: Path) -> None:
    """Once it is ready, and not before."""
    meeting = Meeting(tmp_path)
    assert meeting.who_is_ready("mock") is None
    Meeting(tmp_path).ready("mock", port=1234)
    assert meeting.who_is_ready("mock") == {"port": 1234}


def test_everybody_learns_the_same_epoch(tmp_path: Path) -> None:
    """To the bit."""
    Meeting(tmp_path).set_epoch(1_700_000_000.123456)
    assert Meeting(tmp_path).wait_for_epoch(0.0) == 1_700_000_000.123456


def test_an_epoch_that_never_comes_is_an_error(tmp_path: Path) -> None:
    """After the time given, which says how long that was."""
    with pytest.raises(LateError, match=r"within 0 s"):
        Meeting(tmp_path).wait_for_epoch(0.0)


def test_a_meeting_that_is_over_ends_the_waiting(tmp_path: Path) -> None:
    """Though there would be time left."""
    meeting = Meeting(tmp_path)
    meeting.stop()
    assert meeting.stopped()
    with pytest.raises(LateError):
        meeting.wait_for_epoch(600.0)


def test_who_cannot_begin_says_why_and_ends_it(tmp_path: Path) -> None:
    """So that nobody waits for what will not come."""
    meeting = Meeting(tmp_path)
    assert meeting.why_not("locust") is None
    Meeting(tmp_path).failed("locust", "the first call failed")
    assert meeting.why_not("locust") == "the first call failed"
    assert meeting.stopped()
