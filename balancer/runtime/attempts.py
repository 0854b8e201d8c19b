"""One call upstream of a request: what it may use, when it began, and what it came to.

It ends once, by its caller's word or because its caller is gone, and is charged then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..core.catalog import ModelCard, Thinking
from ..core.errors import MisuseError
from ..core.observations import FAILURES
from ..core.pricing import cost_nano_usd
from ..core.tiers import FLEX, PRIORITY, STANDARD
from .accounts import Account
from .bills import Bill
from .calls import Asked, CallRecord, Outcome
from .claim import Claim
from .flights import (
    ABANDONED,
    ANSWER,
    DOWNGRADED,
    REROUTED,
    STARTED,
    UNTIMED,
    WITHDRAWN,
    Call,
)
from .recorder import MOST_PENDING

__all__ = ["BEGUN", "OVER", "RESERVED", "Attempt"]

RESERVED, BEGUN, OVER = range(3)
"""States of an attempt."""

_NOT_BILLED = (
    "overloaded", "internal", "quota_minute", "quota_day", "rejected", "edited", "closed",
)  # fmt: skip
_UNSEEN = ("timeout", "reset", "flex_full")
_PUT_OFF = ("overloaded", "timeout")
"""What flex does to those who ask for it: it says nothing of how the upstream serves others."""
_KINDS: dict[str | None, int] = {None: ANSWER, **{kind: i for i, kind in enumerate(FAILURES)}}


class _Flight(Call):
    """An attempt in flight, which may not be its request's first."""

    __slots__ = ("aged", "began")

    alone = False
    began: float

    def pause(self, now: float) -> None:
        """Its age stays what it is."""
        self.aged = now - self.since

    def resume(self, now: float) -> None:
        """Its age grows again."""
        if self.aged is not None:
            since = now - self.aged
            self.began += since - self.since
            self.since = since
            self.aged = None


class _FlexFlight(_Flight):
    __slots__ = ()

    flex = True


