"""Restarts: the snapshot, the journal's tail, and what was spent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balancer.core.controller import Controller
from balancer.core.modes import Mode, Priority
from balancer.core.policy import BudgetLimit
from balancer.core.replay import replay
from balancer.journal_file import open_journal
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked
from balancer.runtime.clock import Clock, ManualClock
from balancer.runtime.disk import Disk
from balancer.runtime.journal import JournalFiles
from balancer.runtime.ledger import Ledger

from .bench import ANSWER, Bench, Halves


def controller_of(bench: Bench) -> Controller:
    """The one that decides."""
    return bench.balancer._control.step.controller


def killed(bench: Bench) -> None:
    """The process dies: nothing more is written, and its files are closed by the system."""
    assert bench.balancer._control._persistence._journal is not None
    bench.balancer._control._persistence._journal.close()


def test_a_snapshot_is_on_the_disk_before_it_replaces_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power leaves a whole one."""
    synced: list[str] = []

    def sync(_disk: Disk, handle: int) -> None:
        paths = (tmp_path, *tmp_path.iterdir())
        found = os.fstat(handle)
        synced.extend(path.name for path in paths if os.path.samestat(found, path.stat()))

    monkeypatch.setattr(Disk, "sync", sync)
    Bench(state=tmp_path / "state.json").seen()
    assert synced == ["state.json.new", tmp_path.name]


def in_files(directory: Path) -> dict[str, Any]:
    """Where a balancer keeps itself."""
    return {"journal": directory / "journal.jsonl", "state": directory / "state.json"}


def test_a_restart_goes_on_where_a_clean_end_was(tmp_path: Path) -> None:
    """In the same mode, on the same scale of ticks, deciding as it would have."""
    bench = Bench(**in_files(tmp_path))
    bench.brown_out(30)
    bench.balancer.close()
    after = Bench(now_s=40.0, **in_files(tmp_path))
    assert after.mode is bench.mode
    assert after.balancer.begin().plan.mode is bench.mode
    assert after.balancer.status().kept == "everything"
    after.seen()
    assert after.ticks[0][0].tick == 40
    after.balancer.close()
    journal = open_journal(tmp_path / "journal.jsonl")
    assert journal.run["because"] == "restart"
    assert replay(journal).identical


def test_the_journals_tail_brings_a_snapshot_up_to_date(tmp_path: Path) -> None:
    """Killed 20 ticks after the last snapshot; it decides as one that lived on."""
    bench = Bench(**in_files(tmp_path))
    bench.seen()
    saved = json.loads((tmp_path / "state.json").read_text())
    bench.brown_out(20)
    assert saved == json.loads((tmp_path / "state.json").read_text())
    killed(bench)
    after = Bench(now_s=21.0, **in_files(tmp_path))
    assert controller_of(after).state() == controller_of(bench).state()
    assert after.mode is bench.mode
    after.balancer.close()


@pytest.mark.parametrize("max_bytes", [1, 5_000])
def test_a_file_that_began_after_the_snapshot_counts(tmp_path: Path, max_bytes: int) -> None:
    """Its header is the newer state."""
    files = JournalFiles(tmp_path / "journal.jsonl", max_bytes=max_bytes)
    bench = Bench(journal=files, state=tmp_path / "state.json")
    bench.brown_out(40)
    killed(bench)
    after = Bench(now_s=40.0, journal=files, state=tmp_path / "state.json")
    assert controller_of(after).state() == controller_of(bench).state()
    after.balancer.close()


def test_a_restart_under_another_policy_keeps_what_it_may(tmp_path: Path) -> None:
    """As hot reload does."""
    bench = Bench(**in_files(tmp_path))
    bench.brown_out(30)
    bench.balancer.close()
    policy = default_policy()
    rules = tuple(replace(rule, threshold=rule.threshold * 1.5) for rule in policy.rules)
    after = Bench(replace(policy, rules=rules), now_s=31.0, **in_files(tmp_path))
    assert after.mode is bench.mode
    assert after.balancer.status().kept.startswith("mode and orders")
    after.balancer.close()


def test_a_clock_set_back_meanwhile_does_not_set_the_ticks_back(tmp_path: Path) -> None:
    """They go on after the last one."""
    bench = Bench(now_s=1000.0, **in_files(tmp_path))
    bench.seen()
    bench.balancer.close()
    after = Bench(now_s=5.0, **in_files(tmp_path))
    after.seen()
    assert after.ticks[0][0].tick == 1002
    after.balancer.close()


def test_a_real_clock_takes_up_the_epoch_of_the_process_before(tmp_path: Path) -> None:
    """So that its ticks are on the same scale."""
    bench = Bench(now_s=0.0, **in_files(tmp_path))
    bench.seen()
    bench.balancer.close()
    values = json.loads((tmp_path / "state.json").read_text())
    values["epoch"] = 1_000_000.0
    (tmp_path / "state.json").write_text(json.dumps(values))
    clock = Clock()
    real = Balancer(clock=clock, **in_files(tmp_path)).open()
    assert clock.epoch == 1_000_000.0
    real.close()


