"""How sure a difference between two journals is."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.journal import Entry
from balancer.journal_file import open_journal
from balancer.policy_file import default_policy
from loadtests.bootstrap import FIGURES, spread
from sim.run.engine import simulate

from .small import small_scenario

TICKS = 60


def journal(path: Path, replication: int) -> list[Entry]:
    """A simulated minute."""
    simulate(
        small_scenario(workload={"arrivals": {"rate": 20}}),
        default_policy(),
        replication=replication,
        arm="policy",
        journal=path,
    )
    return list(open_journal(path))


def between(one: list[Entry], other: list[Entry]) -> dict[str, tuple[float, float]]:
    """The spread of their difference."""
    return spread(one, other, from_tick=0, until_tick=TICKS, relative=["latency_p95_s"])


def test_the_same_journal_differs_by_nothing_for_sure(tmp_path: Path) -> None:
    """In every figure."""
    found = journal(tmp_path / "a.jsonl", 0)
    same = between(found, found)
    assert set(same) == set(FIGURES)
    assert same["latency_p95_s"] == (0.0, 0.0)
    assert same["cost_usd"] == (0.0, 0.0)


def test_other_requests_leave_more_in_doubt(tmp_path: Path) -> None:
    """And the same journals give the same interval again."""
    one, other = journal(tmp_path / "a.jsonl", 0), journal(tmp_path / "b.jsonl", 1)
    found = between(one, other)
    assert found["latency_p95_s"][0] > 0
    assert found["latency_p95_s"][1] > 0
    assert found["cost_usd"] == pytest.approx(between(one, other)["cost_usd"])
