"""What Datadog is used for by this service, and where it is; from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..adapters.datadog.monitors import Target
from ..adapters.datadog.settings import Settings, settings_from
from ..core.errors import InputError, nearest

__all__ = ["DatadogUse", "datadog_use"]

_VARIABLE = "OPEN_BALANCER_DATADOG"
_USES = ("poll", "mirror", "otlp")
_SAID_BY = {"--service": "OTEL_SERVICE_NAME", "--env": "DD_ENV"}
"""What says here what is an option elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatadogUse:
    """What Datadog is used for.

    Attributes:
        settings: keys and site; None where only telemetry goes there, which has its own.
        target: whose signals, events and incidents.
        poll: ask it for the policy's signals.
        mirror: tell it of changes of mode and of incidents.
        otlp: send telemetry to its intake.
    """

    settings: Settings | None = field(repr=False)
    target: Target
    poll: bool = False
    mirror: bool = False
    otlp: bool = False


def datadog_use(said: str, environment: Mapping[str, str]) -> DatadogUse | None:
    """What `--datadog` or its variable says.

    Args:
        said: `poll`, `mirror` and `otlp` with commas; "" is none of them.
        environment: with keys, site, `OTEL_SERVICE_NAME` and `DD_ENV`.

    Raises:
        InputError: a use that there is not, a key that is missing, or a site that is unknown.
    """
    uses = [use.strip() for use in said.split(",") if use.strip()]
    for use in uses:
        if use not in _USES:
            raise InputError(
                f"found {use!r:.40}{nearest(use, _USES)}; expected some of {', '.join(_USES)}, "
                "with commas",
                where=_VARIABLE,
            )
    if not uses:
        return None
    service = environment.get("OTEL_SERVICE_NAME", "").strip() or "open-balancer"
    try:
        target = Target(service=service, environment=environment.get("DD_ENV", "").strip() or None)
    except InputError as error:
        raise InputError(error.problem, where=_SAID_BY.get(error.where, error.where)) from None
    asks = "poll" in uses or "mirror" in uses
    return DatadogUse(
        settings=settings_from(environment) if asks else None,
        target=target,
        poll="poll" in uses,
        mirror="mirror" in uses,
        otlp="otlp" in uses,
    )
