"""What users felt, counted from attempts."""

from __future__ import annotations

from dataclasses import replace

from balancer.core.histogram import Histogram
from balancer.core.laws.felt import Felt, Round
from balancer.core.modes import Mode
from balancer.core.observations import ModeObservations, Observations
from balancer.core.policy import Policy
from balancer.core.signals import Signals
from tests.core.builders import STRATEGIES, failures, make_policy, table, tick

NORMAL, SOFT = Mode.NORMAL, Mode.SOFT
CHAINED = (replace(STRATEGIES[0], fallback_models=("small",), timeout_s=60.0), *STRATEGIES[1:])


class Listener:
    """Feeds ticks, one after another."""

    def __init__(self, policy: Policy) -> None:
        self.signals = Signals(policy)
        self.felt = Felt(policy, self.signals)
        self.tick = -1

    def hear(self, *entries: ModeObservations) -> Round:
        """What the users of normal felt in the next tick."""
        self.tick += 1
        self.signals.observe(tick(self.tick, *entries))
        self.felt.observe()
        silent = Round(0, 0, (0,) * 2, (0,) * 2, 0, ())
        return self.felt.now.get(NORMAL, silent)

    def lose(self) -> None:
        """A tick that nobody told of."""
        self.tick += 1
        self.signals.observe(Observations(self.tick))
        self.felt.observe()


def listener(*, chain: bool = True) -> Listener:
    """Under one latency rule: cuts at 1.6 s (exit) and 2 s."""
    rules = (*table("latency_p95", 2.0), *table("error_rate", 0.05))
    strategies = CHAINED if chain else STRATEGIES
    return Listener(make_policy(rules, law="mildest", strategies=strategies))


def calls(
    model: str = "big",
    *,
    started: int = 0,
    answers: tuple[float, ...] = (),
    ages: tuple[float, ...] = (),
    timed_out: tuple[float, ...] = (),
    refused: int = 0,
) -> ModeObservations:
    """Attempts of normal at one model."""
    finished = len(answers) + len(timed_out) + refused
    return ModeObservations(
        NORMAL,
        model,
        started=started,
        finished=finished,
        failures=failures(timeout=len(timed_out), overloaded=refused),
        latency=Histogram.of((*answers, *timed_out)),
        ages=Histogram.of(ages),
    )


def test_an_attempt_that_a_fallback_follows_is_not_felt() -> None:
    """Three refused, three started at the second model."""
    seen = listener().hear(calls(started=10, refused=3), calls("small", started=3, ages=(0.1,) * 3))
    assert seen.failed == 0


def test_a_round_that_ends_without_an_answer_is_felt() -> None:
    """Three refused, of which the second model refuses one as well."""
    seen = listener().hear(
        calls(started=10, answers=(1.0,) * 7, refused=3),
        calls("small", started=3, answers=(1.0,) * 2, refused=1),
    )
    assert (seen.failed, seen.answered) == (1, 9)


def test_without_a_fallback_every_failure_is_felt() -> None:
    """A model that is called first absorbs nothing, whichever it is."""
    seen = listener(chain=False).hear(calls(started=10, refused=3), calls("small", started=9))
    assert seen.failed == 3


def test_a_fallback_that_nothing_failed_before_absorbs_nothing() -> None:
    """The first model is out for the day and is passed over: the second one's failures count."""
    seen = listener().hear(calls("small", started=10, refused=4))
    assert seen.failed == 4


def test_a_call_is_late_once_when_its_age_passes_the_cut_and_not_again_when_it_ends() -> None:
    """In flight for three ticks, then answered."""
    hear = listener().hear
    late = [
        hear(calls(started=1, ages=(0.9,))).late[1],
        hear(calls(ages=(1.9,))).late[1],
        hear(calls(ages=(2.9,))).late[1],
        hear(calls(ages=(3.9,))).late[1],
        hear(calls(answers=(4.5,))).late[1],
    ]
    assert late == [0, 0, 1, 0, 0]


def test_a_call_that_was_never_seen_at_that_age_is_late_when_it_is_answered() -> None:
    """It passed the cut and ended within one tick."""
    seen = listener().hear(calls(started=2, answers=(2.5, 1.0)))
    assert (seen.late[1], seen.timely[1]) == (1, 1)


def test_each_cut_has_its_own_count() -> None:
    """1.8 s is above 1.6 s and below 2 s."""
    seen = listener().hear(calls(started=1, answers=(1.8,)))
    assert (seen.late, seen.timely) == ((1, 0), (0, 1))


def test_a_timeout_that_another_attempt_follows_is_no_outcome() -> None:
    """The request was late before; it goes on at the second model and is answered there."""
    hear = listener().hear
    assert hear(calls(started=1, ages=(59.5,))).late[1] == 1
    moved = hear(calls(timed_out=(60.0,)), calls("small", started=1, ages=(60.5,)))
    assert (moved.late[1], moved.failed) == (0, 0)
    ended = hear(calls("small", answers=(61.0,)))
    assert (ended.late[1], ended.answered) == (0, 1)


def test_a_round_that_times_out_is_late_and_failed() -> None:
    """No model is left."""
    hear = listener(chain=False).hear
    assert hear(calls(started=1, ages=(59.5,))).late[1] == 1
    ended = hear(calls(timed_out=(60.0,)))
    assert (ended.late[1], ended.failed) == (0, 1)


def test_a_late_call_that_is_refused_leaves_no_debt() -> None:
    """The next late one counts."""
    hear = listener(chain=False).hear
    hear(calls(started=2, ages=(5.0, 5.0)))
    assert hear(calls(ages=(6.0,), refused=1)).late[1] == 0
    assert hear(calls(ages=(7.0, 2.5))).late[1] == 1


def test_calls_in_flight_are_not_late_again_after_a_tick_that_was_lost() -> None:
    """The gauge falls to nought and comes back; who is late anew counts."""
    run = listener()
    assert run.hear(calls(started=4, ages=(5.0,) * 4)).late[1] == 4
    run.lose()
    run.lose()
    assert run.hear(calls(started=1, ages=(8.0,) * 4 + (2.5,))).late[1] == 1


def test_calls_that_vanish_are_forgotten_once_nobody_is_late() -> None:
    """As when a replica is stopped: what comes after must not be hidden by them."""
    run = listener()
    run.hear(calls(started=4, ages=(5.0,) * 4))
    run.hear(calls(started=1, ages=(0.5,)))
    assert run.hear(calls(ages=(5.0,) * 3)).late[1] == 3


def test_a_mode_that_has_nothing_to_say_is_not_counted() -> None:
    """Only those that served, or had calls in flight before."""
    run = listener()
    run.hear(calls(started=1, ages=(5.0,)))
    assert set(run.felt.now) == {NORMAL}
    run.lose()
    assert set(run.felt.now) == {NORMAL}
    run.lose()
    assert run.felt.now == {}


def test_first_tokens_are_counted_by_their_own_cut() -> None:
    """Answers whose first token came late."""
    run = Listener(make_policy(table("ttft_p95", 1.0), law="mildest"))
    entry = ModeObservations(
        NORMAL, "big", 2, 2, latency=Histogram.of([3.0, 3.0]), ttft=Histogram.of([0.5, 2.0])
    )
    seen = run.hear(entry)
    assert (seen.firsts, seen.tardy[-1]) == (2, 1)
