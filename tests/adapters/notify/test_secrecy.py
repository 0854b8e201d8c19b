"""Addresses are secrets: whatever goes wrong, nothing shows them."""

from __future__ import annotations

import json
import logging
import traceback
from dataclasses import replace

import pytest

from balancer.adapters.notify import parse_channels
from balancer.adapters.notify.trial import try_channels
from tests.adapters.notify.conftest import Make, notice
from tests.adapters.notify.receiver import MARKER, Receiver, Reply
from tests.waiting import free_port, until

FAULTS = [
    Reply(status=404, text=f"<p>Cannot POST /hook/{MARKER}?key={MARKER}</p>"),
    Reply(status=400, text=json.dumps({"error": {"code": MARKER, "message": MARKER}})),
    Reply(status=301, headers={"Location": f"http://127.0.0.1:9/{MARKER}"}),
    Reply(status=500, text=MARKER),
    Reply(status=429, headers={"Retry-After": MARKER, "Set-Cookie": f"a={MARKER}"}),
    Reply(status=0),
]


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that any logger says, at the most talkative, with asyncio in debug mode."""
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    caplog.set_level(1)
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(f"{record.name} {record.getMessage()} {record.args!r}")
            if record.exc_info:
                said.extend(traceback.format_exception(*record.exc_info))

    handler = Keep(1)
    root = logging.getLogger()
    root.addHandler(handler)
    monkeypatch.setattr(root, "handlers", [handler, *root.handlers])
    return said


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.status))
def test_no_answer_makes_anything_show_an_address(
    make: Make, there: Receiver, everything: list[str], fault: Reply
) -> None:
    """Neither logs of any library, nor status, nor representations."""
    there.replies.extend([fault] * 3)
    notifier = make(there.slack, there.teams, there.hook)
    notifier.tell(notice())
    there.wait(3)
    until(lambda: all(channel.attempts for channel in notifier.status().channels))
    notifier.close()
    found = notifier.status()
    shown = [
        *everything,
        repr(found),
        json.dumps(found.plain()),
        repr(notifier),
        str(vars(notifier)),
    ]
    assert any(channel.name in line for channel in found.channels for line in everything)
    assert [line for line in shown if MARKER in line] == []


def test_an_address_that_nobody_listens_at_is_not_shown(make: Make, everything: list[str]) -> None:
    """Refused connections and names that are not found: their errors quote where they went."""
    port = free_port()
    notifier = make(
        f"slack+http://127.0.0.1:{port}/services/T/B/{MARKER}",
        f"http://nobody.invalid/{MARKER}?key={MARKER}",
        f"json+https://127.0.0.1:{port}/{MARKER}",
        patience_s=0.1,
    )
    notifier.tell(notice())
    until(lambda: all(channel.failed for channel in notifier.status().channels))
    problems = [channel.problem for channel in notifier.status().channels]
    assert problems[0] == "cannot be reached: Connection refused"
    assert problems[1] == "has a host name that is not found"
    shown = [*everything, *problems, repr(notifier.status())]
    assert [line for line in shown if MARKER in line] == []


def test_a_trial_shows_no_address(there: Receiver, everything: list[str]) -> None:
    """What `notify test` prints comes from it."""
    there.replies.extend([FAULTS[0], FAULTS[0], FAULTS[0]])
    channels = parse_channels(f"{there.slack} {there.teams} {there.hook}")
    trials = try_channels(channels, service="shop")
    assert [trial.ok for trial in trials] == [False] * 3
    assert MARKER not in f"{trials!r}{everything!r}{[trial.problem for trial in trials]}"


def test_a_bug_that_quotes_an_address_is_told_by_its_kind(there: Receiver) -> None:
    """An address aiohttp cannot even read; its error would quote all of it."""
    (channel,) = parse_channels(there.hook)
    broken = replace(channel, url=f"http:///{MARKER}")
    (trial,) = try_channels([broken], service="shop")
    assert trial.problem.startswith("could not be asked: Invalid")
    assert MARKER not in repr(trial)
