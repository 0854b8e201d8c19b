"""Addresses of traces and logs where the user keeps them, made from templates of theirs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from ..core.errors import InputError, nearest

__all__ = ["Links", "links_of"]

_PLACES = ("trace", "service", "from", "to", "from_s", "to_s", "from_ms", "to_ms")
_PLACE = re.compile(r"\{(\w+)\}")
_VARIABLES = {"traces": "OPEN_BALANCER_TRACES_URL", "logs": "OPEN_BALANCER_LOGS_URL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Templates of addresses; "" where there is none.

    Attributes:
        traces, logs: with `{trace}` (an id), `{service}`, and `{from}`, `{to}` (ISO 8601, UTC),
            `{from_s}`, `{to_s}`, `{from_ms}`, `{to_ms}` (Unix time) in them.
    """

    traces: str = ""
    logs: str = ""

    def of(self, service: str, from_s: float, to_s: float, trace: str = "") -> dict[str, str]:
        """Addresses by what is there: "traces", "logs". One that needs a trace has none without.

        Args:
            service: name of the application.
            from_s, to_s: Unix time.
            trace: id of a trace; "": none is known.
        """
        values = {"trace": trace, "service": service}
        for name, at_s in (("from", from_s), ("to", to_s)):
            values[name] = f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
            values[f"{name}_s"] = f"{at_s:.0f}"
            values[f"{name}_ms"] = f"{at_s * 1000:.0f}"
        return {
            kind: _PLACE.sub(lambda place: quote(values[place[1]], safe=""), template)
            for kind, template in (("traces", self.traces), ("logs", self.logs))
            if template and (trace or "{trace}" not in template)
        }


def links_of(environment: Mapping[str, str]) -> Links:
    """Templates from the environment.

    Raises:
        InputError: one that makes no address.
    """
    return Links(**{name: _template(environment, name) for name in _VARIABLES})


def _template(environment: Mapping[str, str], name: str) -> str:
    variable = _VARIABLES[name]
    text = environment.get(variable, "").strip()
    for place in _PLACE.findall(text):
        if place not in _PLACES:
            known = ", ".join(f"{{{each}}}" for each in _PLACES)
            raise InputError(
                f"{variable}: found {{{place}}}, expected one of {known}{nearest(place, _PLACES)}"
            )
    if text and urlsplit(text).scheme not in ("http", "https"):
        raise InputError(f"{variable} is no address; expected one that begins with https://")
    return text
