"""The account of one request: how long it may take, what its attempts came to, who is told so."""

from __future__ import annotations

import math

from ..core.decisions import Plan
from ..core.modes import Priority
from ..core.tiers import FLEX_WAIT_S
from .admission import Admission
from .calls import Asked, CallRecord, RequestRecord
from .flights import UnderWay
from .recorder import MOST_PENDING

__all__ = ["Account"]


class Account:
    """Kept by a request, and charged by its attempts.

    Args:
        admission: that received the request.
        plan: of the request.
        asked: what its caller asked for.
        priority, key, index, session: as its caller gave them.

    Attributes:
        calls: records of its attempts that are over, kept only where somebody listens; None once
            they were told, or where nobody does.
        gives_up: raw clock when its user gives up.
        nano_usd, tokens: of all its attempts that are over.
    """

    __slots__ = (
        "_asked_s", "_first", "_told", "_under_way", "admission", "asked", "calls", "gives_up",
        "index", "key", "nano_usd", "plan", "priority", "session", "tokens",
    )  # fmt: skip

    def __init__(
        self,
        admission: Admission,
        plan: Plan,
        asked: Asked,
        priority: Priority,
        key: str | None,
        index: int | None,
        session: str | None,
    ) -> None:
        self.admission = admission
        self.plan = plan
        self.asked = asked
        self.priority = priority
        self.key = key
        self.index = index
        self.session = session
        self.nano_usd = self.tokens = 0
        self._told = False
        self._first: float | None = None
        self._under_way: UnderWay | None = None
        self.calls: list[CallRecord] | None = None
        if admission.listeners.requests:
            self.calls, self._asked_s = [], admission.clock.now_s()
        patience_s = admission.settings.patience_s
        self.gives_up = (
            math.inf if patience_s is None else admission.raw() + admission.clock.wall_s(patience_s)
        )

    def first_start(self, now: float) -> float:
        """Raw clock when the first attempt started: now, if none has."""
        if self._first is None:
            self._first = now
            self._under_way = UnderWay(self.plan.mode, now, self.priority)
            self.admission.recorder.under_way.add(self._under_way)
        return self._first

    def timeout_s(self, now: float, *, flex: bool) -> float | None:
        """Deadline in scenario seconds of an attempt that starts now; None is none.

        The lesser of the plan's and the caller's, or else the application's; no longer than the
        user waits.
        """
        admission = self.admission
        planned_s, own_s = self.plan.strategy.timeout_s, self.asked.timeout_s
        if flex:
            # Neither the plan's nor the application's: those are for calls that do not queue.
            timeout_s: float | None = FLEX_WAIT_S if own_s is None else own_s
        elif planned_s is None or own_s is None:
            timeout_s = own_s if planned_s is None else planned_s
        else:
            timeout_s = min(planned_s, own_s)
        if timeout_s is None:
            timeout_s = admission.settings.timeout_s
        if self.gives_up < math.inf:
            left_s = max(0.0, (self.gives_up - now) * admission.clock.speed)
            timeout_s = left_s if timeout_s is None else min(timeout_s, left_s)
        return timeout_s

    def expired(self, age_s: float, timeout_s: float | None) -> str:
        """Kind of an attempt whose deadline is over.

        A deadline of the caller's own that is over before an answer is due says nothing of the
        upstream, as a healthy one may take as long. Later, a caller with a deadline sees no more
        than one without would have: a request that is late.

        Args:
            age_s: of the request, in scenario seconds.
            timeout_s: the deadline.
        """
        own_s, planned_s = self.asked.timeout_s, self.plan.strategy.timeout_s
        # The user's patience, the plan and the application have deadlines that are meant for all.
        if own_s is None or timeout_s != own_s or own_s == planned_s:
            return "timeout"
        # A timer may fire a moment early.
        return "rejected" if max(age_s, own_s) < self.admission.due_s else "timeout"

    def pause(self, now: float) -> None:
        """From now on the request does not age, as its caller is what is waited for."""
        under_way = self._under_way
        if under_way is not None:
            under_way.aged = now - under_way.since

    def resume(self, now: float) -> None:
        """It ages again."""
        under_way = self._under_way
        if under_way is not None and under_way.aged is not None:
            under_way.since = now - under_way.aged
            under_way.aged = None

    def end(self, outcome: int, at: float) -> None:
        """Count how the request ended, if it has begun; once.

        Args:
            outcome: of `balancer.runtime.flights`.
            at: raw clock.
        """
        under_way, self._under_way = self._under_way, None
        recorder = self.admission.recorder
        # What a process before a fork began, or the recorder gave up long ago, is not counted.
        if under_way is None or under_way not in recorder.under_way:
            return
        recorder.done.append((under_way, at, outcome))
        recorder.under_way.discard(under_way)
        if len(recorder.done) > MOST_PENDING:
            recorder.relieve()

    def tell(self, *, refusal: str, answered: bool) -> None:
        """Tell those who listen that the request is over; once.

        Args:
            refusal: why it was refused, or "".
            answered: whether it got an answer of a model.
        """
        if self._told:
            return
        self._told = True
        admission = self.admission
        recorder = admission.recorder
        if admission.listeners.over and not refusal:
            recorder.over.append((self.plan.mode, self.nano_usd, self.tokens, self.session))
            if len(recorder.over) > MOST_PENDING:
                recorder.relieve()
        calls, self.calls = self.calls, None
        if calls is None:
            return
        record = RequestRecord(
            mode=self.plan.mode,
            priority=self.priority,
            key=self.key,
            index=self.index,
            session=self.session,
            started_s=self._asked_s,
            ended_s=admission.clock.now_s(),
            refusal=refusal,
            answered=answered,
            calls=tuple(calls),
        )
        admission.listeners.requests.tell(record)
