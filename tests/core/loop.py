"""A closed loop in miniature: serve what a controller decides, and write down what it does.

Nothing is drawn: shares are served by carrying remainders over, so a script says exactly
how many calls of each mode a controller has seen, and a test can state ticks as numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from balancer.core.controller import Controller
from balancer.core.decisions import Decision
from balancer.core.modes import MODES, Mode
from balancer.core.observations import Alert, ModeObservations, Observations, Override

from .builders import requests_of, served

__all__ = ["WELL", "Health", "Loop", "Step", "always", "during"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a mode answers in one tick.

    Attributes:
        latency_s: of every answer; a call ends in the tick it starts in.
        slow: share of the answers that take `slow_s` instead.
        slow_s: see `slow`.
        failing: share of the attempts that fail.
        kind: how they fail.
        hangs: no call ends at all; they are seen by their ages.
        nano_usd: cost of a finished attempt.
    """

    latency_s: float = 1.0
    slow: float = 0.0
    slow_s: float = 30.0
    failing: float = 0.0
    kind: str = "overloaded"
    hangs: bool = False
    nano_usd: int = 1_000_000


World = Callable[[int, Mode], Health]


def always(**modes: Health) -> World:
    """The given modes answer so for ever, the others well."""
    return lambda _tick, mode: modes.get(mode.label, Health())


def during(ticks: Iterable[int], **modes: Health) -> World:
    """The given modes answer so in some ticks; all answer well otherwise."""
    chosen = frozenset(ticks)
    return lambda tick, mode: modes.get(mode.label, Health()) if tick in chosen else Health()


WELL = always()


@dataclass(frozen=True, slots=True)
class Step:
    """One change of mode: at the end of which tick, from where, to where."""

    tick: int
    before: Mode
    after: Mode


class Loop:
    """Serves the mix of each decision, tick by tick.

    Args:
        controller: decides.
        world: how a mode answers in a tick.
        per_tick: requests offered a tick, low priority first; may be fractions.
        alerts, overrides: messages received, by tick.
        gauges: further fields of the observations of a tick ("waiting", "memory_ppm").
    """

    def __init__(
        self,
        controller: Controller,
        world: World = WELL,
        *,
        per_tick: tuple[float, float, float] = (0, 10, 0),
        alerts: Mapping[int, tuple[Alert, ...]] | None = None,
        overrides: Mapping[int, tuple[Override, ...]] | None = None,
        gauges: Callable[[int], Mapping[str, int]] = lambda _tick: {},
    ) -> None:
        self.controller = controller
        self.world = world
        self.per_tick = per_tick
        self.alerts = alerts or {}
        self.overrides = overrides or {}
        self.gauges = gauges
        self.next_tick = 0
        self.decisions: list[Decision] = []
        self.observed: list[Observations] = []
        self._owed: dict[tuple[object, ...], float] = defaultdict(float)
        self._hanging: dict[Mode, list[int]] = {mode: [] for mode in MODES}

    def run(self, ticks: int) -> Loop:
        """Serve some more ticks."""
        for _ in range(ticks):
            observations = self._serve(self.next_tick)
            self.observed.append(observations)
            self.decisions.append(self.controller.step(observations))
            self.next_tick += 1
        return self

    def until(self, mode: Mode, most: int = 5000) -> int:
        """Serve until a mode is entered; the tick of the decision."""
        for _ in range(most):
            self.run(1)
            if self.decisions[-1].mode is mode:
                return self.decisions[-1].tick
        raise AssertionError(f"{mode.label} was not entered within {most} ticks: {self.steps}")

    @property
    def steps(self) -> list[Step]:
        """Every change of mode so far."""
        before, found = Mode.NORMAL, []
        for decision in self.decisions:
            if decision.mode is not before:
                found.append(Step(decision.tick, before, decision.mode))
                before = decision.mode
        return found

    @property
    def path(self) -> list[Mode]:
        """The modes entered so far, in order."""
        return [step.after for step in self.steps]

    @property
    def now(self) -> Decision:
        """The last decision."""
        return self.decisions[-1]

    @property
    def texts(self) -> list[str]:
        """Texts of all reasons given so far, each once in a row."""
        found: list[str] = []
        for decision in self.decisions:
            for reason in decision.reasons:
                if reason.text not in found[-1:]:
                    found.append(reason.text)
        return found

    def _serve(self, tick: int) -> Observations:
        offered = [self._part(self.per_tick[i], "offered", i) for i in range(3)]
        admitted = [0, 0, 0]
        started = dict.fromkeys(MODES, 0)
        for priority, count in enumerate(offered):
            if not self.decisions:
                admitted[priority] = count
                started[Mode.NORMAL] += count
                continue
            admitted[priority] = self._part(count * self.now.admit[priority], "admit", priority)
            left = admitted[priority]
            shares = [mode for mode in MODES if self.now.mixes[priority][mode] > 0]
            for mode in sorted(shares, key=lambda m: m is self.now.mode):
                exact = admitted[priority] * self.now.mixes[priority][mode]
                here = left if mode is self.now.mode else self._part(exact, mode, priority)
                started[mode] += min(here, left)
                left -= min(here, left)
            if left:
                started[shares[-1]] += left
        answers = [self._answer(tick, mode, started[mode]) for mode in MODES]
        entries = [entry for entry in answers if entry is not None]
        requests = (offered[0], offered[1], offered[2])
        taken = (admitted[0], admitted[1], admitted[2])
        return Observations(
            tick,
            served=tuple(entries),
            requests=requests_of(*entries),
            offered=requests,
            admitted=taken,
            shed=(
                requests[0] - taken[0],
                requests[1] - taken[1],
                requests[2] - taken[2],
            ),
            alerts=self.alerts.get(tick, ()),
            overrides=self.overrides.get(tick, ()),
            **self.gauges(tick),  # type: ignore[arg-type]
        )

    def _answer(self, tick: int, mode: Mode, count: int) -> ModeObservations | None:
        health, hanging = self.world(tick, mode), self._hanging[mode]
        if health.hangs:
            hanging += [tick] * count
            if not hanging:
                return None
            ages = [tick - since + 0.5 for since in hanging]
            return served(mode, started=count, ages=ages)
        hanging.clear()
        if not count:
            return None
        failed = self._part(count * health.failing, "failed", mode)
        slow = self._part((count - failed) * health.slow, "slow", mode)
        return served(
            mode,
            latencies=[health.slow_s] * slow + [health.latency_s] * (count - failed - slow),
            ttft=[health.latency_s / 2] * (count - failed),
            nano_usd=health.nano_usd * count,
            **{health.kind: failed},  # type: ignore[arg-type]
        )

    def _part(self, exact: float, *purpose: object) -> int:
        """Whole requests of an exact number, the remainder carried over to the next tick."""
        owed = self._owed[purpose] + exact
        whole = int(owed + 1e-9)
        self._owed[purpose] = owed - whole
        return whole
