"""Plans what to change in Datadog, and changes it: found by mark, never made twice.

Nothing is remembered between runs. A plan compares what should be with what Datadog has, so an
apply that was interrupted is finished by the next, and one that has nothing to do does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ...core.errors import InputError
from .client import Client
from .definitions import Definition, Kind
from .errors import DatadogError, Trouble
from .monitors import Target
from .stores import STORES, Existing, others_of_ours

__all__ = ["Action", "Change", "Difference", "apply", "plan", "plan_removal"]


class Action(Enum):
    """What is to be done with a thing."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"
    LATER = "later"
    """Cannot be made before Datadog has seen the metric."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is not as it should be; None where there is none."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be done with one thing, and why.

    Attributes:
        action: what.
        kind, title: with which thing.
        definition: as it should be; None to delete.
        existing: as it is; None to create.
        differences: of an update.
        why: of a deletion.
    """

    action: Action
    kind: Kind
    title: str
    definition: Definition | None = None
    existing: Existing | None = None
    differences: tuple[Difference, ...] = ()
    why: str = ""


def plan(client: Client, target: Target, definitions: Sequence[Definition]) -> tuple[Change, ...]:
    """What has to be done so that Datadog has the definitions, in order.

    Raises:
        InputError: the place of a thing is taken by something that is not ours.
        DatadogError: Datadog cannot be asked.
    """
    changes: list[Change] = []
    for kind, store in STORES.items():
        definition_of = {each.key: each for each in definitions if each.kind is kind}
        existing = list(store.find(client, target))
        for definition in definition_of.values():
            same = [each for each in existing if each.key == definition.key]
            changes.append(_change(definition, same[0] if same else None))
            changes += [_removal(each, "made twice") for each in same[1:]]
        changes += [
            _removal(each, "no longer in the policy")
            for each in existing
            if each.key not in definition_of and each.ours
        ]
    return tuple(changes)


def plan_removal(client: Client, target: Target) -> tuple[Change, ...]:
    """What has to be removed so that nothing of ours is left, what depends on others first.

    Percentiles are of a metric, whichever application sends it: they stay as long as another
    one has monitors of ours, which would have no data without them.

    Raises:
        DatadogError: Datadog cannot be asked.
    """
    shared = {Kind.PERCENTILES} if others_of_ours(client, target) else set()
    return tuple(
        _removal(existing, "")
        for kind, store in reversed(STORES.items())
        if kind not in shared
        for existing in store.find(client, target)
        if existing.ours
    )


def apply(client: Client, target: Target, changes: Sequence[Change]) -> Iterator[Change]:
    """Make the changes, one after the other; each is given back when it is done.

    Raises:
        DatadogError: a change was refused; those given back before hold.
    """
    for change in changes:
        store = STORES[change.kind]
        definition, existing = change.definition, change.existing
        if change.action is Action.CREATE and definition is not None:
            yield _create(client, target, change, definition)
            continue
        if change.action is Action.UPDATE and definition is not None and existing is not None:
            store.update(client, existing, definition)
        elif change.action is Action.DELETE and existing is not None:
            store.delete(client, existing)
        yield change


def _create(client: Client, target: Target, change: Change, definition: Definition) -> Change:
    store = STORES[change.kind]

    def there() -> bool:
        return any(each.key == definition.key for each in store.find(client, target))

    try:
        store.create(client, definition)
    except DatadogError as error:
        if change.kind is Kind.PERCENTILES and error.trouble is Trouble.NOT_FOUND:
            return Change(
                action=Action.LATER,
                kind=change.kind,
                title=change.title,
                definition=definition,
                why="Datadog has not seen the metric yet; apply again when it has",
            )
        if not error.unknown_outcome:
            raise
        # It may have been made all the same: look before trying once more.
        if not there():
            store.create(client, definition)
    return change


def _change(definition: Definition, existing: Existing | None) -> Change:
    differences: tuple[Difference, ...] = ()
    if existing is None:
        action = Action.CREATE
    elif not existing.ours and definition.kind is Kind.WEBHOOK:
        raise InputError(
            f"the webhook {definition.title!r} exists and is not ours, or another application's; "
            "choose another name for this one",
            where="--webhook",
        )
    else:
        differences = tuple(_differences(definition.body, existing.body, ""))
        action = Action.UPDATE if differences else Action.KEEP
    return Change(
        action=action,
        kind=definition.kind,
        title=definition.title,
        definition=definition,
        existing=existing,
        differences=differences,
    )


def _removal(existing: Existing, why: str) -> Change:
    return Change(
        action=Action.DELETE, kind=existing.kind, title=existing.title, existing=existing, why=why
    )


def _differences(wanted: Any, has: Any, path: str) -> Iterator[Difference]:
    """Where what Datadog has is not as wanted; what it has beside that is its own."""
    if isinstance(wanted, Mapping) and isinstance(has, Mapping):
        for key, value in wanted.items():
            yield from _differences(value, has.get(key), f"{path}.{key}" if path else key)
    elif path == "tags" and isinstance(has, list):
        if set(wanted) != set(has):
            yield Difference(path, sorted(has), sorted(wanted))
    elif isinstance(wanted, list) and isinstance(has, list) and len(wanted) == len(has):
        for index, (value, other) in enumerate(zip(wanted, has, strict=True)):
            yield from _differences(value, other, f"{path}[{index}]")
    elif wanted != has:
        yield Difference(path, has, wanted)
