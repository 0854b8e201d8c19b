"""Everything that Datadog has to know of a policy, as values to compare with what it has."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from ...core.errors import InputError
from ...core.policy import Policy
from ...webhook import PAYLOAD, WEBHOOK_PATH
from ...webhook.inbox import SHORTEST_SECRET
from .dashboard import PERCENTILES, dashboard_of
from .monitors import KEY_TAG, Target, monitors_of

__all__ = ["Definition", "Kind", "definitions_of", "fingerprint", "variable_name"]


class Kind(Enum):
    """Kinds of things in Datadog, in the order in which they are made."""

    VARIABLE = "secret variable"
    WEBHOOK = "webhook"
    PERCENTILES = "percentiles"
    MONITOR = "monitor"
    DASHBOARD = "dashboard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A thing as it should be.

    Attributes:
        kind, key: what it is found by.
        title: for a person.
        body: as Datadog takes it.
        secret: the value of a secret variable; never shown, never compared.
    """

    kind: Kind
    key: str
    title: str
    body: dict[str, Any]
    secret: str = field(default="", repr=False)


def definitions_of(policy: Policy, target: Target, url: str, secret: str) -> tuple[Definition, ...]:
    """All things, in the order in which they are made.

    Args:
        policy: what they are about.
        target: and where.
        url: public address of the service, with or without the webhook's path.
        secret: what Datadog's deliveries carry.

    Raises:
        InputError: an address that Datadog cannot reach, or a weak secret.
    """
    if not re.fullmatch(rf"[!-~]{{{SHORTEST_SECRET},500}}", secret):
        raise InputError(
            f"found {len(secret)} characters, expected at least {SHORTEST_SECRET}, printable ASCII "
            "without blanks, such as `openssl rand -hex 32` gives",
            where="OPEN_BALANCER_WEBHOOK_SECRET",
        )
    mark = fingerprint(secret)
    variable = variable_name(target)
    definitions = [
        Definition(
            kind=Kind.VARIABLE,
            key=variable,
            title=variable,
            body={"name": variable, "is_secret": True, "key_id": mark},
            secret=secret,
        ),
        Definition(
            kind=Kind.WEBHOOK,
            key=target.webhook,
            title=target.webhook,
            body={
                "name": target.webhook,
                "url": _address(url),
                "encode_as": "json",
                "custom_headers": json.dumps({"Authorization": f"Bearer ${variable}"}),
                "payload": json.dumps({**PAYLOAD, "owner": target.owner, "key_id": mark}, indent=2),
            },
        ),
    ]
    definitions += [
        Definition(
            kind=Kind.PERCENTILES,
            key=metric.name,
            title=metric.name,
            body={"metric_type": "distribution", "include_percentiles": True},
        )
        for metric in PERCENTILES
    ]
    for body in monitors_of(policy, target):
        (key,) = (tag for tag in body["tags"] if tag.startswith(KEY_TAG))
        definitions.append(Definition(kind=Kind.MONITOR, key=key, title=body["name"], body=body))
    dashboard = dashboard_of(target)
    definitions.append(
        Definition(kind=Kind.DASHBOARD, key=target.owner, title=dashboard["title"], body=dashboard)
    )
    return tuple(definitions)


def fingerprint(secret: str) -> str:
    """Tells whether Datadog has this secret, which it never shows again.

    32 bits of a keyed hash of at least 32 characters: enough to see a change, too little to
    find the secret by.
    """
    return hmac.new(secret.encode("ascii"), b"open-balancer webhook", hashlib.sha256).hexdigest()[
        :8
    ]


def variable_name(target: Target) -> str:
    """Name of the secret variable, one for each application.

    Datadog takes capitals, digits and '_' only. Where that leaves something out, six digits of a
    hash tell `shop-prod` from the environment `prod` of `shop`, whose secret is not ours.
    """
    scope = target.owner.removeprefix("open-balancer/")
    name = re.sub(r"[^A-Z0-9]+", "_", scope.upper()).strip("_")
    if name.lower() != scope:
        name += "_" + hashlib.sha256(scope.encode()).hexdigest()[:6].upper()
    return f"OPEN_BALANCER_SECRET_{name}"


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query:
        raise InputError(
            f"found {url!r:.100}, expected an https address that Datadog can reach, such as "
            "https://balancer.example.org",
            where="--webhook-url",
        )
    return url.rstrip("/") if parts.path.strip("/") else f"https://{parts.netloc}{WEBHOOK_PATH}"
