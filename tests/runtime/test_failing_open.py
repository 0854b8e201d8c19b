"""Failing open: whatever breaks, calls go through unchanged, loudly, until it is well again."""

from __future__ import annotations

import errno
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

from balancer.core.controller import Controller
from balancer.core.decisions import Decision
from balancer.core.modes import Mode, Priority
from balancer.core.observations import Observations
from balancer.core.policy import BudgetLimit, Policy, Strategy
from balancer.core.replay import replay
from balancer.journal_file import open_journal
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.claim import Claim
from balancer.runtime.clock import Clock, ManualClock
from balancer.runtime.control_loop import ControlLoop
from balancer.runtime.health import OFF_VARIABLE
from balancer.runtime.journal import JournalFiles
from balancer.runtime.ledger import Ledger
from balancer.runtime.ticker import ThreadTicker
from tests.waiting import GIVE_UP_S

from .bench import ANSWER, Bench


def passes_through(balancer: Balancer) -> bool:
    """Whether a low-priority call is admitted and its caller's settings left alone."""
    request = balancer.request(
        Priority.LOW, asked=Asked(model="gemini-2.5-pro", output_cap_tokens=77)
    )
    attempt = request.start()
    assert attempt is not None
    attempt.finish(ANSWER)
    return (request.plan.strategy, attempt.model, attempt.output_cap_tokens) == (
        Strategy(),
        "gemini-2.5-pro",
        77,
    )


def in_emergency(bench: Bench) -> Bench:
    """Low priority is shed, unless calls go through unchanged."""
    bench.balancer.override(Mode.EMERGENCY, "test", for_s=1000.0)
    bench.seen()
    return bench


