"""A journal's changes are those that the simulator counts."""

from __future__ import annotations

from pathlib import Path

from balancer.journal_file import open_journal
from balancer.policy_file import default_model, default_policy
from loadtests.journals import servings, transitions, write_journal
from sim.run.engine import simulate

from .small import small_scenario

HANG = small_scenario(
    duration=300,
    workload={"arrivals": {"rate": 5}},
    faults=[{"kind": "hang", "at": 30, "for": 60, "model": default_model()}],
)


def test_changes_are_those_of_the_run(tmp_path: Path) -> None:
    """Modes, seconds and reasons, and what requests got."""
    policy = default_policy()
    path = tmp_path / "run.jsonl"
    # Live the lag is whatever it is: a journal knows the tick alone.
    hang = HANG.model_copy(update={"decision_lag": 0.0})
    run = simulate(hang, policy, replication=0, arm="policy", journal=path)
    entries = list(open_journal(path))
    assert run.transitions
    assert transitions(entries, policy, HANG.duration) == run.transitions
    # A run says from second 0 on what it begins with, a journal from its first decision on.
    assert servings(entries, policy, HANG.duration)[1:] == run.servings[1:]


def test_a_journal_written_anew_is_the_same(tmp_path: Path) -> None:
    """To the byte, header included."""
    policy = default_policy()
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    simulate(HANG, policy, replication=2, arm="policy", journal=one)
    write_journal(other, list(open_journal(one)), HANG, policy, replication=2)
    assert other.read_bytes() == one.read_bytes()
