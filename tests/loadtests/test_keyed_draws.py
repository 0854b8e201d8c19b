"""Live requests draw what their simulated twins draw."""

from __future__ import annotations

from loadtests.keyed_draws import KeyedDraws
from sim.streams import BACKOFF, PLAN, replication_key, uniform

KEY = replication_key(7, 2)


def test_draws_are_the_simulators() -> None:
    """For plans and for backoffs."""
    draws = KeyedDraws(KEY)
    assert draws.plan(41) == uniform(KEY, PLAN, 41, 0)
    assert draws.backoff(41, 2) == uniform(KEY, BACKOFF, 41, 2)


def test_requests_without_an_index_draw_anything() -> None:
    """Two draws of the same purpose differ."""
    draws = KeyedDraws(KEY)
    assert draws.plan(None) != draws.plan(None)
    assert 0 <= draws.backoff(None, 1) < 1
