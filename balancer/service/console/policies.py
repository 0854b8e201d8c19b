"""The policy: as a form and as YAML, its versions, what differs, and bringing one back."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from ...core.doubts import doubts
from ...core.errors import InputError, PolicyError
from ...core.modes import MODES, Mode
from ...core.policy import Policy, Rule
from ...policy_difference import policy_difference
from ...policy_file import parse_policy
from ...policy_show import shown_threshold
from ...policy_text import rewritten
from ..api.brownout import change_policy
from ..api.schemas import PolicyChange
from ..console_use import Role
from ..history.tables import POLICY_VERSIONS
from ..problems import Problem
from .forms import Form, problems_of, whole_number
from .frame import Console
from .gate import form_of, need

__all__ = ["checked", "policy_routes"]

_VERSIONS = 30
_LARGEST_ID = 2**31 - 1
_NAMES = {"reason": "policy.reason", "policy": "policy.text", "if_version": ""}
_SIGNALS = {
    "latency_p95": "P95 latency",
    "error_rate": "Error rate",
    "token_cost_per_hour": "Cost per hour",
}
Number = Annotated[int, Path(ge=1, le=_LARGEST_ID)]


def policy_routes(console: Console) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    dependencies = console.dependencies

    async def shown(
        request: Request,
        *,
        errors: dict[str, str] | None = None,
        values: dict[str, str] | None = None,
        text: str | None = None,
        checked: dict[str, Any] | None = None,
    ) -> Response:
        current = dependencies.policies.current
        policy = dependencies.balancer.policy
        table = _table(policy)
        signals = {signal for row in table.values() for signal in row}
        return console.page(
            request,
            "brownout",
            "policy.html",
            status=422 if errors else 200,
            errors=errors,
            values=values,
            tab="policy",
            text=current.text if text is None else text,
            current=current,
            table=table,
            signals={name: words for name, words in _SIGNALS.items() if name in signals},
            levels=[mode.label for mode in MODES[1:]],
            warnings=doubts(policy),
            misfits=dependencies.balancer.status().misfits,
            checked=checked,
        )

    @routes.get("/console/brownout/policy")
    async def policy(request: Request) -> Response:
        return await shown(request)

    @routes.post("/console/brownout/policy/check")
    async def check(request: Request) -> Response:
        need(request, Role.OPERATOR)
        form = form_of(request)
        found, errors = await checked(console, form["text"])
        return await shown(
            request, errors=errors, values=_values(form), text=form["text"], checked=found
        )

    @routes.post("/console/brownout/policy/thresholds")
    async def thresholds(request: Request) -> Response:
        """The form: it fills in the YAML, which is then looked at and applied as ever."""
        need(request, Role.OPERATOR)
        form = form_of(request)
        text = _with_thresholds(dependencies.policies.current.text, form)
        found, errors = await checked(console, text)
        entered = {f"thresholds.{name}": value for name, value in form.items()}
        if found is None:
            return await shown(
                request, errors=_at_rules(errors, dependencies.balancer.policy), values=entered
            )
        return await shown(request, values=entered, text=text, checked=found)

    @routes.post("/console/brownout/policy/apply")
    async def apply(request: Request) -> Response:
        visitor = need(request, Role.OPERATOR)
        form = form_of(request)
        try:
            change = PolicyChange(
                policy=form["text"], reason=form["reason"], if_version=_seen(form)
            )
            done = await change_policy(dependencies, change, visitor.author)
        except (ValidationError, InputError, Problem) as error:
            return await shown(
                request,
                errors=_policy_problems(error),
                values=_values(form),
                text=form["text"],
            )
        visitor.said = (
            f"Version {done.version} is in force."
            if done.recorded
            else "The policy is in force; the history could not be written, so it has no number."
        )
        return console.to("/console/brownout/policy")

    @routes.get("/console/brownout/versions")
    async def versions(
        request: Request, before: Annotated[int | None, Query(ge=1, le=_LARGEST_ID)] = None
    ) -> Response:
        return await _versions(console, request, before=before)

    @routes.get("/console/brownout/versions/{number}")
    async def version(request: Request, number: Number) -> Response:
        return await _version(console, request, number)

    @routes.post("/console/brownout/versions/{number}/restore")
    async def restore(request: Request, number: Number) -> Response:
        visitor = need(request, Role.OPERATOR)
        form = form_of(request)
        try:
            change = PolicyChange(version=number, reason=form["reason"], if_version=_seen(form))
            done = await change_policy(dependencies, change, visitor.author)
        except (ValidationError, InputError, Problem) as error:
            found = problems_of(error, {"reason": "restore.reason"})
            return await _version(console, request, number, errors=found)
        visitor.said = f"Version {number} is in force again, as version {done.version}."
        return console.to("/console/brownout/versions")

    return routes


async def checked(console: Console, text: str) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """What would change with a policy; or messages by field where it cannot be meant."""
    policies, balancer = console.dependencies.policies, console.dependencies.balancer
    try:
        policy = await policies.read(text)
    except (InputError, Problem) as error:
        return None, _policy_problems(error)
    differences = await asyncio.to_thread(policy_difference, balancer.policy, policy)
    return {"differences": differences, "warnings": doubts(policy), "name": policy.name}, {}


def _policy_problems(error: Exception) -> dict[str, str]:
    if isinstance(error, PolicyError):
        return {"policy.text": _with_line(str(error))}
    found = problems_of(error, _NAMES)
    return {"policy.text" if "policy" in name and name not in _NAMES.values() else name: text
            for name, text in found.items()}  # fmt: skip


def _with_line(text: str) -> str:
    """ "policy:12: …" as "Line 12: …"."""
    found = re.match(r"policy:(\d+): (.*)", text, re.DOTALL)
    return f"Line {found[1]}: {found[2]}" if found else text


def _values(form: Form) -> dict[str, str]:
    return {f"policy.{name}": value for name, value in form.items()}


def _seen(form: Form) -> int | None:
    """The version that was in force when the page was made.

    Raises:
        Problem: 422 for what is no version.
    """
    if not form["if_version"]:
        return None
    number = whole_number(form["if_version"], 1, _LARGEST_ID)
    if number is None:
        raise Problem(422, "the form names no version; load the page again", where="if_version")
    return number


def _table(policy: Policy) -> dict[str, dict[str, str]]:
    """The thresholds of the form, by level and signal, as a policy file says them."""
    found: dict[str, dict[str, str]] = {mode.label: {} for mode in MODES[1:]}
    for rule in policy.rules:
        if rule.signal in _SIGNALS and rule.sustained_s == 0:
            found[rule.level.label].setdefault(rule.signal, shown_threshold(rule))
    return found


def _rule_index(policy: Policy, level: str, signal: str) -> int | None:
    for place, rule in enumerate(policy.rules):
        if rule.signal == signal and rule.level.label == level and rule.sustained_s == 0:
            return place
    return None


def _with_thresholds(text: str, form: Form) -> str:
    policy = parse_policy(text)

    def change(tree: Any) -> None:
        for level in (mode.label for mode in MODES[1:]):
            for signal in _SIGNALS:
                place = _rule_index(policy, level, signal)
                value = form.given(f"{level}-{signal}")
                if place is not None and value is not None:
                    tree["rules"][place]["above"] = value

    return rewritten(text, change)


def _at_rules(errors: dict[str, str], policy: Policy) -> dict[str, str]:
    """The message of a rule at the form's field for it."""
    text = " ".join(errors.values())
    found = re.search(r"rules\.(\d+)", text)
    rule: Rule | None = policy.rules[int(found[1])] if found else None
    if rule is None:
        return {"": text}
    said = re.sub(r"^(Line \d+: )?rules\.\d+\.\w+: ", "", text)
    return {f"thresholds.{Mode(rule.level).label}-{rule.signal}": said}


