"""`GET|POST|PUT /api/brownout`: how calls are served, an operator's orders, and the policy."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from ...core.doubts import doubts
from ...core.errors import MisuseError
from ...core.modes import MODES, PRIORITIES, Mode
from ...core.observations import Override
from ...units import parse_seconds
from ..audit import Author, api_author
from ..history.tables import ORDERS
from ..problems import Problem
from ..ticks import wall_time
from .dependencies import Dependencies, refusals
from .integration_views import integrations, polled
from .schemas import (
    BrownoutStatus,
    FleetStatus,
    Order,
    OrderTaken,
    OverrideStatus,
    PolicyChange,
    PolicyChanged,
    PolicyStatus,
    mode_name,
)

__all__ = ["brownout_routes", "brownout_status", "change_policy", "give_order", "order_words"]

_LONGEST_S = 86_400.0
_REFUSALS = refusals(400, 401, 403, 413, 415, 422, 429)


def brownout_routes(dependencies: Dependencies) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["brownout"])
    author = api_author(dependencies.settings.token)

    @routes.get("/api/brownout", responses=refusals(403, 429))
    async def status() -> BrownoutStatus:
        """How calls are served now, and under which policy."""
        return brownout_status(dependencies)

    @routes.post("/api/brownout", responses=_REFUSALS)
    async def order(given: Order) -> OrderTaken:
        """Hold a mode, stop holding one, or use the kill switch.

        An order holds from the end of the tick under way; of several, the last one given holds.
        The kill switch holds at once. What is returned is what will hold, and from when.
        """
        return give_order(dependencies, given, author)

    @routes.put(
        "/api/brownout",
        responses=_REFUSALS | refusals(404, 409, 503),
    )
    async def change(
        given: PolicyChange,
        dry_run: Annotated[bool, Query(description="Check it, and change nothing")] = False,
    ) -> PolicyChanged:
        """Put a policy in force, or bring an older version back. It holds from the next call."""
        return await change_policy(dependencies, given, author, dry_run=dry_run)

    return routes


def give_order(dependencies: Dependencies, given: Order, author: Author) -> OrderTaken:
    """Take an operator's order, and keep it in the history and in the audit log.

    Args:
        author: who gives it.

    Raises:
        Problem: 422.
    """
    before = _standing(dependencies)
    if given.bypass is not None:
        dependencies.balancer.bypass(given.bypass, given.reason)
        _record(dependencies, "bypass" if given.bypass else "resume", given.reason)
        taken = None
    elif given.mode == "auto":
        taken = dependencies.balancer.lift(given.reason)
        _record(dependencies, "clear", given.reason)
    else:
        taken = _hold(dependencies, given)
    done = _taken(dependencies, given, taken)
    dependencies.audit.add(
        author,
        _what(given),
        before=before,
        after=f"{order_words(given, done)}: {given.reason}",
    )
    return done


def _what(given: Order) -> str:
    if given.bypass is not None:
        return f"kill switch {'on' if given.bypass else 'off'}"
    return "let go" if given.mode == "auto" else "hold a mode"


def order_words(given: Order, taken: OrderTaken) -> str:
    """What holds after an order, in words, without the reason."""
    if given.bypass is not None:
        through = "on: calls go through unchanged" if given.bypass else "off"
        return f"The kill switch is {through}"
    if given.mode == "auto":
        return "The controller decides again"
    until = "" if taken.until is None else f" until {taken.until:%H:%M:%S} UTC"
    return f"{given.mode} is held{until}"


def _standing(dependencies: Dependencies) -> str:
    now = dependencies.balancer.status()
    held = f", held: {now.override.reason}" if now.override is not None else ""
    bypass = f", kill switch: {now.bypass}" if now.bypass else ""
    return f"{mode_name(now.mode)}{held}{bypass}"


async def change_policy(
    dependencies: Dependencies, given: PolicyChange, author: Author, *, dry_run: bool = False
) -> PolicyChanged:
    """Put a policy in force, or bring an older version back.

    Args:
        author: who does.

    Raises:
        PolicyError: it cannot be what its author meant.
        Problem: 404, 409, 422 or 503.
    """
    policies = dependencies.policies
    if given.version is not None:
        if dry_run:
            raise Problem(422, "dry_run goes with a policy, not with a version")
        found = await policies.roll_back(
            given.version, given.reason, author, if_version=given.if_version
        )
    else:
        assert given.policy is not None
        if dry_run:
            found = policies.current, await policies.read(given.policy), "nothing was changed"
        else:
            found = await policies.put(
                given.policy, given.reason, author, if_version=given.if_version
            )
    version, policy, kept = found
    return PolicyChanged(
        version=version.number,
        recorded=version.number is not None and not dry_run,
        dry_run=dry_run,
        name=policy.name,
        warnings=list(doubts(policy)),
        kept=kept,
    )


def brownout_status(dependencies: Dependencies) -> BrownoutStatus:
    """How calls are served."""
    balancer = dependencies.balancer
    status, decision = balancer.status(), balancer.decision
    version = dependencies.policies.current
    policy = balancer.policy
    return BrownoutStatus(
        mode=mode_name(status.mode),
        mode_number=int(status.mode),
        tick=status.tick,
        enforced=status.enforced,
        shadow=status.shadow,
        bypass=status.bypass,
        override=None if status.override is None else _override(dependencies, status.override),
        reasons=list(status.reasons),
        mix={mode.label: decision.mix[mode] for mode in MODES},
        admit={priority.label: decision.admit[priority] for priority in PRIORITIES},
        in_flight=status.in_flight,
        waiting=status.waiting,
        reserved_usd=status.reserved_nano_usd / 1e9,
        problems=status.problems,
        history=dependencies.store.problem,
        integrations=integrations(dependencies.integrations),
        polled=polled(dependencies.integrations, time.time()),
        policy=PolicyStatus(
            name=policy.name,
            law=policy.law,
            version=version.number,
            since=datetime.fromtimestamp(version.at, UTC),
            origin=version.origin,
            text=version.text,
            warnings=list(doubts(policy)),
            misfits=list(status.misfits),
            file_problem=dependencies.policies.file_problem,
        ),
        fleet=None if status.fleet is None else FleetStatus(**asdict(status.fleet)),
    )


def _override(dependencies: Dependencies, order: Override) -> OverrideStatus:
    return OverrideStatus(
        mode=mode_name(order.mode),
        until=wall_time(
            dependencies.balancer.clock, order.until_tick * dependencies.balancer.policy.tick_s
        ),
        reason=order.reason,
    )


def _hold(dependencies: Dependencies, given: Order) -> Override:
    balancer = dependencies.balancer
    assert given.mode is not None
    mode = Mode[given.mode.upper()]
    if given.until is not None:
        seconds = (given.until.timestamp() - time.time()) * balancer.clock.speed
    else:
        try:
            seconds = parse_seconds(given.duration)
        except ValueError as error:
            raise Problem(422, str(error), where="duration") from None
    if not 0 < seconds <= _LONGEST_S * max(1.0, balancer.clock.speed):
        raise Problem(
            422,
            f"the order would end in {seconds:g} s; expected an end to come, within 24 hours",
            where="duration" if given.until is None else "until",
        )
    try:
        order = balancer.override(mode, given.reason, for_s=seconds)
    except MisuseError as error:
        raise Problem(422, str(error)) from None
    until = wall_time(dependencies.balancer.clock, order.until_tick * balancer.policy.tick_s)
    _record(dependencies, "override", given.reason, mode, until)
    return order


def _taken(dependencies: Dependencies, given: Order, order: Override | None) -> OrderTaken:
    status = dependencies.balancer.status()
    tick_s = dependencies.balancer.policy.tick_s
    begins: datetime | None = datetime.now(UTC)
    until = None
    if order is not None:
        begins = wall_time(dependencies.balancer.clock, (order.at_tick + 1) * tick_s)
        until = (
            wall_time(dependencies.balancer.clock, order.until_tick * tick_s)
            if given.mode != "auto"
            else None
        )
    return OrderTaken.model_validate(
        {
            "mode": given.mode,
            "from": begins,
            "until": until,
            "reason": given.reason,
            "bypass": status.bypass,
            "enforced": status.enforced,
            "shadow": status.shadow,
        }
    )


def _record(
    dependencies: Dependencies,
    kind: str,
    reason: str,
    mode: Mode | None = None,
    until: datetime | None = None,
) -> None:
    dependencies.store.add(
        ORDERS,
        at=time.time(),
        kind=kind,
        mode=None if mode is None else mode.label,
        until=None if until is None else until.timestamp(),
        reason=reason,
        owner=dependencies.tracker.owner,
    )
