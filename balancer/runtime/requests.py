"""One request, attempt by attempt, without any input or output of its own.

The SDK wrapper (sync and async) and the proxy drive the same loop and do the calling:

    request = balancer.request(priority=Priority.HIGH, asked=Asked(prompt_tokens=900))
    while (attempt := request.start()) is not None:
        attempt.finish(call_upstream(attempt))
        delay_s = request.next_delay_s()
        if delay_s is None:
            break
        sleep(clock.wall_s(delay_s))
    request.close()

It does what the simulator's clients do (`sim.plant.clients`, `sim.plant.attempts`): the plan is
looked up first, then limits, then the hard budget; it binds for all attempts; its models are tried
in order at once, then over again after the backoff, as often as the smaller of the plan's retries
and those of the mode in force. A request is driven by one thread or task at a time.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Self

from ..core.errors import MisuseError
from ..core.modes import Priority
from ..core.observations import FAILURES, ILLNESSES
from ..core.retry import END, next_link
from ..core.strategy import NO_TIERS, tier_of
from ..core.tiers import FLEX, PRIORITY, STANDARD
from .accounts import Account
from .admission import UNTOUCHED, Admission
from .attempts import BEGUN, OVER, RESERVED, Attempt
from .calls import Asked, Outcome
from .closed import Refusal
from .flights import ABANDONED, ANSWER, FAILED, UNJUDGED
from .reservations import limit_tokens, reserve
from .withdrawn import Edit

__all__ = ["Request"]

_OTHERS = FAILURES[ILLNESSES:]
_NO_MISTAKES = ("closed", "flex_full")
_TEXT = frozenset(("text",))


class Request:
    """What a user asked. Made by `Balancer.request`, never by hand.

    Attributes:
        account: what its attempts came to.
        plan: binds for all attempts. Where it is not admitted, its strategy gives the static
            answer.
        shed: it is refused, and was counted so; `start` gives nothing.
        refusal: why: "" (admitted), "shed" (by priority), "limits", "budget", or "no_price": there
            is a hard budget, and nobody knows what the model costs; of one that is not shed,
            "closed".
        enforced: whether the plan is to be applied; False in shadow mode and while calls go
            through unchanged: then the call is made as its caller asked.
        answered: an attempt ended with an answer.
        over: nothing more will be tried.
        unjudged: it ended by another's fault than the upstream's: the caller's mistake, a project
            that is closed. The caller gets the provider's answer, and no static one.
        closed: what the upstream said of its project, where nothing is sent because of that.
        last: outcome of the last attempt that ended.
    """

    __slots__ = (
        "_admission", "_as_written", "_attempt", "_before", "_dead", "_delay_s", "_edited",
        "_ended_at", "_link", "_models", "_names", "_own", "_put_off", "account", "answered",
        "asked", "closed", "enforced", "index", "key", "last", "over", "plan", "priority",
        "refusal", "shed", "unjudged",
    )  # fmt: skip

    def __init__(
        self,
        admission: Admission,
        priority: Priority,
        key: str | None,
        index: int | None,
        asked: Asked,
        session: str | None = None,
    ) -> None:
        self._admission = admission
        # The first of all calls starts the clock with this.
        self.plan = admission.look_up(priority, admission.draws.plan(index))
        self.enforced = admission.enforces
        self._attempt: Attempt | None = None
        self.priority = priority
        self.key = key
        self.index = index
        self.asked = asked
        self.answered = False
        self.over = False
        self.last: Outcome | None = None
        self.account = Account(admission, self.plan, asked, priority, key, index, session)
        self._ended_at = 0.0
        self._link = 0
        self._dead = 0
        # Whether it goes as its caller wrote it, the attempts made before it did, and the edit that
        # was refused.
        self._as_written = False
        self._before = 0
        self._edited: Edit | None = None
        self._put_off = False  # its plan's flex was full
        self.unjudged = False
        self.closed: Refusal | None = None
        self._delay_s: float | None = 0.0
        own = asked.model or admission.own_model
        self._own = own
        self._names = (own,) if asked.pinned else admission.chain(self.plan, own, asked)
        self._models = (0,) if len(self._names) == 1 else tuple(map(self._names.index, self._names))
        self.refusal = ""
        if admission.closed and self.enforced:
            self.closed = admission.closed.refuses(asked.project, admission.clock.now_s())
        if self.closed is not None:
            self.refusal = "closed"
        elif not self.plan.admitted:
            self.refusal = "shed"
        elif not admission.takes_start():
            self.refusal = "limits"
        else:
            self._attempt = self._reserve(0)
            if self._attempt is None:
                admission.returns_start()
                self.refusal = "no_price" if admission.unpriced(self.model) else "budget"
        self.over = bool(self.refusal)
        self.shed = self.over and self.closed is None
        if self.closed is not None:
            self.unjudged = True
            admission.turned_back(priority, self.plan.mode)
            self.account.tell(refusal=self.refusal, answered=self.answered)
        elif self.shed:
            self.plan = replace(self.plan, admitted=False)
            admission.shed(priority, fell_back=self.static_fallback is not None)
            self.account.tell(refusal=self.refusal, answered=self.answered)
        else:
            admission.admitted(priority)

    @property
    def model(self) -> str:
        """That is tried first."""
        return self._names[0]

    @property
    def static_fallback(self) -> str | None:
        """The text that answers a refused or failed request, if the plan has one and the caller
        can use it. A model without a price is its owner's to mend, and not covered up.
        """
        asked = self.asked
        card = self._admission.card(asked.model)
        shows = card is not None and card.outputs != _TEXT
        if not asked.takes_text or shows or self.unjudged or self.refusal == "no_price":
            return None
        return self.plan.strategy.static_fallback

    @property
    def attempts(self) -> int:
        """Attempts made."""
        attempt = self._attempt
        return 0 if attempt is None else attempt.number + (attempt.state != RESERVED)

    # --- attempts -----------------------------------------------------------------------

    def start(self) -> Attempt | None:
        """Reserve the next attempt's money and begin it.

        Returns:
            None when the request is over, or a budget refuses, which ends it.

        Raises:
            MisuseError: the last attempt has not ended.
        """
        attempt = self.reserve()
        if attempt is not None:
            attempt.begin()
        return attempt

    def reserve(self) -> Attempt | None:
        """The next attempt with its money reserved, not begun: for callers who then wait for a
        place (`Balancer.waiting`) and call `Attempt.begin`. Otherwise as `start`.
        """
        if self.over:
            return None
        attempt = self._attempt
        assert attempt is not None
        if attempt.state == RESERVED:
            return attempt
        if attempt.state == BEGUN:
            raise MisuseError("the last attempt has not ended; finish or abandon it first")
        if self._delay_s is None or self.next_delay_s() is None:
            return None
        following = self._reserve(attempt.number + 1)
        if following is None:
            self._fail(self._admission.raw())
            return None
        self._attempt = following
        self._delay_s = 0.0
        return following

    def _reserve(self, number: int) -> Attempt | None:
        admission, asked, strategy = self._admission, self.asked, self.plan.strategy
        name = self._names[self._link % len(self._names)]
        tier = STANDARD
        if asked.service_tier is not None or strategy.service_tier != NO_TIERS:
            tier = self._tier(name)
        if self.enforced and admission.withdrawn and not self._as_written:
            edit = self._edit(name, tier)
            if admission.withdrawn.holds(edit, admission.clock.now_s()):
                self._write_back(number)
                name = self._own
                tier = self._tier(name)
        attempt = Attempt(self.account, self._ended, number, name)
        attempt.as_written = self._as_written
        attempt.tier = tier
        if self._as_written or admission.only_priced(name):
            strategy = UNTOUCHED.strategy
        card = admission.card(name)
        limit_tokens(attempt, strategy, asked, card)
        # What is sent as it was written keeps its tier, whatever that costs.
        yields = tier == PRIORITY and card is not None and self._says_tier
        may = reserve(admission, attempt, asked, card, self.key, yields=yields)
        return attempt if may else None

    @property
    def _says_tier(self) -> bool:
        """Whether its plan says the service tier of its calls."""
        return self.enforced and self.asked.takes_tiers and not self._as_written

    def _tier(self, model: str) -> str:
        """Service tier of a call to a model."""
        own = self.asked.service_tier
        planned = None
        if self._says_tier:
            planned = self.plan.strategy.service_tier[self.priority]
            if self._put_off:
                planned = STANDARD
        moved = model != self._own
        if planned is None and not moved:
            return own or STANDARD
        if planned is None and own is None:
            return STANDARD
        admission = self._admission
        card = None if admission.only_priced(model) else admission.card(model)
        return tier_of(planned, own, card, moved=moved)

    def _edit(self, model: str, tier: str) -> Edit:
        """What the plan makes of a request like this, for one model."""
        shape = self.asked.shape
        named = "" if shape is None else shape()
        written = tier if tier != (self.asked.service_tier or STANDARD) else ""
        return Edit(self.plan.mode, model, self._own, named, self.asked.project, written)

    def _write_back(self, made: int) -> None:
        """From now on the request goes as its caller wrote it, after so many attempts."""
        self._as_written = True
        self._names, self._models = (self._own,), (0,)
        self._link = self._dead = 0
        self._before = made

    def _ended(self, outcome: Outcome, at: float) -> None:
        self.last = outcome
        self._ended_at = at
        admission, kind = self._admission, outcome.kind
        if kind is None:
            self.account.end(ANSWER, at)
            self._admission.earn_retry()
            self.answered = self.over = True
            self._delay_s = None
            self.account.tell(refusal=self.refusal, answered=self.answered)
            if admission.closed:
                admission.closed.answered(self.asked.project)
            if self._edited is not None:
                admission.withdrawn.add(self._edited, admission.clock.now_s())
            return
        if kind == "closed" and outcome.refusal is not None:
            admission.closed.trip(self.asked.project, outcome.refusal, admission.clock.now_s())
        attempt = self._attempt
        assert attempt is not None
        if kind == "edited" and not self._as_written:
            edit = self._edit(attempt.model, attempt.tier)
            self._edited = edit.refused(outcome.status)
            self._write_back(attempt.number + 1)
            self._go_on_at_once(at)
            return
        if kind == "flex_full" and attempt.tier == FLEX:
            if self.asked.service_tier != FLEX:
                # The same model in standard, at once: what was full is the queue before it.
                self._put_off = True
                self._before += 1
                self._go_on_at_once(at)
                return
        elif kind in _OTHERS:
            if kind not in _NO_MISTAKES:
                admission.mistakes.count(self.key)
            self._fail(at)
            return
        if outcome.kind == "quota_day":
            self._dead |= 1 << self._models[self._link % len(self._models)]
        self._delay_s = math.nan  # not asked for yet

    def _go_on_at_once(self, at: float) -> None:
        self._delay_s = 0.0 if self._admission.raw() < self.account.gives_up else None
        if self._delay_s is None:
            self._fail(at)

    def next_delay_s(self) -> float | None:
        """Scenario seconds to wait before the next attempt; None when there is none: the request
        was answered, or it failed and is over.

        Asking again gives the same.
        """
        if self._delay_s is None or not math.isnan(self._delay_s):
            return self._delay_s
        self._delay_s = self._next_delay_s()
        if self._delay_s is None:
            self._fail(self._ended_at)
        return self._delay_s

    def _next_delay_s(self) -> float | None:
        admission, settings = self._admission, self._admission.settings
        attempt, last = self._attempt, self.last
        assert attempt is not None and last is not None
        now = admission.raw()
        if now >= self.account.gives_up:
            return None
        own = self.plan.strategy.retries
        retries = settings.retries if own is None else own
        made = attempt.number + 1 - self._before
        length = len(self._models)
        most = min(retries, admission.retries())
        link = next_link(self._models, length, self._link, self._dead, made, most)
        if link == END:
            return None
        round_ = link // length
        starts_over = round_ > self._link // length
        self._link = link
        # The first attempt on each model is free: it is what the plan has that model for.
        if round_ > 0 and not admission.spend_retry():
            return None
        if not starts_over:
            return 0.0
        draw = admission.draws.backoff(self.index, attempt.number + 1)
        delay_s = settings.backoff_s(round_, draw)
        if settings.honours_retry_delay and last.kind == "quota_minute":
            delay_s = max(delay_s, last.retry_after_s)
        if now + admission.clock.wall_s(delay_s) >= self.account.gives_up:
            return None
        return delay_s

    def _fail(self, at: float) -> None:
        self.unjudged = self.last is not None and self.last.kind in _OTHERS
        self.account.end(UNJUDGED if self.unjudged else FAILED, at)
        self.over = True
        self._delay_s = None
        if self.static_fallback is not None:
            self._admission.fell_back(self.priority)
        self.account.tell(refusal=self.refusal, answered=self.answered)

    def withdraw(self) -> None:
        """Nothing was sent of the attempt under way, for a reason on this side, such as a caller's
        wrong argument: it counts as nothing, and nothing more will be tried.
        """
        if self.over:
            return
        attempt = self._attempt
        assert attempt is not None
        attempt.withdraw()
        self.unjudged = True
        self.account.end(UNJUDGED, self._admission.raw())
        self.close()

    # --- the end ------------------------------------------------------------------------

    def close(self) -> None:
        """Nothing more will be tried: an attempt in flight is abandoned, a claim given back.

        Safe to call at any time, more than once; leaving a `with` block calls it, and so does
        dropping the request.
        """
        attempt = self._attempt
        flying = attempt is not None and attempt.state == BEGUN
        if attempt is not None and attempt.state != OVER:
            attempt.abandon()
        if not flying and self.last is not None and self.last.kind in _OTHERS:
            self.account.end(UNJUDGED, self._ended_at)
        elif self._delay_s is not None and math.isnan(self._delay_s):
            # Its last attempt failed, and its caller does not ask for another one.
            self.account.end(FAILED, self._ended_at)
        self.account.end(ABANDONED, self._admission.raw())
        self.over = True
        self._delay_s = None
        self.account.tell(refusal=self.refusal, answered=self.answered)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A constructor that raised leaves nothing to close.
        if getattr(self, "over", True) is False:
            self.close()

    def __repr__(self) -> str:
        state = self.refusal or ("over" if self.over else "under way")
        return f"<Request {self.priority.label} {self.plan.mode.label}: {state}>"
