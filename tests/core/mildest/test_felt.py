"""What users felt: each request once, whatever its attempts were and whichever ticks were lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.histogram import Histogram, edge_s
from balancer.core.laws.felt import Felt, Round
from balancer.core.laws.standards import bad_counts
from balancer.core.modes import Mode
from balancer.core.observations import ModeObservations, ModeRequests, Observations, merge_replicas
from balancer.core.policy import Policy
from balancer.core.signals import Signals
from tests.core.builders import make_policy, table, tick

NORMAL = Mode.NORMAL
CUT_S = 2.0


class Listener:
    """Feeds ticks, one after another."""

    def __init__(self, policy: Policy) -> None:
        self.signals = Signals(policy)
        self.felt = Felt(self.signals)
        self.tick = -1

    def hear(self, *requests: ModeRequests) -> Round:
        """What the users of normal felt in the next tick."""
        self.take(Observations(self.tick + 1, requests=requests))
        return self.felt.now[NORMAL]

    def take(self, seen: Observations) -> None:
        """Take in a tick."""
        self.tick = seen.tick
        self.signals.observe(seen)
        self.felt.observe()

    def lose(self) -> None:
        """A tick that nobody told of."""
        self.take(Observations(self.tick + 1))


def listener() -> Listener:
    """Under one latency rule: cuts at 1.6 s (exit) and 2 s."""
    return Listener(make_policy((*table("latency_p95", CUT_S), *table("error_rate", 0.05))))


def requests(
    begun: int = 0,
    *,
    answered: tuple[float, ...] = (),
    failed: tuple[float, ...] = (),
    ages: tuple[float, ...] = (),
) -> ModeRequests:
    """Requests of normal."""
    return ModeRequests(
        NORMAL, begun, Histogram.of(answered), Histogram.of(failed), Histogram.of(ages)
    )


def test_each_request_is_answered_or_failed_once() -> None:
    """However many attempts it took."""
    seen = listener().hear(requests(10, answered=(1.0,) * 7, failed=(0.5,) * 2, ages=(0.1,)))
    assert (seen.begun, seen.answered, seen.failed) == (10, 7, 2)


def test_a_request_is_late_once_when_its_age_passes_the_cut_and_not_again_when_it_ends() -> None:
    """In flight for three ticks, then answered."""
    hear = listener().hear
    late = [
        hear(requests(1, ages=(0.9,))).late(1),
        hear(requests(ages=(1.9,))).late(1),
        hear(requests(ages=(2.9,))).late(1),
        hear(requests(ages=(3.9,))).late(1),
        hear(requests(answered=(4.5,))).late(1),
    ]
    assert late == [0, 0, 1, 0, 0]


def test_a_request_that_was_never_seen_at_that_age_is_late_when_it_is_answered() -> None:
    """It passed the cut and ended within one tick."""
    seen = listener().hear(requests(2, answered=(2.5, 1.0)))
    assert (seen.late(1), seen.answered - seen.slow[1]) == (1, 1)


def test_each_cut_has_its_own_count() -> None:
    """1.8 s is above 1.6 s and below 2 s."""
    seen = listener().hear(requests(1, answered=(1.8,)))
    assert (seen.late(0), seen.late(1)) == (1, 0)
    assert (seen.answered, seen.slow[:2]) == (1, (1, 0))


def test_a_request_that_was_late_and_fails_is_late_once_and_failed_once() -> None:
    """For the rules; of all requests it is one, and failed."""
    hear = listener().hear
    waits = hear(requests(1, ages=(5.0,)))
    ends = hear(requests(failed=(5.5,)))
    assert (waits.late(1), waits.failed) == (1, 0)
    assert (ends.late(1), ends.failed) == (0, 1)
    assert [sum(counts) for counts in zip(bad_counts(waits), bad_counts(ends), strict=True)] == [
        1,
        0,
        1,
    ]


def test_a_request_that_fails_late_unseen_is_one_bad_request() -> None:
    """It passed the cut and failed within one tick."""
    seen = listener().hear(requests(1, failed=(2.5,)))
    assert (seen.late(1), seen.failed) == (1, 1)
    assert bad_counts(seen) == (1, 0, 1)


def test_without_a_latency_rule_nobody_is_late() -> None:
    """There is no cut."""
    run = Listener(make_policy(table("error_rate", 0.05)))
    seen = run.hear(requests(3, answered=(50.0, 1.0), failed=(9.0,)))
    assert bad_counts(seen) == (1, 0, 3)


def test_requests_in_flight_are_not_late_again_after_ticks_that_were_lost() -> None:
    """Who became late meanwhile, or now, counts."""
    run = listener()
    assert run.hear(requests(4, ages=(5.0,) * 4)).late(1) == 4
    run.lose()
    run.lose()
    assert run.hear(requests(ages=(8.0,) * 4)).late(1) == 0
    assert run.hear(requests(1, ages=(9.0,) * 4 + (2.5,))).late(1) == 1


def test_what_ended_in_a_lost_tick_hides_nobody_for_long() -> None:
    """Four late ones ended there; the next late one counts."""
    run = listener()
    run.hear(requests(4, ages=(5.0,) * 4))
    run.lose()
    run.hear(requests(1, ages=(0.5,)))
    assert run.hear(requests(ages=(2.5,))).late(1) == 1


def test_a_replica_that_was_silent_for_a_tick_is_not_late_again() -> None:
    """Of two the other one spoke."""
    run = listener()
    one, other = requests(3, ages=(5.0,) * 3), requests(2, ages=(5.0,) * 2)
    late: list[int] = []
    for heard in ((one, other), (other,), (one, other)):
        here = run.tick + 1
        parts = [
            Observations(here, requests=(part if late == [] else part._replace(begun=0),))
            for part in heard
        ]
        run.take(merge_replicas(parts))
        late.append(run.felt.now[NORMAL].late(1))
    assert late == [5, 0, 0]


def test_a_late_request_that_its_caller_cancels_hides_nobody_after_it() -> None:
    """It is gone; the next late one counts."""
    hear = listener().hear
    hear(requests(2, ages=(5.0, 5.0)))
    assert hear(requests(ages=(6.0,))).late(1) == 0
    assert hear(requests(1, ages=(7.0, 2.5))).late(1) == 1


def test_a_law_that_begins_while_requests_are_late_does_not_count_them() -> None:
    """It was not told when they began."""
    hear = listener().hear
    assert hear(requests(ages=(5.0,) * 3)).late(1) == 0
    assert hear(requests(1, ages=(6.0,) * 3 + (2.5,))).late(1) == 1


def test_only_modes_that_speak_are_counted() -> None:
    """A silent tick is nobody's."""
    run = listener()
    run.hear(requests(1, ages=(5.0,)))
    assert set(run.felt.now) == {NORMAL}
    run.lose()
    assert run.felt.now == {}


