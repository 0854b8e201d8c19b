"""The ledger of ticks: any window is one subtraction."""

from __future__ import annotations

import json

import pytest

from balancer.core.histogram import Histogram, snap
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.core.windows import (
    ALL,
    CUTS,
    FAILED,
    FINISHED,
    FIRST_TOKENS,
    NANO,
    OFFERED,
    QUOTA,
    STARTED,
    TIMED,
    TOKENS,
    Windows,
)
from tests.core.builders import served, tick

TWO_S, FIVE_S = snap(2.0), snap(5.0)


def ledger(*ticks: Observations, length: int = 10) -> Windows:
    """A ledger with cuts at 2 s and 5 s, and at 2 s to the first token."""
    found = Windows(length, length, (TWO_S, FIVE_S), (TWO_S,))
    for observations in ticks:
        found.add(observations)
    return found


def test_a_tick_is_counted_in_every_column() -> None:
    """Three answers, one 429 and one 503, of one mode."""
    entry = served(
        latencies=[1.0, 3.0, 6.0],
        ttft=[1.0, 3.0],
        started=7,
        nano_usd=11,
        tokens=13,
        quota_day=1,
        overloaded=1,
    )
    row = ledger(tick(0, entry)).since(Mode.NORMAL, -1)
    assert (row[STARTED], row[FINISHED], row[FAILED], row[QUOTA]) == (7, 5, 2, 1)
    assert (row[TOKENS], row[NANO], row[TIMED], row[FIRST_TOKENS]) == (13, 11, 3, 2)
    assert row[CUTS:] == (2, 1, 1)


def test_all_modes_together_have_a_row_of_their_own() -> None:
    """With the requests by priority, which belong to no mode."""
    both = tick(0, served(latencies=[1.0]), served(Mode.SOFT, latencies=[6.0]), offered=(3, 2, 1))
    row = ledger(both).since(ALL, -1)
    assert (row[FINISHED], row[OFFERED]) == (2, (3, 2, 1))
    assert row[CUTS:] == (1, 1, 0)


def test_requests_count_where_nothing_was_served() -> None:
    """A tick in which all was shed."""
    assert ledger(tick(0, offered=(3, 2, 1))).since(ALL, -1)[OFFERED] == (3, 2, 1)


def test_two_models_of_one_mode_add_up() -> None:
    """A fallback model's calls are evidence of the mode that made them."""
    first = served(latencies=[1.0])
    row = ledger(tick(0, first, first._replace(model="small"))).since(Mode.NORMAL, -1)
    assert row[FINISHED] == 2


def test_a_window_starts_after_its_tick() -> None:
    """Since tick 1 means ticks 2 and 3."""
    found = ledger(*(tick(index, served(latencies=[1.0] * 10**index)) for index in range(4)))
    assert found.since(Mode.NORMAL, 1)[FINISHED] == 1100
    assert found.since(Mode.NORMAL, 3)[FINISHED] == 0


def test_a_window_older_than_the_ring_is_all_the_ring_holds() -> None:
    """Ten ticks of the twenty."""
    found = ledger(*(tick(index, served(latencies=[1.0])) for index in range(20)))
    assert found.since(Mode.NORMAL, -1)[FINISHED] == 10


def test_a_window_asked_for_twice_is_not_taken_for_the_next_ticks() -> None:
    """What is kept within a tick is dropped with the next."""
    found = ledger(tick(0, served(latencies=[1.0])))
    assert found.since(Mode.NORMAL, -1) is found.since(Mode.NORMAL, -1)
    found.add(tick(1, served(latencies=[1.0])))
    assert found.since(Mode.NORMAL, -1)[FINISHED] == 2


def test_the_latencies_of_a_window_are_one_histogram() -> None:
    """Of a mode, or of all."""
    found = ledger(
        tick(0, served(latencies=[1.0])),
        tick(1, served(latencies=[2.0]), served(Mode.SOFT, latencies=[4.0])),
    )
    assert found.latency(Mode.NORMAL, -1) == Histogram.of([1.0, 2.0])
    assert found.latency(Mode.NORMAL, 0) == Histogram.of([2.0])
    assert found.latency(ALL, 0) == Histogram.of([2.0, 4.0])


def test_latencies_older_than_their_window_are_dropped() -> None:
    """They are the one thing whose size grows with traffic."""
    found = ledger(*(tick(index, served(latencies=[1.0])) for index in range(50)))
    assert found.latency(ALL, -1).total == 10


def test_a_ledger_without_first_token_cuts_counts_none() -> None:
    """The columns are not even there."""
    found = Windows(10, 10, (TWO_S,), ())
    found.add(tick(0, served(latencies=[3.0], ttft=[1.0])))
    row = found.since(Mode.NORMAL, -1)
    assert (row[FIRST_TOKENS], row[CUTS:]) == (0, (1,))


@pytest.mark.parametrize("ticks", [0, 1, 7, 25])
def test_state_is_plain_and_restores_every_window(ticks: int) -> None:
    """Through JSON and back, before, within and after the first turn of the ring."""
    found = ledger(
        *(
            tick(index, *([served(latencies=[1.0, 3.0])] if index % 3 else []))
            for index in range(ticks)
        )
    )
    state = json.loads(json.dumps(found.state()))
    again = ledger()
    again.restore(state["tick"], state["rows"], state["latencies"])
    assert again.state() == found.state()
    for since in range(max(-1, ticks - 11), ticks):
        assert again.since(Mode.NORMAL, since) == found.since(Mode.NORMAL, since)
        assert again.latency(ALL, since) == found.latency(ALL, since)


def test_what_says_nothing_of_the_upstream_is_in_no_count_but_that_of_money() -> None:
    """Four good calls and three of others' fault, one of which was billed."""
    entry = served(latencies=[1.0] * 4, nano_usd=9, rejected=1, edited=1, closed=1)
    seen = tick(0, entry, offered=(0, 7, 0))
    for row in (ledger(seen).since(Mode.NORMAL, -1), ledger(seen).since(ALL, -1)):
        assert (row[STARTED], row[FINISHED], row[FAILED], row[NANO]) == (4, 4, 0, 9)
    assert ledger(seen).since(ALL, -1)[OFFERED] == (0, 4, 0)


def test_whose_fault_it_was_is_known_at_the_end() -> None:
    """A mistake that began a tick before it ended cancels out over both."""
    began = tick(0, served(started=1), offered=(0, 1, 0))
    ended = tick(1, served(started=0, rejected=1), offered=(0, 0, 0))
    both = ledger(began, ended)
    assert both.since(ALL, 0)[STARTED] == -1
    assert (both.since(ALL, -1)[STARTED], both.since(ALL, -1)[OFFERED]) == (0, (0, 0, 0))
