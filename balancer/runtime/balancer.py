"""The live Balancer: the controller of an application, with its clock, recorder and ticker."""

from __future__ import annotations

import logging
import math
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ..core.controller import Controller
from ..core.decisions import Decision, Plan, Stance, gates, one_hot
from ..core.errors import ClockError, MisuseError
from ..core.modes import Mode, Priority
from ..core.observations import FAILURES, Alert, Observations, Override
from ..core.policy import Policy
from .calls import Asked, CallRecord, CallSettings, Draws, RandomDraws, Score
from .clock import Clock, Timekeeper
from .desk import Call, Desk
from .ledger import Ledger
from .memory import memory_ppm
from .recorder import ANSWER, MOST_PENDING, UNPRICED
from .requests import Request
from .ticker import TaskTicker, ThreadTicker

__all__ = ["OFF_VARIABLE", "Balancer", "Status"]

OFF_VARIABLE = "OPEN_BALANCER_OFF"
"""Environment variable that lets all calls go through unchanged, when set to anything but "",
"0", "false" or "no" at the start."""

_OVERDUE_TICKS = 10
_OVERDUE_S = 5.0
_NOTHING_ASKED = Asked()
_KINDS = {kind: number for number, kind in enumerate(FAILURES)}

logger = logging.getLogger("balancer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a live Balancer is.

    Attributes:
        mode: that the controller is in.
        tick: the last one that was stepped; None before the first.
        policy: its name.
        running: whether it has a ticker, and that is alive.
        enforced: whether plans are applied; False in shadow mode and while open.
        shadow: decides and journals only.
        bypass: reason of the kill switch, or "".
        problems: what is broken now, by source ("ticker", "controller", "journal", "state",
            "ledger"); while there is any, calls go through unchanged.
        failures: how often each source has failed.
        in_flight: calls in flight.
        waiting: callers that wait for a place.
        reserved_nano_usd: held in the budget.
        reasons: of the decision in force, as texts.
        override: the operator's order that holds.
    """

    mode: Mode
    tick: int | None
    policy: str
    running: bool
    enforced: bool
    shadow: bool
    bypass: str
    problems: dict[str, str]
    failures: dict[str, int]
    in_flight: int
    waiting: int
    reserved_nano_usd: int
    reasons: tuple[str, ...]
    override: Override | None


class Balancer:
    """Decides, for a live application, in which mode each call is served.

    A thread steps the controller once a tick: `start` and `close`, or a `with` block. In an
    event loop, `async with` makes it a task. Everything public may be called from any thread.

    If the ticker, the journal or a store breaks, calls go through unchanged until it is well
    again, and the log says so (logger "balancer"): nothing here may be the reason why an
    application stops answering.

    Args:
        policy: when to change mode and what each mode does; None is the default policy.
        settings: what the application does by itself, where a plan says nothing.
        clock: scenario seconds; started by the Balancer. None is wall time.
        ledger: of the hard budget, to share one with other balancers; None makes one.
        shadow: decide and journal, but change nothing; calls are charged to the mode they
            would have been served in.
        draws: where chance comes from.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        settings: CallSettings | None = None,
        clock: Timekeeper | None = None,
        ledger: Ledger | None = None,
        shadow: bool = False,
        draws: Draws | None = None,
    ) -> None:
        if policy is None:
            from ..policy_file import default_policy

            policy = default_policy()
        self._policy = policy
        self._clock: Timekeeper = Clock() if clock is None else clock
        self._ledger = Ledger(policy) if ledger is None else ledger
        self._shadow = shadow
        self._controller = Controller(policy)
        self._decision = _at_rest(policy)
        self._desk = Desk(
            policy,
            CallSettings() if settings is None else settings,
            self._clock,
            self._ledger,
            RandomDraws() if draws is None else draws,
        )
        self._desk.overdue = self._overdue
        self._desk.broken = self._break
        self._random: Callable[[], float] = random.random
        self._lock = threading.RLock()
        self._ticker: ThreadTicker | TaskTicker | None = None
        self._last: int | None = None
        self._alerts: list[Alert] = []
        self._overrides: list[Override] = []
        self._listeners: tuple[Callable[[Observations, Decision], object], ...] = ()
        self._score_listeners: tuple[Callable[[Score], object], ...] = ()
        self._bypass = _switched_off()
        self._problems: dict[str, str] = {}
        self._failures: dict[str, int] = {}
        self._apply()

    # --- life ---------------------------------------------------------------------------

    def start(self) -> Balancer:
        """Start the clock and a thread that steps the controller; again does nothing."""
        with self._lock:
            if self._ticker is None:
                self._clock.start()
                self._ticker = ThreadTicker(self.tick, self._wait_s, self._ticker_died)
                self._recover("ticker")
                self._stay_alive()
        return self

    def close(self) -> None:
        """Step what is left of the tick under way, and stop. Nothing recorded is lost; calls
        after it go through unchanged. Again does nothing.
        """
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop()
            self._desk.alive_until = math.inf
            with self._lock:
                self._close_tick(self._tick_now())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        with self._lock:
            if self._ticker is None:
                self._clock.start()
                self._ticker = TaskTicker(self.tick, self._wait_s, self._ticker_died)
                self._recover("ticker")
                self._stay_alive()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- calls --------------------------------------------------------------------------

    def plan(self, priority: Priority = Priority.NORMAL, u: float | None = None) -> Plan:
        """The plan that a request of a priority would get now; nothing is counted.

        Args:
            priority: of the request.
            u: a uniform draw from [0, 1); None draws one.
        """
        return self._desk.look_up(priority, self._random() if u is None else u)

    def begin(
        self,
        priority: Priority = Priority.NORMAL,
        model: str | None = None,
        u: float | None = None,
    ) -> Call:
        """Plan one call, count it and start its clock: the hot path.

        For applications that do their own calling and retrying, a call at a time. It knows
        nothing of tokens in advance, so it cannot keep a hard budget: `request` does.

        Args:
            priority: of the request.
            model: called where the plan names none; None is the settings' model.
            u: a uniform draw from [0, 1); None draws one.

        Returns:
            The call. When `call.admitted` is False, do not make it and do not finish it.

        Raises:
            MisuseError: the policy has a hard budget.
        """
        if self._ledger.limited:
            raise MisuseError(
                "the policy has a hard budget, which is reserved before a call: use request()"
            )
        return self._desk.begin(priority, self._random() if u is None else u, model)

    def finish(
        self,
        call: Call,
        kind: str | None = None,
        prompt_tokens: int = 0,
        cached_tokens: int = 0,
        output_tokens: int = 0,
        thinking_tokens: int = 0,
        first_token_s: float | None = None,
    ) -> None:
        """Record how a call ended; the other half of the hot path.

        Args:
            call: what `begin` gave, admitted.
            kind: None for a complete answer, or one of `balancer.core.observations.FAILURES`.
            prompt_tokens, cached_tokens, output_tokens, thinking_tokens: as billed.
            first_token_s: scenario seconds to the first token.

        Raises:
            KeyError: the call was finished before, or shed; or an unknown kind.
        """
        desk = self._desk
        recorder = desk.recorder
        recorder.flights.remove(call)
        ended = recorder.ended
        ended.append(
            (
                call,
                desk.raw(),
                ANSWER if kind is None else _KINDS[kind],
                prompt_tokens,
                cached_tokens,
                output_tokens,
                thinking_tokens,
                None if first_token_s is None else first_token_s / desk.clock.speed,
                UNPRICED,
            )
        )
        if len(ended) > MOST_PENDING:
            recorder.relieve()

    def request(
        self,
        priority: Priority = Priority.NORMAL,
        *,
        key: str | None = None,
        index: int | None = None,
        asked: Asked = _NOTHING_ASKED,
    ) -> Request:
        """Receive a request: plan, admission and budget; the caller then drives its attempts.

        Args:
            priority: of the request.
            key: tenant, for budgets of a key.
            index: of the request in a scenario, for keyed draws.
            asked: what the caller asked for.
        """
        return Request(self._desk, priority, key, index, asked)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the caller as waiting for a place (the queue depth) inside the block."""
        token = object()
        waiting = self._desk.recorder.waiting
        waiting.add(token)
        try:
            yield
        finally:
            waiting.discard(token)

    # --- orders -------------------------------------------------------------------------

    def alert(self, alert: Alert) -> None:
        """Take in a message of an external monitor; `Balancer.now_tick` is now on its scale."""
        self._alerts.append(alert)

    def override(
        self,
        mode: Mode,
        reason: str,
        *,
        for_s: float | None = None,
        until_s: float | None = None,
    ) -> Override:
        """Hold a mode until a moment, whatever the law wants.

        Args:
            mode: to hold.
            reason: for the journal.
            for_s: scenario seconds from now.
            until_s: scenario second; one of both is given.

        Raises:
            MisuseError: neither or both are given, no reason, or an end that is not to come.
        """
        if (for_s is None) == (until_s is None):
            raise MisuseError("an override needs an end: give for_s or until_s, one of both")
        if not reason.strip():
            raise MisuseError("an override needs a reason, for those who read the journal")
        now_s = self._clock.now_s()
        end_s = now_s + for_s if for_s is not None else until_s
        assert end_s is not None
        tick = self.now_tick
        until = math.ceil(end_s / self._policy.tick_s - 1e-9)
        if not math.isfinite(end_s) or until <= tick:
            raise MisuseError(f"the override would end at {end_s:g} s; it is {now_s:g} s now")
        order = Override(tick, until, mode, reason)
        self._overrides.append(order)
        return order

    def lift(self, reason: str) -> None:
        """End the override that holds."""
        tick = self.now_tick
        self._overrides.append(Override(tick, tick, Mode.NORMAL, reason))

    def bypass(self, on: bool, reason: str = "") -> None:
        """The kill switch: let all calls go through unchanged, or put it back.

        The controller goes on observing and deciding meanwhile.

        Args:
            on: whether to.
            reason: for status and log.
        """
        with self._lock:
            self._bypass = (reason or "switched off") if on else ""
            logger.warning(
                "calls go through unchanged: %s" if on else "plans are applied again%.0s",
                self._bypass,
            )
            self._apply()

    def use(self, policy: Policy) -> str:
        """Change the policy while running.

        Returns:
            What was kept of the controller's state, as a sentence.
        """
        with self._lock:
            self._policy = policy
            self._controller = Controller(policy)
            self._decision = _at_rest(policy)
            self._desk.use(policy)
            self._ledger.use(policy)
            self._apply()
        return "nothing: the controller starts anew in normal"

    # --- listeners ----------------------------------------------------------------------

    def add_listener(self, listener: Callable[[Observations, Decision], object]) -> None:
        """Call a function once a tick, after the decision, from the ticker.

        An error in it is logged and changes nothing else.
        """
        self._listeners = (*self._listeners, listener)

    def add_call_listener(self, listener: Callable[[CallRecord], object]) -> None:
        """Call a function for every attempt of a `Request` that ends, on its caller's time."""
        self._desk.listeners = (*self._desk.listeners, listener)

    def add_score_listener(self, listener: Callable[[Score], object]) -> None:
        """Call a function for every answer that the application's scorer gave a quality."""
        self._score_listeners = (*self._score_listeners, listener)

    def scored(self, score: Score) -> None:
        """Hand on the quality of an answer; it changes no decision."""
        for listener in self._score_listeners:
            try:
                listener(score)
            except Exception:
                logger.exception("a score listener failed; the call is not affected")

    # --- what is seen -------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """In use."""
        return self._policy

    @property
    def clock(self) -> Timekeeper:
        """Scenario seconds."""
        return self._clock

    @property
    def ledger(self) -> Ledger:
        """Of the hard budget."""
        return self._ledger

    @property
    def settings(self) -> CallSettings:
        """What the application does by itself."""
        return self._desk.settings

    @property
    def decision(self) -> Decision:
        """The last one; before the first, normal for everybody (of tick -1)."""
        return self._decision

    @property
    def now_tick(self) -> int:
        """The tick under way."""
        return self._tick_now()

    def status(self) -> Status:
        """How it is."""
        decision = self._decision
        recorder = self._desk.recorder
        return Status(
            mode=decision.mode,
            tick=self._last,
            policy=self._policy.name,
            running=self._ticker is not None and "ticker" not in self._problems,
            enforced=self._desk.enforces,
            shadow=self._shadow,
            bypass=self._bypass,
            problems=dict(self._problems),
            failures=dict(self._failures),
            in_flight=len(recorder.flights),
            waiting=len(recorder.waiting),
            reserved_nano_usd=self._ledger.reserved_nano_usd,
            reasons=tuple(reason.text for reason in decision.reasons),
            override=self._controller.override(),
        )

    # --- ticks --------------------------------------------------------------------------

    def tick(self) -> Decision | None:
        """Close the ticks that are over. The ticker does this; with a `ManualClock`, a test.

        Returns:
            The decision, or None when no tick is over since the last call.
        """
        with self._lock:
            self._stay_alive()
            over = self._tick_now() - 1
            if over < 0 or (self._last is not None and over <= self._last):
                return None
            return self._close_tick(over)

    def _tick_now(self) -> int:
        # The margin keeps a tick that is over from being missed by the last bit of a division.
        return math.floor(self._clock.now_s() / self._policy.tick_s + 1e-9)

    def _wait_s(self) -> float:
        """Wall seconds to the end of the tick under way."""
        tick_s = self._policy.tick_s
        end_s = (self._tick_now() + 1) * tick_s
        return self._clock.wall_s(end_s - self._clock.now_s())

    def _close_tick(self, tick: int) -> Decision | None:
        if self._last is not None and tick <= self._last:
            return None
        observations = self._observe(tick)
        self._desk.new_tick()
        try:
            decision = self._step(observations)
        except Exception as error:  # noqa: BLE001 - callers go through, whatever this is
            self._break("controller", error)
            return None
        self._last = tick
        self._decision = decision
        try:
            self._ledger.advance(tick + 1)
        except Exception as error:  # noqa: BLE001 - as above
            self._break("ledger", error)
        self._apply()
        for listener in self._listeners:
            try:
                listener(observations, decision)
            except Exception:
                logger.exception("a listener failed; the controller is not affected")
        return decision

    def _observe(self, tick: int) -> Observations:
        alerts, overrides = tuple(self._alerts), tuple(self._overrides)
        del self._alerts[: len(alerts)]
        del self._overrides[: len(overrides)]
        return self._desk.recorder.take(
            tick,
            self._desk.raw(),
            reserved_nano_usd=self._ledger.reserved_nano_usd,
            memory_ppm=memory_ppm(),
            alerts=alerts,
            overrides=overrides,
        )

    def _step(self, observations: Observations) -> Decision:
        try:
            return self._controller.step(observations)
        except ClockError as error:
            logger.error("%s; the controller starts anew in normal", error)  # noqa: TRY400
            self._controller = Controller(self._policy)
            return self._controller.step(observations)

    # --- failing open -------------------------------------------------------------------

    def _apply(self) -> None:
        """Put the last decision into force, or let calls through."""
        if self._bypass or self._problems:
            self._desk.pass_through()
        else:
            self._desk.decide(self._decision, shadow=self._shadow)

    def _break(self, source: str, error: BaseException) -> None:
        """Something broke: calls go through unchanged from now on, and the log says so."""
        problem = f"{type(error).__name__}: {error}"
        self._failures[source] = self._failures.get(source, 0) + 1
        if source not in self._problems:
            logger.error("the %s broke: calls go through unchanged: %s", source, problem)
        self._problems[source] = problem
        self._desk.pass_through()

    def _recover(self, source: str) -> None:
        if self._problems.pop(source, None) is not None:
            logger.warning("the %s is well again", source)

    def _stay_alive(self) -> None:
        """The ticker is here: it is overdue some ticks from now."""
        if self._ticker is not None:
            span_s = max(_OVERDUE_TICKS * self._clock.wall_s(self._policy.tick_s), _OVERDUE_S)
            self._desk.alive_until = self._desk.raw() + span_s
            self._recover("ticker")

    def _overdue(self) -> None:
        self._desk.alive_until = math.inf
        self._break("ticker", TimeoutError("no tick was stepped in time"))

    def _ticker_died(self, error: BaseException) -> None:
        self._desk.alive_until = math.inf
        self._break("ticker", error)


def _switched_off() -> str:
    value = os.environ.get(OFF_VARIABLE, "")
    return "" if value.lower() in ("", "0", "false", "no") else f"{OFF_VARIABLE}={value}"


def _at_rest(policy: Policy) -> Decision:
    """What holds before the first decision: normal for everybody, as in the simulator."""
    mix = one_hot(Mode.NORMAL)
    stance = Stance(mode=Mode.NORMAL, mixes=(mix, mix, mix))
    return Decision(
        -1,
        stance.mode,
        mix,
        stance.admit,
        stance.limits,
        stance.reasons,
        stance.mixes,
        gates(stance, policy.strategies),
    )