async def _versions(console: Console, request: Request, *, before: int | None) -> Response:
    store = console.dependencies.store
    page = await asyncio.to_thread(store.page, POLICY_VERSIONS, limit=_VERSIONS, before=before)
    return console.page(
        request,
        "brownout",
        "versions.html",
        tab="versions",
        rows=page.rows,
        older=page.before,
        current=console.dependencies.policies.current,
    )


async def _version(
    console: Console, request: Request, number: int, *, errors: dict[str, str] | None = None
) -> Response:
    store, current = console.dependencies.store, console.dependencies.policies.current
    row = await asyncio.to_thread(store.get, POLICY_VERSIONS, number)
    if row is None:
        raise Problem(404, f"there is no policy version {number}")
    return console.page(
        request,
        "brownout",
        "version.html",
        status=422 if errors else 200,
        errors=errors,
        tab="versions",
        row=row,
        current=current,
        **await asyncio.to_thread(_difference, row["text"], console.dependencies.balancer.policy),
    )


def _difference(text: str, now: Policy) -> dict[str, Any]:
    """What bringing a version back would change, and its lines beside those in force."""
    from difflib import ndiff

    from ...policy_file import show_policy

    try:
        then = parse_policy(text)
    except PolicyError as error:
        return {"differences": (), "lines": [], "unread": str(error)}
    lines = [line for line in ndiff(show_policy(now).splitlines(), text.splitlines())
             if line[:1] in "+-"]  # fmt: skip
    return {"differences": policy_difference(now, then), "lines": lines, "unread": ""}