class FullDisk(JournalFiles):
    """Files on a disk that may be full."""

    full = False

    def write(self, text: str) -> None:
        """Half of the line fits."""
        if self.full:
            super().write(text[: len(text) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(text)


class BrokenLedger(Ledger):
    """A store that cannot be reached."""

    broken = True

    def reserve(self, *args: Any, **options: Any) -> Claim | None:
        """Fails."""
        if self.broken:
            raise ConnectionError("no answer")
        return super().reserve(*args, **options)

    def advance(self, tick: int) -> None:
        """Fails."""
        if self.broken:
            raise ConnectionError("no answer")
        super().advance(tick)

    @property
    def reserved_nano_usd(self) -> int:
        """Fails."""
        if self.broken:
            raise ConnectionError("no answer")
        return super().reserved_nano_usd


def budgeted() -> Policy:
    """The default policy under a hard budget."""
    return replace(default_policy(), budgets=(BudgetLimit(usd=1.0, window_s=3600.0),))


def test_the_kill_switch_lets_calls_through_and_the_controller_goes_on() -> None:
    """By the API, with a reason, and back."""
    bench = in_emergency(Bench())
    assert bench.balancer.begin(Priority.LOW).admitted is False
    bench.balancer.bypass(True, "an incident")
    assert passes_through(bench.balancer)
    bench.seen()
    assert passes_through(bench.balancer)
    assert bench.mode is Mode.EMERGENCY
    status = bench.balancer.status()
    assert (status.bypass, status.enforced) == ("an incident", False)
    bench.balancer.bypass(False)
    assert bench.balancer.begin(Priority.LOW).admitted is False


@pytest.mark.parametrize(("value", "off"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_environment_switches_it_off(
    value: str, off: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the balancer is made."""
    monkeypatch.setenv(OFF_VARIABLE, value)
    bench = in_emergency(Bench())
    assert bench.balancer.begin(Priority.LOW).admitted is off
    assert bench.balancer.status().bypass == (f"{OFF_VARIABLE}={value}" if off else "")


def test_a_ticker_that_dies_lets_calls_through(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And can be started again."""
    balancer = Balancer(clock=Clock(speed=100.0))

    def killed(_loop: ControlLoop, tick: int) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(ControlLoop, "_close_tick", killed)
        balancer.start()
        ticker = balancer._control._ticker
        assert isinstance(ticker, ThreadTicker)
        ticker._thread.join(GIVE_UP_S)
    assert passes_through(balancer)
    status = balancer.status()
    assert not status.running
    assert status.problems == {"ticker": "SystemExit: killed"}
    assert status.failures == {"ticker": 1}
    assert "the ticker broke: calls go through unchanged: SystemExit: killed" in caplog.text
    balancer.start()
    assert balancer.status().running
    assert not passes_through(balancer)
    balancer.close()


def test_a_ticker_that_hangs_is_noticed_by_the_callers(caplog: pytest.LogCaptureFixture) -> None:
    """And its return too."""
    clock = ManualClock()
    balancer = Balancer(clock=clock)

    class Hung:
        alive = True

        def stop(self) -> None:
            """Nothing runs."""

    balancer._control.run(Hung())  # type: ignore[arg-type]
    clock.advance(9.0)
    assert not passes_through(balancer)
    clock.advance(2.0)
    assert balancer.begin().plan.strategy == Strategy()
    assert balancer.status().problems == {"ticker": "TimeoutError: no tick was stepped in time"}
    assert not balancer.status().running
    balancer.tick()
    assert not passes_through(balancer)
    assert "the ticker is well again" in caplog.text
    balancer.close()


def test_first_calls_that_come_together_find_no_ticker_that_hangs() -> None:
    """Each of them has seen that nothing is open yet, and one of them opens it first."""
    balancer = Balancer(clock=ManualClock())
    admission = balancer._admission
    assert admission.raw() > admission.alive_until
    balancer.open()
    admission.overdue()
    assert balancer.status().problems == {}
    assert not passes_through(balancer)
    balancer.close()


def test_a_controller_that_fails_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls go through for a tick; the journal has a file from there on."""
    bench = in_emergency(Bench(journal=tmp_path / "journal.jsonl"))

    def fails(self: Controller, observations: Observations) -> Decision:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Controller, "step", fails)
        bench.clock.advance(1.0)
        assert bench.balancer.tick() is None
        assert passes_through(bench.balancer)
        assert "controller" in bench.balancer.status().problems
    bench.seen()
    assert bench.balancer.status().problems == {}
    assert not passes_through(bench.balancer)
    journal = open_journal(tmp_path / "journal.jsonl")
    bench.balancer.close()
    assert journal.run["because"] == "controller"
    assert replay(journal).identical


def test_a_full_disk_lets_calls_through_until_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file it tore off is left behind; a new one begins and both replay."""
    files = FullDisk(tmp_path / "journal.jsonl")
    bench = in_emergency(Bench(journal=files))
    files.full = True
    bench.seen()
    assert "No space left" in bench.balancer.status().problems["journal"]
    assert passes_through(bench.balancer)
    assert "the journal broke: calls go through unchanged" in caplog.text
    bench.seen()
    files.full = False
    for _ in range(10):
        bench.seen()
    assert bench.balancer.status().problems == {}
    assert bench.balancer.begin(Priority.LOW).admitted is False
    bench.seen()
    bench.balancer.close()
    torn = replay(open_journal(tmp_path / "journal.1.jsonl"))
    assert torn.identical
    assert torn.ticks == 1
    assert "torn" in torn.torn
    last = open_journal(tmp_path / "journal.jsonl")
    assert last.run["because"] == "journal"
    found = replay(last)
    assert found.identical
    assert found.ticks == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_device_that_is_always_full_does_not_keep_an_application_from_starting() -> None:
    """It goes through from the first call on, and closes without an error."""
    bench = Bench(journal="/dev/full")
    assert "journal" in bench.balancer.status().problems
    assert passes_through(bench.balancer)
    bench.seen()
    bench.balancer.close()
    assert Path("/dev/full").exists()


def test_a_state_that_cannot_be_written_lets_calls_through(tmp_path: Path) -> None:
    """Until it can."""
    state = tmp_path / "gone" / "state.json"
    bench = in_emergency(Bench(state=state))
    assert "state" in bench.balancer.status().problems
    assert passes_through(bench.balancer)
    state.parent.mkdir()
    bench.seen()
    assert bench.balancer.status().problems == {}
    assert json.loads(state.read_text())["snapshot"] == 1


def test_a_ledger_that_fails_refuses(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be counted would be beyond the budget; it serves again when it can count."""
    policy = budgeted()
    ledger = BrokenLedger(policy)
    bench = Bench(policy, ledger=ledger)
    request = bench.balancer.request()
    assert (request.shed, request.refusal) == (True, "budget")
    assert "no answer" in bench.balancer.status().problems["ledger"]
    bench.seen()
    assert "the ledger broke" in caplog.text
    ledger.broken = False
    bench.seen()
    assert not passes_through(bench.balancer)
    assert bench.balancer.status().failures["ledger"] >= 2


BREAKS = ("journal", "state", "controller", "ticker", "closed")


@pytest.mark.parametrize("broken", BREAKS)
def test_whatever_else_breaks_a_hard_budget_goes_on_refusing(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls go through unchanged, and no further than their budget; its windows roll on."""
    policy = replace(default_policy(), budgets=(BudgetLimit(usd=0.01, window_s=60.0),))
    files = FullDisk(tmp_path / "journal.jsonl")
    state = tmp_path / ("gone" if broken == "state" else ".") / "state.json"
    bench = Bench(policy, journal=files, state=state)
    balancer = bench.balancer
    if broken == "journal":
        files.full = True
        bench.seen()
    elif broken == "controller":
        monkeypatch.setattr(Controller, "step", lambda _self, _seen: 1 // 0)
        bench.clock.advance(1.0)
        balancer.tick()
    elif broken == "ticker":
        balancer._control._watchdog.died(RuntimeError("killed"))
    elif broken == "closed":
        balancer.close()
    assert not balancer.enforced
    asked = Asked(prompt_tokens=1000, output_cap_tokens=100_000)
    spent = 0
    for _ in range(300):
        request = balancer.request(asked=asked)
        attempt = request.start()
        if attempt is None:
            break
        claim = attempt.claim
        assert claim is not None
        attempt.finish(Outcome(prompt_tokens=1000, output_tokens=claim.cap_tokens))
        (standing,) = balancer.budgets()
        spent = standing.used
        assert standing.used + standing.reserved + standing.left == 10_000_000
    else:
        pytest.fail("all calls went past the budget")
    assert 0 < spent <= 10_000_000
    bench.clock.advance(70.0)
    assert balancer.request(asked=asked).start() is not None
    files.close()


def test_the_kill_switch_alone_lets_calls_past_a_budget() -> None:
    """On purpose."""
    bench = Bench(budgeted())
    bench.balancer.ledger.book(10**9)
    assert bench.balancer.request().refusal == "budget"
    bench.balancer.bypass(True, "an incident")
    assert passes_through(bench.balancer)


def test_what_is_spent_while_calls_go_through_is_booked() -> None:
    """So that the budget is right when it is kept again."""
    bench = Bench(budgeted())
    bench.balancer.bypass(True, "test")
    with bench.balancer.request(asked=Asked(prompt_tokens=1000)) as request:
        attempt = request.start()
        assert attempt is not None
        attempt.finish(ANSWER)
    room = bench.balancer.ledger.headroom_nano_usd()
    assert room is not None
    assert room < 1_000_000_000


def test_the_log_tells_of_a_problem_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And not every second."""
    caplog.set_level(logging.ERROR)
    bench = Bench(journal=tmp_path / "gone" / "journal.jsonl")
    for _ in range(30):
        bench.seen()
    assert caplog.text.count("the journal broke") == 1
    assert bench.balancer.status().failures["journal"] == 4


def test_a_stream_that_fails_to_close_is_let_go(tmp_path: Path) -> None:
    """What cannot be flushed is lost; the next file is begun."""
    files = JournalFiles(tmp_path / "journal.jsonl")

    class Stuck:
        def close(self) -> None:
            """Fails."""
            raise OSError(errno.EIO, "I/O error")

    stream: IO[str] = Stuck()  # type: ignore[assignment]
    files._stream = stream
    files.begin(default_policy(), {}, None)
    files.close()
