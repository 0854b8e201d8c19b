"""Plain calls: one attempt each, called and retried by the application itself. The hot path.

Written as functions that `Balancer` has as its methods: one more call on the way would cost a
quarter of what they take.
"""

from __future__ import annotations

from random import random
from typing import Protocol

from ..core.errors import MisuseError
from ..core.modes import Priority
from ..core.observations import FAILURES
from .admission import NO_LIMITS, Admission
from .flights import ANSWER, CALL, UNPRICED, Call
from .recorder import LONGEST_CALL_S, MOST_PENDING

__all__ = ["begin", "finish"]

_KINDS = {kind: number for number, kind in enumerate(FAILURES)}


class _Admitting(Protocol):
    _admission: Admission


def begin(
    self: _Admitting,
    priority: Priority = Priority.NORMAL,
    model: str | None = None,
    u: float | None = None,
) -> Call:
    """Plan one call, count it and start its clock: the hot path.

    For applications that do their own calling and retrying, a call at a time. It knows
    nothing of tokens in advance, so it cannot keep a hard budget: `request` does.

    Args:
        self: the balancer.
        priority: of the request.
        model: that the caller asks for; None is the policy's, or the settings'. The one to
            call is `call.model`.
        u: a uniform draw from [0, 1); None draws one.

    Returns:
        The call. When `call.admitted` is False, do not make it and do not finish it.

    Raises:
        MisuseError: the policy has a hard budget.
    """
    admission = self._admission
    now = admission.raw()
    if now > admission.alive_until:
        admission.overdue()
        now = admission.raw()  # the first call opens files, which may set the clock
    if u is None:
        u = random()  # noqa: S311 - chance, not secrecy
    for upper, plan, place, event in admission.table[priority]:  # noqa: B007
        if u < upper:
            break
    call = Call()
    call.plan = plan
    call.place = place
    call.since = now
    call.priority = priority
    if not plan.admitted:
        return admission.turned_away(call, priority)
    if model is not None:
        if plan.strategy.model is not None:
            model = admission.chain(plan, model)[0]
        call.place = place = (plan.mode, model)
        event = (CALL, priority, place)
    if admission.reserves:
        raise MisuseError(
            "the policy has a hard budget, which is reserved before a call: use request()"
        )
    recorder = admission.recorder
    if admission.limits is NO_LIMITS:
        recorder.flights.add(call)
    elif not admission.takes_place(call):
        return admission.turned_away(call, priority)
    recorder.begun.append(event)
    return call


def finish(
    self: _Admitting,
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
        self: the balancer.
        call: what `begin` gave, admitted.
        kind: None for a complete answer, or one of `balancer.core.observations.FAILURES`.
        prompt_tokens, cached_tokens, output_tokens, thinking_tokens: as billed.
        first_token_s: scenario seconds to the first token.

    Raises:
        MisuseError: the call was finished before, or is shed; or an unknown kind.
    """
    admission = self._admission
    recorder = admission.recorder
    try:
        number = ANSWER if kind is None else _KINDS[kind]
        recorder.flights.remove(call)
    except KeyError:
        _refuse_to_finish(admission, call, kind)
        return
    ended = recorder.ended
    ended.append(
        (
            call,
            admission.raw(),
            number,
            prompt_tokens,
            cached_tokens,
            output_tokens,
            thinking_tokens,
            None if first_token_s is None else first_token_s / admission.clock.speed,
            UNPRICED,
        )
    )
    if len(ended) > MOST_PENDING:
        recorder.relieve()


def _refuse_to_finish(admission: Admission, call: Call, kind: str | None) -> None:
    if kind is not None and kind not in _KINDS:
        raise MisuseError(f"kind is {kind!r}; expected one of {', '.join(FAILURES)}, or None")
    if not call.admitted:
        raise MisuseError("a call that is shed is not made, and not finished")
    age_s = (admission.raw() - call.since) * admission.clock.speed
    # One that took so long was given up by the recorder, and counted then.
    if age_s <= LONGEST_CALL_S:
        raise MisuseError("the call was finished before")
