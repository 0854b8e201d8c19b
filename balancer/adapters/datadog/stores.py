"""Where each kind of thing lives in Datadog: how it is found, made, changed and removed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from .client import Client
from .definitions import Definition, Kind, variable_name
from .errors import DatadogError, Trouble
from .monitors import KEY_TAG, OWNER_TAG, Target

__all__ = ["STORES", "Existing", "Store", "others_of_ours"]

_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A thing as Datadog has it.

    Attributes:
        kind, key: what it is found by.
        id: Datadog's.
        title: for a person.
        body: as Datadog has it.
        ours: whether we made it for this application.
    """

    kind: Kind
    key: str
    id: str
    title: str
    body: Mapping[str, Any]
    ours: bool = True


class Store(Protocol):
    """How things of one kind are found, made, changed and removed."""

    def find(self, client: Client, target: Target) -> Iterable[Existing]:
        """Those that bear our mark, or have the place of ours; the oldest first."""
        ...

    def create(self, client: Client, definition: Definition) -> None:
        """Make it."""
        ...

    def update(self, client: Client, existing: Existing, definition: Definition) -> None:
        """Make it as it should be."""
        ...

    def delete(self, client: Client, existing: Existing) -> None:
        """Remove it; that it is gone already is no error."""
        ...


def _if_there(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except DatadogError as error:
        if error.trouble is Trouble.NOT_FOUND:
            return None
        raise


def _monitors(client: Client, tags: Sequence[str]) -> Iterator[Any]:
    """All monitors with these tags, page by page."""
    for page in range(1000):
        bodies = client.read(
            "v1.monitors.list_monitors", monitor_tags=",".join(tags), page=page, page_size=_PAGE
        ).body
        yield from bodies
        if len(bodies) < _PAGE:
            return


def _is_of(tags: Sequence[str], target: Target) -> bool:
    """Whether a monitor of ours is of this application: the filter of a service without
    environment also finds those with one.
    """
    inside = target.environment or not any(tag.startswith("env:") for tag in tags)
    return set(target.tags) <= set(tags) and bool(inside)


def others_of_ours(client: Client, target: Target) -> bool:
    """Whether another application has monitors of ours, which look at the same metrics.

    Raises:
        DatadogError: it cannot be asked.
    """
    return any(not _is_of(body["tags"], target) for body in _monitors(client, (OWNER_TAG,)))


class _Monitors:
    def find(self, client: Client, target: Target) -> Iterable[Existing]:
        monitors = [
            Existing(
                kind=Kind.MONITOR,
                key=next((tag for tag in body["tags"] if tag.startswith(KEY_TAG)), ""),
                id=str(body["id"]),
                title=body["name"],
                body=body,
            )
            for body in _monitors(client, target.tags)
            if _is_of(body["tags"], target)
        ]
        return sorted(monitors, key=lambda each: int(each.id))

    def create(self, client: Client, definition: Definition) -> None:
        client.create("v1.monitors.create_monitor", body=definition.body)

    def update(self, client: Client, existing: Existing, definition: Definition) -> None:
        body = {key: value for key, value in definition.body.items() if key != "type"}
        client.update("v1.monitors.update_monitor", monitor_id=int(existing.id), body=body)

    def delete(self, client: Client, existing: Existing) -> None:
        _if_there(lambda: client.delete("v1.monitors.delete_monitor", monitor_id=int(existing.id)))


class _Webhooks:
    def find(self, client: Client, target: Target) -> Iterable[Existing]:
        return [
            Existing(
                kind=Kind.WEBHOOK,
                key=target.webhook,
                id=target.webhook,
                title=target.webhook,
                body=answer.body,
                ours=_said(answer.body).get("owner") == target.owner,
            )
            for answer in [_webhook(client, target)]
            if answer is not None
        ]

    def create(self, client: Client, definition: Definition) -> None:
        client.create("v1.webhooks_integration.create_webhooks_integration", body=definition.body)

    def update(self, client: Client, existing: Existing, definition: Definition) -> None:
        client.update(
            "v1.webhooks_integration.update_webhooks_integration",
            webhook_name=existing.id,
            body=definition.body,
        )

    def delete(self, client: Client, existing: Existing) -> None:
        _if_there(
            lambda: client.delete(
                "v1.webhooks_integration.delete_webhooks_integration", webhook_name=existing.id
            )
        )


def _webhook(client: Client, target: Target) -> Any:
    return _if_there(
        lambda: client.read(
            "v1.webhooks_integration.get_webhooks_integration", webhook_name=target.webhook
        )
    )


def _said(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload of a webhook; empty when it is none of ours."""
    try:
        payload = json.loads(body.get("payload") or "{}")
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


class _Variables:
    def find(self, client: Client, target: Target) -> Iterable[Existing]:
        name = variable_name(target)
        answer = _if_there(
            lambda: client.read(
                "v1.webhooks_integration.get_webhooks_integration_custom_variable",
                custom_variable_name=name,
            )
        )
        if answer is None:
            return []
        # Datadog does not show a secret again. Which one it has, our webhook says.
        webhook = _webhook(client, target)
        mark = None if webhook is None else _said(webhook.body).get("key_id")
        body = dict(answer.body) | {"key_id": mark}
        return [Existing(kind=Kind.VARIABLE, key=name, id=name, title=name, body=body)]

    def create(self, client: Client, definition: Definition) -> None:
        client.create(
            "v1.webhooks_integration.create_webhooks_integration_custom_variable",
            body={"name": definition.key, "value": definition.secret, "is_secret": True},
        )

    def update(self, client: Client, existing: Existing, definition: Definition) -> None:
        client.update(
            "v1.webhooks_integration.update_webhooks_integration_custom_variable",
            custom_variable_name=existing.id,
            body={"name": definition.key, "value": definition.secret, "is_secret": True},
        )

    def delete(self, client: Client, existing: Existing) -> None:
        _if_there(
            lambda: client.delete(
                "v1.webhooks_integration.delete_webhooks_integration_custom_variable",
                custom_variable_name=existing.id,
            )
        )


class _Dashboards:
    def find(self, client: Client, target: Target) -> Iterable[Existing]:
        # Dashboards have no tags of ours: the mark is in the description.
        mark = f"({target.owner})"
        summaries = client.read("v1.dashboards.list_dashboards").body.get("dashboards") or []
        mine = [each for each in summaries if mark in (each.get("description") or "")]
        return [
            Existing(
                kind=Kind.DASHBOARD,
                key=target.owner,
                id=each["id"],
                title=each.get("title") or "",
                body=client.read("v1.dashboards.get_dashboard", dashboard_id=each["id"]).body,
            )
            for each in sorted(mine, key=lambda each: (str(each.get("created_at")), each["id"]))
        ]

    def create(self, client: Client, definition: Definition) -> None:
        client.create("v1.dashboards.create_dashboard", body=definition.body)

    def update(self, client: Client, existing: Existing, definition: Definition) -> None:
        client.update(
            "v1.dashboards.update_dashboard", dashboard_id=existing.id, body=definition.body
        )

    def delete(self, client: Client, existing: Existing) -> None:
        _if_there(lambda: client.delete("v1.dashboards.delete_dashboard", dashboard_id=existing.id))


class _Percentiles:
    """Whether Datadog computes percentiles of a distribution: part of its tag configuration.

    Ours excludes no tag. One that somebody else made keeps its tags, and is not ours to remove.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def find(self, client: Client, target: Target) -> Iterable[Existing]:
        settings = []
        for name in self._names:
            answer = _if_there(
                lambda name=name: client.read(  # type: ignore[misc]
                    "v2.metrics.list_tag_configuration_by_name", metric_name=name
                )
            )
            if answer is not None:
                body = answer.body["data"]["attributes"]
                ours = bool(body.get("exclude_tags_mode")) and not body.get("tags")
                settings.append(
                    Existing(
                        kind=Kind.PERCENTILES, key=name, id=name, title=name, body=body, ours=ours
                    )
                )
        return settings

    def create(self, client: Client, definition: Definition) -> None:
        attributes = definition.body | {"tags": [], "exclude_tags_mode": True}
        client.create(
            "v2.metrics.create_tag_configuration",
            metric_name=definition.key,
            body={"data": {"type": "manage_tags", "id": definition.key, "attributes": attributes}},
        )

    def update(self, client: Client, existing: Existing, definition: Definition) -> None:
        client.update(
            "v2.metrics.update_tag_configuration",
            metric_name=existing.id,
            body={
                "data": {
                    "type": "manage_tags",
                    "id": existing.id,
                    "attributes": {"include_percentiles": True},
                }
            },
        )

    def delete(self, client: Client, existing: Existing) -> None:
        _if_there(
            lambda: client.delete("v2.metrics.delete_tag_configuration", metric_name=existing.id)
        )


def _stores() -> dict[Kind, Store]:
    from .dashboard import PERCENTILES

    return {
        Kind.VARIABLE: _Variables(),
        Kind.WEBHOOK: _Webhooks(),
        Kind.PERCENTILES: _Percentiles(tuple(metric.name for metric in PERCENTILES)),
        Kind.MONITOR: _Monitors(),
        Kind.DASHBOARD: _Dashboards(),
    }


STORES: Final = _stores()
"""The store of each kind of thing, in the order in which things are made."""
