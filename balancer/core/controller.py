"""The controller: brings signals and orders up to date, asks the law, says what holds.

It has no clock, no I/O and no randomness: the same observations give the same decisions, in
a simulation, in a load test and in production.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .decisions import Decision, Stance, gates
from .errors import ClockError, MisuseError
from .fit import Finding, Monitor
from .laws.breaker import Breaker
from .laws.commanded import Commanded
from .laws.dimmer import Dimmer
from .laws.fixed import Fixed
from .laws.gradient import Gradient
from .laws.ladder import Ladder
from .laws.law import Law
from .laws.mildest import Mildest
from .laws.stances import stance_from_plain, stance_to_plain
from .laws.threshold import Threshold
from .laws.throttle import Throttle
from .modes import MODES, Mode
from .observations import Observations, Override
from .orders import Orders
from .policy import Policy
from .signals import Signals

__all__ = ["Controller"]

LONGEST_GAP_S = 7 * 86_400.0
"""A clock that leaps further than this was set, and no outage."""

_PEERS: Mapping[str, Callable[[Policy, Signals], Law]] = {
    "mildest": Mildest,
    "threshold": Threshold,
    "dimmer": Dimmer,
    "throttle": Throttle,
    "gradient": Gradient,
    "breaker": Breaker,
    # Orders from outside, over nothing of its own.
    "alerts": lambda policy, _signals: Fixed(policy, Mode.NORMAL),
}

_FIXED: Mapping[str, Mode] = {
    "always_soft": Mode.SOFT,
    "always_hard": Mode.HARD,
    "none": Mode.NORMAL,
}


def _law(policy: Policy, signals: Signals, orders: Orders) -> Law:
    if policy.law == "ladder":
        return Ladder(policy, signals, orders)
    if policy.law in _FIXED:
        return Fixed(policy, _FIXED[policy.law])
    return Commanded(policy, orders, _PEERS[policy.law](policy, signals))


class Controller:
    """Decides, once a tick, in which mode an application serves its calls.

    Args:
        policy: when to change mode and what each mode does.
        monitored: whether it watches if the policy fits its traffic (`misfits`).
    """

    __slots__ = ("_law", "_monitor", "_orders", "_signals", "_stance", "_tail", "_tick", "policy")

    def __init__(self, policy: Policy, *, monitored: bool = True) -> None:
        self.policy = policy
        self._signals = Signals(policy)
        self._orders = Orders()
        self._law = _law(policy, self._signals, self._orders)
        self._monitor = Monitor(policy) if monitored else None
        self._tick: int | None = None
        self._stance: Stance | None = None
        self._tail: tuple[object, ...] = ()

    def step(self, observations: Observations) -> Decision:
        """Take in what happened in a tick and decide what holds from the next one on.

        Ticks left out since the last step are stepped empty, in order.

        Raises:
            ClockError: the tick index does not grow, or leaps by more than a week.
        """
        tick = observations.tick
        last = self._tick
        if last is not None and tick != last + 1:
            if tick <= last:
                raise ClockError(f"tick {tick} comes after tick {last}; indices must grow")
            if (tick - last) * self.policy.tick_s > LONGEST_GAP_S:
                raise ClockError(f"tick {tick} comes after tick {last}: a leap of over a week")
            for missed in range(last + 1, tick):
                self._step(Observations(missed))
        elif tick < 0:
            raise ClockError(f"tick {tick} is negative")
        return self._step(observations)

    def _step(self, observations: Observations) -> Decision:
        tick = self._tick = observations.tick
        self._signals.observe(observations)
        self._orders.observe(observations)
        if self._monitor is not None:
            self._monitor.observe(observations)
        stance = self._law.step(tick)
        if stance is not self._stance:
            self._stand(stance)
        return Decision._make((tick, *self._tail))

    def _stand(self, stance: Stance) -> None:
        self._stance = stance
        low, normal, high = stance.mixes
        self._tail = (
            stance.mode,
            tuple(sum(shares) / 3.0 for shares in zip(low, normal, high, strict=True)),
            stance.admit,
            stance.limits,
            stance.reasons,
            stance.mixes,
            gates(stance, self.policy.strategies),
        )

    def override(self) -> Override | None:
        """The operator's order that holds now."""
        return self._orders.override()

    @property
    def misfits(self) -> tuple[Finding, ...]:
        """Thresholds that healthy traffic crosses, once an hour says so; they decide nothing."""
        return () if self._monitor is None else self._monitor.findings

    @property
    def tick(self) -> int | None:
        """The last one that was stepped."""
        return self._tick

    @property
    def decision(self) -> Decision | None:
        """The last one; None before the first, which means normal for everybody."""
        if self._tick is None or self._stance is None:
            return None
        return Decision._make((self._tick, *self._tail))

    def state(self) -> dict[str, object]:
        """Everything it remembers, as plain values (numbers, strings, lists, dicts).

        A controller restored from it decides exactly as this one will.
        """
        return {
            "version": 1,
            "law": self.policy.law,
            "rules": [[r.name, r.signal, int(r.level), r.threshold] for r in self.policy.rules],
            "bounds": _bounds(self.policy),
            "tick_s": self.policy.tick_s,
            "tick": self._tick,
            "signals": self._signals.windows.state(),
            "orders": self._orders.state(),
            "stretches": None if self._monitor is None else self._monitor.state(),
            "memory": self._law.state(),
            "stance": None if self._stance is None else stance_to_plain(self._stance),
        }

    @classmethod
    def restore(cls, policy: Policy, state: Mapping[str, object]) -> Controller:
        """The controller that `state` was taken of.

        Raises:
            MisuseError: the state is of another version, law, set of rules or length of ticks.
        """
        controller = cls(policy)
        found = (state.get("version"), state.get("law"))
        if found != (1, policy.law):
            raise MisuseError(f"state of version and law {found}; expected (1, {policy.law!r})")
        if state["rules"] != [[r.name, r.signal, int(r.level), r.threshold] for r in policy.rules]:
            raise MisuseError("the state was taken under a policy with other rules")
        if state["tick_s"] != policy.tick_s:
            raise MisuseError("the state was taken under a policy with ticks of another length")
        signals, orders, memory = state["signals"], state["orders"], state["memory"]
        assert isinstance(signals, dict) and isinstance(orders, dict) and isinstance(memory, dict)
        windows = controller._signals.windows
        cuts = (signals["latency_cuts"], signals["ttft_cuts"])
        if cuts != (list(windows.latency_cuts), list(windows.ttft_cuts)):
            raise MisuseError("the state was taken under a policy with another exit ratio")
        tick, stance = state["tick"], state["stance"]
        if isinstance(tick, int):
            controller._tick = tick
            windows.restore(signals["tick"], signals["rows"], signals["latencies"])
            controller._orders.restore(orders)
            controller._remember(state)
        # A law that took over from another one may have had no step yet.
        if isinstance(stance, list):
            kept = stance_from_plain(stance)
            controller._law.restore(memory, kept)
            controller._stand(kept)
        return controller

    def _remember(self, state: Mapping[str, object]) -> None:
        """Take back what was seen of the traffic, which outlives a law and its rules."""
        stretches = state["stretches"]
        if isinstance(stretches, dict) and self._monitor is not None:
            self._monitor.restore(stretches)

    @classmethod
    def succeed(cls, policy: Policy, state: Mapping[str, object]) -> tuple[Controller, str]:
        """A controller that goes on under another policy from where one stopped.

        Args:
            policy: the new one.
            state: of the controller before, under any policy.

        Returns:
            The controller, and what it kept, for the journal: "everything" where law, rules,
            cuts, ticks, shedding and limits are the same; less where they mean something else.
        """
        if state["tick_s"] != policy.tick_s or state.get("version") != 1:
            return cls(policy), "nothing: ticks have another length"
        same = state["bounds"] == _bounds(policy)
        try:
            controller = cls.restore(policy, state)
        except MisuseError:
            return cls._go_on(policy, state)
        if same or controller.decision is None:
            return controller, "everything"
        if controller.renew():
            return controller, "everything but a probe round: a mode sheds or limits otherwise"
        return cls._go_on(policy, state)

    def renew(self) -> bool:
        """Take up strategies that shed or limit otherwise; False where the law cannot."""
        stance = self._law.renew() if isinstance(self._law, Ladder | Commanded) else None
        if stance is not None:
            self._stand(stance)
        return stance is not None

    @classmethod
    def _go_on(cls, policy: Policy, state: Mapping[str, object]) -> tuple[Controller, str]:
        """Without evidence: orders, and the mode where both laws are in one by themselves."""
        controller = cls(policy)
        tick, orders, memory = state["tick"], state["orders"], state["memory"]
        if not isinstance(tick, int):
            return controller, "nothing: no tick was stepped"
        assert isinstance(orders, dict) and isinstance(memory, dict)
        controller._tick = tick
        controller._signals.windows.restore(tick, [], [])
        controller._orders.restore(orders)
        controller._remember(state)
        law = controller._law
        before, stance = _stood(state["law"], memory), None
        if before is not None and isinstance(law, Ladder | Commanded):
            mode, shedding = before
            stance = law.adopt(mode, tick, shedding=shedding)
        if stance is None:
            return controller, "orders: the law decides anew"
        controller._stand(stance)
        return controller, "mode and orders: the rules watch something else"


def _stood(law: object, memory: Mapping[str, object]) -> tuple[Mode, bool] | None:
    """The mode a law was in, by what it remembered, and whether it shed; None: in none."""
    own = memory if law == "ladder" else memory.get("law")
    if law not in ("ladder", "mildest") or not isinstance(own, Mapping):
        return None
    return MODES[own["mode"]], bool(own["shedding"])


def _bounds(policy: Policy) -> list[list[object]]:
    """What a stance takes from the strategies, by mode."""
    return [[*s.shed, s.max_in_flight, s.max_starts_per_s] for s in policy.strategies]