NESTED = "[" * 100_000
"""More than Python reads."""


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", '{"policy": {}}', '{"policy": null, "state": {}, "epoch": 0}',
        NESTED, '{"policy": %s}' % ("[" * 900 + "]" * 900),
    ],
)  # fmt: skip
def test_a_state_that_is_no_state_begins_afresh(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An application starts all the same, and the log names the file."""
    (tmp_path / "state.json").write_text(text)
    bench = Bench(state=tmp_path / "state.json")
    bench.seen()
    assert bench.mode is Mode.NORMAL
    assert "state.json" in caplog.text


def test_a_state_taken_apart_begins_afresh(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever key is missing."""
    bench = Bench(state=tmp_path / "state.json")
    bench.brown_out(30)
    bench.balancer.close()
    values = json.loads((tmp_path / "state.json").read_text())
    for name in list(values["state"]):
        broken = {key: value for key, value in values["state"].items() if key != name}
        (tmp_path / "state.json").write_text(json.dumps({**values, "state": broken}))
        caplog.clear()
        Bench(state=tmp_path / "state.json")
        assert ("cannot be taken up" in caplog.text) or name == "bounds"


@pytest.mark.parametrize("damage", ["gone", "garbage", "nested", "another policy"])
def test_without_a_tail_the_snapshot_stands(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The journal is lost, not the state."""
    bench = Bench(**in_files(tmp_path))
    bench.brown_out(30)
    bench.balancer.close()
    journal = tmp_path / "journal.jsonl"
    if damage == "gone":
        journal.unlink()
    elif damage == "garbage":
        journal.write_text("garbage\n")
    elif damage == "nested":
        journal.write_text(f"{NESTED}\n")
    else:
        journal.unlink()
        other = Bench(replace(default_policy(), name="other"), journal=journal)
        other.seen()
        other.balancer.close()
    after = Bench(now_s=31.0, **in_files(tmp_path))
    assert after.mode is bench.mode
    assert ("tail is lost" in caplog.text) is (damage != "another policy")
    after.balancer.close()


def test_what_was_spent_is_not_forgotten(tmp_path: Path) -> None:
    """Of a process that was killed with a call in flight: it may have cost all that was held."""
    policy = replace(default_policy(), budgets=(BudgetLimit(usd=1.0, window_s=3600.0),))
    bench = Bench(policy, **in_files(tmp_path))
    asked = Asked(prompt_tokens=1000)
    bench.seen()
    first = bench.balancer.request(asked=asked)
    attempt = first.start()
    assert attempt is not None
    attempt.finish(ANSWER)
    second = bench.balancer.request(asked=asked)
    second.start()
    bench.seen()
    room = bench.balancer.ledger.headroom_nano_usd()
    killed(bench)
    after = Bench(policy, now_s=3.0, **in_files(tmp_path))
    assert after.balancer.ledger.headroom_nano_usd() == room
    after.balancer.close()
    second.close()


def test_a_budget_file_of_the_version_before_is_taken_up(tmp_path: Path) -> None:
    """It was replaced every tick; what it lacks is taken from the journal."""
    policy = replace(default_policy(), budgets=(BudgetLimit(usd=1.0, window_s=3600.0),))
    bench = Bench(policy, **in_files(tmp_path))
    bench.seen()
    state = bench.balancer.ledger.state()
    before = {name: state[name] for name in ("tick", "tick_s", "rows", "priority")}
    with bench.balancer.request() as request:
        attempt = request.start()
        assert attempt is not None
        attempt.finish(ANSWER)
    bench.seen()
    room = bench.balancer.ledger.headroom_nano_usd()
    assert room != 1_000_000_000
    killed(bench)
    for path in tmp_path.glob("state.json.budget-*"):
        path.unlink()
    (tmp_path / "state.json.budget").write_text(json.dumps(before))
    after = Bench(policy, now_s=3.0, **in_files(tmp_path))
    assert after.balancer.ledger.headroom_nano_usd() == room
    assert after.balancer.status().budget_loss == ""
    assert not (tmp_path / "state.json.budget").exists()
    after.balancer.close()


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    """A balancer that is only made leaves no file; a start, a call or a question opens them."""
    questions: list[Callable[[Balancer], object]] = [
        Balancer.start,
        Balancer.begin,
        Balancer.request,
        Balancer.status,
    ]
    for number, question in enumerate(questions):
        folder = tmp_path / str(number)
        folder.mkdir()
        balancer = Balancer(clock=ManualClock(), **in_files(folder))
        assert list(folder.iterdir()) == []
        question(balancer)
        assert (folder / "journal.jsonl").exists()
        balancer.close()


def test_a_first_call_gets_the_plan_that_held_before(tmp_path: Path) -> None:
    """And it begins by the clock that a restart goes on by."""
    bench = Bench(**in_files(tmp_path))
    bench.brown_out(30)
    plan = bench.balancer.plan(Priority.HIGH, u=0.5)
    bench.balancer.close()
    after = Balancer(clock=ManualClock(), draws=Halves(), **in_files(tmp_path))
    call = after.begin(Priority.HIGH, u=0.5)
    assert call.plan == plan
    assert call.since == after.clock.raw() > 30.0
    after.close()


def test_balancers_that_share_a_ledger_may_begin_in_any_order(tmp_path: Path) -> None:
    """What one spent before the other took up what was written is not forgotten."""
    policy = replace(default_policy(), budgets=(BudgetLimit(usd=1.0, window_s=3600.0),))
    before = Bench(policy, state=tmp_path / "state.json")
    before.balancer.ledger.book(300_000_000)
    before.balancer.close()
    ledger = Ledger(policy)
    keeper = Balancer(policy, clock=ManualClock(), ledger=ledger, state=tmp_path / "state.json")
    ledger.book(200_000_000)
    assert [standing.used for standing in keeper.budgets()] == [500_000_000]
    keeper.close()
