"""An hour that is kept ready gives what a run of its own gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from balancer.core.errors import InputError
from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.playground import cancelling
from sim.playground.cancelling import SupersededError
from sim.playground.session import Session
from sim.run.engine import simulate
from sim.run.result import NONE, POLICY, STATIC

SHORT = load("latency_spike", ["duration=20m", "workload.arrivals.rate=3"]).scenario


def test_what_is_drawn_is_what_a_run_gives() -> None:
    """The same changes of mode and metrics as `simulate`, and twice the same."""
    session, policy = Session(SHORT), default_policy()
    drawn = session.what_if(policy, slot=None)
    run = simulate(SHORT, policy, replication=0, arm=POLICY)
    assert drawn.run.metrics == pytest.approx(dict(run.metrics), nan_ok=True)
    assert drawn.run.transitions == run.transitions
    assert drawn.run.transitions
    again = session.what_if(policy, slot=None)
    for name, line in drawn.lines.items():
        np.testing.assert_array_equal(line.values, again.lines[name].values)


def test_a_threshold_moves_nothing_in_the_arms_beside() -> None:
    """They are run once; what they get of the policy runs them anew."""
    session, policy = Session(SHORT), default_policy()
    before = session.beside(policy, slot=None)
    rules = (replace(policy.rules[0], threshold=6.0), *policy.rules[1:])
    after = session.beside(replace(policy, rules=rules), slot=None)
    assert all(after[arm] is before[arm] for arm in (STATIC, NONE))
    retries = replace(policy.strategies[0], retries=0)
    other = session.beside(replace(policy, strategies=(retries, *policy.strategies[1:])), slot=None)
    assert other[STATIC].key != before[STATIC].key
    assert other[NONE] is before[NONE]


def test_replications_are_those_of_a_run() -> None:
    """Of every arm, and the requests are the same in all of them."""
    session, policy = Session(SHORT), default_policy()
    for run in session.runs(policy, (POLICY, STATIC), 2, slot=None):
        expected = simulate(SHORT, policy, replication=2, arm=run.arm)
        assert run.metrics == pytest.approx(dict(expected.metrics), nan_ok=True)
        assert run.replication == 2


def test_a_run_that_nobody_waits_for_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second of its time, not at its end."""
    flags = bytearray(cancelling.SLOTS)
    monkeypatch.setattr(cancelling, "_flags", flags)
    flags[5] = 1
    with pytest.raises(SupersededError):
        Session(SHORT).what_if(default_policy(), slot=5)
    assert Session(SHORT).what_if(default_policy(), slot=6).run.transitions


def test_what_takes_too_long_is_refused_before_it_runs() -> None:
    """With a word on what to do."""
    year = load("steady", ["duration=60d"]).scenario
    with pytest.raises(InputError, match="too long to play with; use open-balancer run"):
        Session(year).what_if(default_policy(), slot=None)
