"""From the ticks that the controller sees and decides to metrics: the one place that says how.

The same code serves the live Balancer and a journal read later: both give observations and
decisions, tick by tick. What only single calls can tell (the GenAI histograms) comes beside
them, where there are calls; the process, the fleet and what is passed on are told by `live`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from balancer import metrics
from balancer.core.decisions import Decision
from balancer.core.modes import MODES, PRIORITIES, Mode
from balancer.core.observations import FAILURES, ILLNESSES, ModeObservations, Observations
from balancer.core.policy import Policy
from balancer.core.pricing import NANO_USD
from balancer.runtime.ledger import Ledger

from .rolling import Rolling
from .series import Attributes, Series

__all__ = ["Tally"]

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0

(
    _STARTED,
    _FINISHED,
    _FAILED,
    _NANO,
    _OFFERED,
    _NORMAL_FINISHED,
    _NORMAL_NANO,
    _GIVEN_UP,
) = range(8)
"""Columns of the rolling sums."""


class Tally:
    """Keeps the series of one controller up to date.

    Args:
        policy: its budgets and, for the estimate of what is saved, its prices.
        everywhere: attributes that every point gets, such as the arm of a simulation.
        left: what the policy's hard budgets still afford, in nano-dollars and in their order;
            None reckons it from what was observed, for those that are everybody's.
        mode: that the controller is in; what was before is not this one's to count.

    Attributes:
        series: the totals.
        given_up: calls that their callers gave up since the last tick, to be counted by whoever
            sees single calls: they ended without failing, and are no answers.
    """

    __slots__ = (
        "_activated_tick", "_day", "_everywhere", "_flying", "_hour", "_left", "_minute", "_mode",
        "_policy", "_quality", "_reckoned", "_scores", "given_up", "series",
    )  # fmt: skip

    def __init__(
        self,
        policy: Policy,
        everywhere: Attributes = (),
        left: Callable[[], Mapping[tuple[str | None, float], int]] | None = None,
        mode: Mode = Mode.NORMAL,
    ) -> None:
        self.series = Series()
        self._policy = policy
        self._everywhere = everywhere
        self._left = left
        self._reckoned = Ledger(policy) if left is None else None
        self.given_up = 0
        self._flying: set[Attributes] = set()
        self._mode = mode
        self._activated_tick: int | None = None
        self._scores = [0, 0]
        self._look_back_anew()

    def _ticks(self, seconds: float) -> int:
        return max(1, round(seconds / self._policy.tick_s))

    def use(self, policy: Policy) -> None:
        """Go on under another policy. If its ticks have another length, what looks back begins
        anew: the old ticks have no place among the new ones.
        """
        if policy is self._policy:
            return
        if self._reckoned is not None:
            self._reckoned.use(policy)
        before, self._policy = self._policy, policy
        if policy.tick_s != before.tick_s:
            if self._activated_tick is not None:
                self._activated_tick = round(self._activated_tick * before.tick_s / policy.tick_s)
            self._look_back_anew()

    def _look_back_anew(self) -> None:
        self._quality = Rolling(self._ticks(MINUTE_S), 60)
        self._minute = Rolling(self._ticks(MINUTE_S), 60)
        self._hour = Rolling(self._ticks(HOUR_S), 60)
        self._day = Rolling(self._ticks(DAY_S), 96)

    def observe(self, observations: Observations, decision: Decision) -> None:
        """Take in a tick and what was decided on it."""
        flying_before = self._flying
        self._flying = set()
        for entry in observations.served:
            self._serve(entry)
        for place in flying_before - self._flying:
            self._set(metrics.IN_FLIGHT, 0, *place)
        self._requests(observations)
        self._look_back(observations)
        self._brownout(observations.tick, decision)
        self._set(metrics.QUEUE_DEPTH, observations.waiting)
        # 0 is what a system gives that does not tell.
        memory = observations.memory_ppm / 1e6
        self._set(metrics.MEMORY, memory or None)

    # --- counters -----------------------------------------------------------------------

    def _serve(self, entry: ModeObservations) -> None:
        place = ((metrics.MODEL, entry.model), (metrics.MODE, entry.mode.label))
        self._count(metrics.ATTEMPTS_STARTED, entry.started, *place)
        self._count(metrics.ATTEMPTS_FINISHED, entry.judged, *place)
        for number, (kind, count) in enumerate(zip(FAILURES, entry.failures, strict=True)):
            ill = number < ILLNESSES
            metric = metrics.ATTEMPTS_FAILED if ill else metrics.ATTEMPTS_UNJUDGED
            self._count(metric, count, *place, (metrics.ERROR_TYPE, kind))
        for metric, count in (
            (metrics.ATTEMPTS_REROUTED, entry.rerouted),
            (metrics.ATTEMPTS_DOWNGRADED, entry.downgraded),
        ):
            # From 0 on: of what comes once in a year the first must be seen.
            self.series.begin(metric, self._key(place))
            self._count(metric, count, *place)
        for kind, count in (
            ("input", entry.prompt_tokens),
            ("cached", entry.cached_tokens),
            ("output", entry.output_tokens),
            ("thinking", entry.thinking_tokens),
        ):
            self._count(metrics.TOKENS, count, *place, (metrics.TOKEN_TYPE, kind))
        self._count(metrics.COST, entry.nano_usd / NANO_USD, *place)
        self._set(metrics.IN_FLIGHT, entry.ages.total, *place)
        if entry.ages:
            self._flying.add(place)
        for metric, histogram in (
            (metrics.REQUEST_DURATION, entry.latency),
            (metrics.FIRST_TOKEN, entry.ttft),
        ):
            if histogram:
                self.series.record(metric, histogram.counts(), self._key(place))

    def _requests(self, observations: Observations) -> None:
        for outcome, counts in (
            ("admitted", observations.admitted),
            ("shed", observations.shed),
            ("fallback", observations.fallback),
        ):
            for priority in PRIORITIES:
                self._count(
                    metrics.REQUESTS,
                    counts[priority],
                    (metrics.OUTCOME, outcome),
                    (metrics.PRIORITY, priority.name.lower()),
                )

    # --- gauges that look back ----------------------------------------------------------

    def _look_back(self, observations: Observations) -> None:
        served = observations.served
        normal = [entry for entry in served if entry.mode is Mode.NORMAL]
        row = (
            sum(entry.started - entry.unjudged for entry in served),
            sum(entry.judged for entry in served),
            sum(entry.ill for entry in served),
            sum(entry.nano_usd for entry in served),
            sum(observations.demand),
            sum(entry.judged for entry in normal),
            sum(entry.nano_usd for entry in normal),
            self.given_up,
        )
        self.given_up = 0
        for window in (self._minute, self._hour, self._day):
            window.add(observations.tick, row)
        minute, hour, day = self._minute.total, self._hour.total, self._day.total
        answers = minute[_FINISHED] - minute[_FAILED] - minute[_GIVEN_UP]
        self._set(metrics.ERROR_RATE, _ratio(minute[_FAILED], minute[_FINISHED]))
        share = _ratio(answers, minute[_OFFERED])
        # Answers come later than the requests they answer; more than all is all.
        self._set(metrics.AVAILABILITY, None if share is None else min(1.0, share))
        a_call = _ratio(minute[_NANO], minute[_FINISHED])
        per_hour = self._per_hour(minute[_STARTED])
        self._set(metrics.COST_RATE, None if a_call is None else a_call * per_hour / NANO_USD)
        answered = hour[_FINISHED] - hour[_FAILED] - hour[_GIVEN_UP]
        self._set(metrics.COST_PER_ANSWER, _ratio(hour[_NANO] / NANO_USD, answered))
        self._set(metrics.COST_SAVED, self._saved(hour))
        self._set(metrics.SPEND, hour[_NANO] / NANO_USD, (metrics.BUDGET_WINDOW, "1h"))
        self._set(metrics.SPEND, day[_NANO] / NANO_USD, (metrics.BUDGET_WINDOW, "24h"))
        self._quality.add(observations.tick, tuple(self._scores))
        self._scores = [0, 0]
        count, total = self._quality.total
        self._set(metrics.QUALITY, _ratio(total / 1e6, count))
        self._budgets(observations, row[_NANO])

    def score(self, quality: float) -> None:
        """A scorer's verdict on an answer, from 0 to 1."""
        self._scores[0] += 1
        self._scores[1] += round(quality * 1e6)

    def _per_hour(self, in_a_minute: float) -> float:
        return in_a_minute / (self._ticks(MINUTE_S) * self._policy.tick_s) * HOUR_S

    def _saved(self, hour: tuple[int, ...]) -> float | None:
        """An estimate: the hour's calls at what a call in normal costs, less what they cost."""
        usual = _ratio(hour[_NORMAL_NANO], hour[_NORMAL_FINISHED])
        if usual is None:
            expected = self._policy.expected_cost_usd(Mode.NORMAL)
            usual = None if expected is None else expected * NANO_USD
        if usual is None:
            return None
        return (usual * hour[_FINISHED] - hour[_NANO]) / NANO_USD

    def _budgets(self, observations: Observations, nano_usd: int) -> None:
        if not self._policy.budgets:
            return
        lefts = self._lefts(observations, nano_usd)
        rate = self._minute.total[_NANO] / (self._ticks(MINUTE_S) * self._policy.tick_s)
        for (whose, window_s), left in lefts.items():
            window = (metrics.BUDGET_WINDOW, f"{window_s:g}s")
            # What one key spends by itself is not among the observations.
            if whose is None:
                self._set(metrics.BUDGET_LEFT, left / NANO_USD, window)
                self._set(metrics.BUDGET_PROJECTED, rate * window_s / NANO_USD, window)
            elif self._left is not None:
                key = (metrics.BUDGET_KEY, whose)
                self._set(metrics.BUDGET_LEFT, left / NANO_USD, key, window)

    def _lefts(
        self, observations: Observations, nano_usd: int
    ) -> Mapping[tuple[str | None, float], int]:
        if self._left is not None:
            return self._left()
        assert self._reckoned is not None
        self._reckoned.advance(observations.tick)
        self._reckoned.book(nano_usd)
        reserved = observations.reserved_nano_usd
        lefts = self._reckoned.left_nano_usd()
        return {limit: left - reserved for limit, left in lefts.items()}

    # --- brownout -----------------------------------------------------------------------

    def _brownout(self, tick: int, decision: Decision) -> None:
        self._set(metrics.CURRENT_MODE, int(decision.mode))
        for mode in MODES:
            self._set(metrics.MODE_SHARE, decision.mix[mode], (metrics.MODE, mode.label))
        before, after = self._mode, decision.mode
        if after is before:
            return
        self._mode = after
        self._count(
            metrics.MODE_CHANGES,
            1,
            (metrics.MODE_FROM, before.label),
            (metrics.MODE_TO, after.label),
        )
        if after > before:
            self._count(metrics.ACTIVATIONS, 1, (metrics.MODE, after.label))
        if before is Mode.NORMAL:
            self._activated_tick = tick
        elif after is Mode.NORMAL and self._activated_tick is not None:
            lasted_s = (tick - self._activated_tick) * self._policy.tick_s
            self.series.record(metrics.RECOVERY, lasted_s, self._key(()))
            self._activated_tick = None

    # --- points -------------------------------------------------------------------------

    def _key(self, pairs: Attributes) -> Attributes:
        return tuple(sorted((*pairs, *self._everywhere)))

    def _count(self, metric: metrics.Metric, amount: float, *pairs: tuple[str, str]) -> None:
        self.series.count(metric, amount, self._key(pairs))

    def _set(self, metric: metrics.Metric, value: float | None, *pairs: tuple[str, str]) -> None:
        self.series.set(metric, value, self._key(pairs))


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None