def test_first_tokens_are_counted_by_their_own_cut() -> None:
    """Answers whose first token came late."""
    run = Listener(make_policy(table("ttft_p95", 1.0)))
    entry = ModeObservations(
        NORMAL, "big", 2, 2, latency=Histogram.of([3.0, 3.0]), ttft=Histogram.of([0.5, 2.0])
    )
    run.take(tick(0, entry))
    seen = run.felt.now[NORMAL]
    assert (seen.firsts, seen.tardy[-1]) == (2, 1)


LIVES = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from([0.5, 1.5, 3.0, 7.0]), st.booleans()),
    max_size=20,
)
"""Requests: tick and length in ticks of a second, and whether they are answered."""


@given(LIVES)
def test_every_request_is_late_exactly_once_if_it_lives_longer_than_the_cut(
    lives: list[tuple[int, float, bool]],
) -> None:
    """For any requests, begun a tenth of a second into their tick; `bad` counts each once."""
    run = listener()
    late = 0
    totals = [0, 0, 0]
    for now in range(32):
        here = [(now + 1.0 - at - 0.1, length, well) for at, length, well in lives if at <= now]
        ended = [(length, well) for age, length, well in here if length <= age < length + 1.0]
        entry = requests(
            sum(at == now for at, _, _ in lives),
            answered=tuple(length for length, well in ended if well),
            failed=tuple(length for length, well in ended if not well),
            ages=tuple(age for age, length, _ in here if age < length),
        )
        if entry == requests():
            run.lose()
            continue
        seen = run.hear(entry)
        late += seen.late(1)
        totals = [total + n for total, n in zip(totals, bad_counts(seen), strict=True)]
    edge = edge_s(run.signals.windows.latency_cuts[1])
    assert edge == pytest.approx(CUT_S, rel=0.01)
    assert late == sum(length > edge for _, length, _ in lives)
    assert totals == [
        sum(not well for _, _, well in lives),
        sum(length > 1.6 for _, length, well in lives if well),
        len(lives),
    ]


def test_a_mistake_is_no_failure_and_nobody_gave_up() -> None:
    """Neither when it ends at once, nor when its request began a tick before."""
    found = listener()
    assert found.hear(requests(2, answered=(1.0,))._replace(unjudged=(0, 1, 0)))[:3] == (1, 1, 0)
    found.hear(requests(1, ages=(0.5,)))
    later = found.hear(requests()._replace(unjudged=(1, 0, 0)))
    assert (later.begun, later.failed, later.gone) == (-1, 0, 0)
    assert (later.late(0), later.late(1)) == (0, 0)