class Attempt:
    """One call upstream, to be made as it says.

    Args:
        account: of its request, which it is charged to.
        ended: told its outcome and the raw clock when its caller finishes it.
        number, model: see below.

    Attributes:
        state: `RESERVED`, `BEGUN` or `OVER`.
        claim: what a hard budget holds for it, or None.
        number: within the request, from 0.
        model: to call.
        sent: the name under which it is called, where that is another one: a model that has ended
            is sent as its caller wrote it, and charged to the model that answers for it.
        tier: service tier to call it in.
        output_cap_tokens: `max_output_tokens`, thinking included; None leaves the caller's.
        thinking: the setting, or None for the caller's own. A budget that shortened the call
            leaves a number of tokens here, which the model may not accept as it is: whoever
            writes the call keeps within `thinking_tokens` by what the model's card accepts.
        thinking_tokens: most thinking tokens the cap allows for; None is no bound.
        timeout_s: deadline in scenario seconds; None is none. `Clock.wall_s` makes wall seconds.
        as_written: no edit of the plan is to be made, because the upstream refuses it. A cap that
            a budget has shortened holds all the same.
    """

    __slots__ = (
        "_account", "_began", "_detached", "_ended", "_first", "_flight", "as_written", "claim",
        "model", "number", "output_cap_tokens", "sent", "state", "thinking", "thinking_tokens",
        "tier", "timeout_s",
    )  # fmt: skip

    def __init__(
        self, account: Account, ended: Callable[[Outcome, float], None], number: int, model: str
    ) -> None:
        self._account = account
        self._ended: Callable[[Outcome, float], None] | None = ended
        self.claim: Claim | None = None
        self._began = 0.0
        self._first: float | None = None
        self._detached = False
        self.state = RESERVED
        self.number = number
        self.model = self.sent = model
        self.tier = STANDARD
        self._flight: _Flight | None = None
        self.output_cap_tokens: int | None = None
        self.thinking: Thinking | None = None
        self.thinking_tokens: int | None = None
        self.timeout_s: float | None = None
        self.as_written = False

    @property
    def card(self) -> ModelCard | None:
        """Card of its model, which has the price; None where nobody knows what it costs."""
        return self._account.admission.card(self.model)

    def bill(self, served_model: str, served_tier: str) -> Bill:
        """Who served it, and at which prices, by what its answer says; "" where that says nothing.

        A surcharge of its outcome is reckoned by the card.
        """
        admission = self._account.admission
        return admission.bill(self.model, self.sent, self.tier, served_model, served_tier)

    @property
    def is_held(self) -> bool:
        """Whether a hard budget holds money for it, whose cap it must keep to, plan or none."""
        return self.claim is not None

    @property
    def under_way(self) -> bool:
        """Whether it has begun and not ended."""
        return self.state == BEGUN

    def begin(self) -> None:
        """The call starts now; `Request.start` does this, `Request.reserve` does not."""
        if self.state != RESERVED:
            return
        self.state = BEGUN
        admission = self._account.admission
        now = self._began = admission.raw()
        account = self._account
        plan = account.plan
        # Not the attempt itself: a request that its caller dropped must be seen to be dropped.
        recorder = admission.recorder
        flex = self.tier == FLEX
        flight = self._flight = _FlexFlight() if flex else _Flight()
        flight.began = now
        flight.aged = None
        flight.plan = plan
        flight.place = (plan.mode, self.model)
        flight.since = now if flex else account.first_start(now)
        flight.priority = account.priority
        self.timeout_s = account.timeout_s(now, flex=flex)
        (recorder.flex if flex else recorder.flights).add(flight)
        recorder.begun.append((STARTED, flight.place))
        if len(recorder.begun) > MOST_PENDING:
            recorder.relieve()

    def first_token(self) -> None:
        """The answer's first token is here; later calls change nothing."""
        if self._first is None:
            self._first = self._account.admission.raw() - self._began

    def expired(self) -> str:
        """Kind of its outcome where its deadline is over and nobody answered: "timeout", or
        "rejected" where the deadline is its caller's own and was over before an answer is due.

        It is billed all the same (`Outcome.billed`): the upstream goes on with it.
        """
        account, flight = self._account, self._flight
        if self.tier == FLEX or flight is None:
            return "timeout"
        clock = account.admission.clock
        return account.expired((clock.raw() - flight.since) * clock.speed, self.timeout_s)

    def pause(self) -> None:
        """From now on, who reads its stream is what is waited for: until `resume`, or its end, it
        does not age, and that time is in no latency.
        """
        flight = self._flight
        if self.state == BEGUN and flight is not None and flight.aged is None:
            now = self._account.admission.raw()
            flight.pause(now)
            self._account.pause(now)

    def resume(self) -> None:
        """The reader has taken what there was, so that the upstream is waited for again."""
        flight = self._flight
        if self.state == BEGUN and flight is not None and flight.aged is not None:
            now = self._account.admission.raw()
            flight.resume(now)
            self._account.resume(now)

    def finish(self, outcome: Outcome) -> None:
        """The call ended.

        Raises:
            MisuseError: it had ended before, or had not begun.
        """
        if self.state != BEGUN:
            raise MisuseError("an attempt is finished once, after it began")
        if self.tier == FLEX and outcome.kind in _PUT_OFF:
            unbilled = outcome.kind == "overloaded" and outcome.billed is None
            billed = False if unbilled else outcome.billed
            outcome = replace(outcome, kind="flex_full", billed=billed)
        at = self._end(outcome, _KINDS[outcome.kind])
        # Its request has it, and is let go of here: both are gone as soon as nobody has them.
        ended, self._ended = self._ended, None
        assert ended is not None
        ended(outcome, at)

    def detach(self) -> None:
        """The upstream has taken it on and answers later, when it is asked again. From now on it
        has no age, and no latency when it ends: nobody waits for it. Its money is held until then.
        """
        if self.state != BEGUN or self._detached:
            return
        self._detached = True
        account, flight = self._account, self._flight
        assert flight is not None
        recorder = account.admission.recorder
        (recorder.flex if flight.flex else recorder.flights).discard(flight)
        account.end(ABANDONED, account.admission.raw())

    def abandon(self, so_far: Outcome | None = None) -> None:
        """Its caller gave it up (a cancelled task, a closed stream): no failure, but a latency of
        at least its age.

        Args:
            so_far: of a stream, what its chunks had reported by then; its kind means nothing. It
                is charged that. Where nothing was reported, it is charged the prompt, and the
                budget books all that was held: the upstream may go on and bill that much.
        """
        if self.state == BEGUN:
            self._end(so_far, ABANDONED)
        elif self.state == RESERVED:
            self.state = OVER
            self._settle(0)

    def withdraw(self) -> None:
        """Nothing was sent of it, for a reason on this side: it counts as nothing, and its money is
        given back.
        """
        if self.state == BEGUN:
            flight, recorder = self._flight, self._account.admission.recorder
            assert flight is not None
            flights = recorder.flex if flight.flex else recorder.flights
            if flight in flights:
                flights.discard(flight)
                recorder.begun.append((WITHDRAWN, flight.place))
        if self.state != OVER:
            self.state = OVER
            self._settle(0)

    def _end(self, outcome: Outcome | None, kind: int) -> float:
        """Charge it; the raw clock."""
        self.resume()
        self.state = OVER
        admission = self._account.admission
        recorder = admission.recorder
        now = admission.raw()
        flight = self._flight
        assert flight is not None
        flights = recorder.flex if flight.flex else recorder.flights
        counted = flight in flights or self._detached
        flights.discard(flight)
        if kind == ABANDONED and outcome is not None and not outcome.prompt_tokens:
            outcome = None  # nothing was reported
        prompt, cached, output, thinking, surcharge, complete = _usage(outcome, self._account.asked)
        model = tier = ""
        if outcome is not None:
            model, tier = outcome.served_model, outcome.served_tier
        card, rerouted, downgraded = admission.bill(self.model, self.sent, self.tier, model, tier)
        row = admission.price(self.model) if card is None else card.price
        cost = max(0, cost_nano_usd(row, prompt, cached, output, thinking) + surcharge)
        self._account.nano_usd += cost
        self._account.tokens += prompt + output + thinking
        if counted:  # or the recorder gave it up long ago
            counts = UNTIMED if self._detached and kind < 0 else kind
            recorder.ended.append(
                (flight, now, counts, prompt, cached, output, thinking, self._first, cost)
            )
            if rerouted:
                recorder.begun.append((REROUTED, flight.place))
            if downgraded:
                recorder.begun.append((DOWNGRADED, flight.place))
        # What the caller cannot see may have cost all that was reserved.
        held = self.claim.nano_usd if self.claim is not None else 0
        as_priority = tier == PRIORITY or not tier
        self._settle(cost if complete else max(cost, held), as_priority=as_priority)
        if len(recorder.ended) > MOST_PENDING:
            recorder.relieve()
        if admission.listeners.calls or self._account.calls is not None:
            reported = None if kind == ABANDONED else outcome
            self._tell(reported, now, cost, (now - flight.since) * admission.clock.speed)
        return now

    def _settle(self, nano_usd: int, *, as_priority: bool = True) -> None:
        claim, self.claim = self.claim, None
        account = self._account
        account.admission.settle(claim, nano_usd, account.key, as_priority=as_priority)

    def _tell(self, outcome: Outcome | None, now: float, cost: int, latency_s: float) -> None:
        account = self._account
        admission = account.admission
        speed = admission.clock.speed
        ended_s = admission.clock.now_s()
        record = CallRecord(
            mode=account.plan.mode,
            model=self.model,
            priority=account.priority,
            key=account.key,
            index=account.index,
            attempt=self.number,
            started_s=ended_s - (now - self._began) * speed,
            ended_s=ended_s,
            latency_s=latency_s,
            first_token_s=None if self._first is None else self._first * speed,
            outcome=outcome,
            nano_usd=cost,
            output_cap_tokens=self.output_cap_tokens,
            tier=self.tier,
        )
        if account.calls is not None:
            account.calls.append(record)
        admission.listeners.calls.tell(record)


def _usage(outcome: Outcome | None, asked: Asked) -> tuple[int, int, int, int, int, bool]:
    """What to charge (prompt, cached, output and thinking tokens, nano-dollars beyond the price
    of text), and whether it is all there was.
    """
    if outcome is None:
        return asked.prompt_tokens, 0, 0, 0, 0, False
    kind, billed = outcome.kind, outcome.billed
    if billed is None:
        billed = kind not in _NOT_BILLED
    if not billed:
        return 0, 0, 0, 0, 0, True
    prompt, cached = outcome.prompt_tokens, outcome.cached_tokens
    # A call that was cut before it said anything may have come to more than it reported. What
    # a stream had sent is billed, and no more.
    if kind in _UNSEEN and not (outcome.billed and prompt):
        return prompt or asked.prompt_tokens, cached, 0, 0, outcome.surcharge_nano_usd, False
    complete = prompt > 0
    return (
        prompt or asked.prompt_tokens,
        cached if complete else 0,
        outcome.output_tokens,
        outcome.thinking_tokens,
        outcome.surcharge_nano_usd,
        complete,
    )
