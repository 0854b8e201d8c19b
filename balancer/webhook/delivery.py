"""What a delivery of Datadog's webhook says.

The payload is whatever the webhook's definition says, and Datadog's default lacks the
transition, so the definition and this reader share `PAYLOAD`. A variable that Datadog did not
know arrives as its own name ("$ALERT_CYCLE_KEY") and counts as not said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from ..core.errors import InputError, nearest
from ..core.modes import MODES, Mode

__all__ = ["PAYLOAD", "WEBHOOK_PATH", "Delivery", "Transition", "read_delivery"]

WEBHOOK_PATH: Final = "/api/webhooks/datadog/brownout"
"""Where the service takes deliveries."""

PAYLOAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transition": "$ALERT_TRANSITION",
        "cycle_key": "$ALERT_CYCLE_KEY",
        "date": "$DATE",
        "scope": "$ALERT_SCOPE",
        "tags": "$TAGS",
        "monitor_id": "$ALERT_ID",
        "event_id": "$ID",
        "alert_type": "$ALERT_TYPE",
        "title": "$ALERT_TITLE",
        "link": "$LINK",
    }
)
"""Keys of the payload, each with the variable that Datadog puts in its place."""

_LONGEST: Final = 500
_LONGEST_TAGS: Final = 10_000
_UNEXPANDED: Final = re.compile(r"\$[A-Z][A-Z0-9_]*(?:\[[^\]]*\])?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_SECONDS_BELOW: Final = 100_000_000_000
"""A date below this many milliseconds is of 1973, and so was given in seconds."""


class Transition(Enum):
    """What happened to the monitor."""

    TRIGGERED = "Triggered"
    RE_TRIGGERED = "Re-Triggered"
    WARN = "Warn"
    RE_WARN = "Re-Warn"
    RECOVERED = "Recovered"
    NO_DATA = "No Data"
    RE_NO_DATA = "Re-No Data"
    RENOTIFY = "Renotify"


_TRANSITIONS: Final = {
    re.sub(r"[\s_-]", "", transition.value.lower()): transition for transition in Transition
}
_BY_ALERT_TYPE: Final = {
    "error": Transition.TRIGGERED,
    "warning": Transition.WARN,
    "success": Transition.RECOVERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a delivery says; "" and None are not said.

    Attributes:
        transition: what happened.
        monitor_id, scope: which monitor, and which of its groups.
        cycle_key: one from trigger to recovery.
        event_id: of the event behind this message.
        at_ms: when it happened, Unix time in milliseconds.
        mode: the worst of its `brownout:` tags.
        warn_mode: the same of `brownout_warn:`.
        warning: whether Datadog calls it a warning and not an error.
        title, link: for a person.
    """

    transition: Transition
    monitor_id: str = ""
    scope: str = ""
    cycle_key: str = ""
    event_id: str = ""
    at_ms: int | None = None
    mode: Mode | None = None
    warn_mode: Mode | None = None
    warning: bool = False
    title: str = ""
    link: str = ""

    @property
    def asks_for(self) -> Mode | None:
        """The mode a raised alert asks for: of a warning, by itself one rung milder."""
        warning = self.transition in (Transition.WARN, Transition.RE_WARN) or (
            self.transition is Transition.RENOTIFY and self.warning
        )
        if not warning or self.mode is None:
            return self.warn_mode if warning else self.mode
        return self.warn_mode or Mode(max(Mode.SOFT, self.mode - 1))


def read_delivery(body: bytes) -> Delivery:
    """The delivery in a request's body.

    Raises:
        InputError: not JSON, no transition, or tags that name no mode; one sentence.
    """
    values = _object(body)
    tags = _tags(values.get("tags"))
    alert_type = _text(values, "alert_type").lower()
    return Delivery(
        transition=_transition(values, alert_type),
        monitor_id=_text(values, "monitor_id"),
        scope=_text(values, "scope"),
        cycle_key=_text(values, "cycle_key"),
        event_id=_text(values, "event_id"),
        at_ms=_date(values.get("date")),
        mode=_mode(tags, "brownout:"),
        warn_mode=_mode(tags, "brownout_warn:"),
        warning=alert_type == "warning",
        title=_text(values, "title"),
        link=_text(values, "link"),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body.decode("utf-8-sig"), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise InputError("the body is not JSON in UTF-8") from None
    if not isinstance(values, dict):
        raise InputError(f"the body is {type(values).__name__}, expected a JSON object")
    return values


def _clean(found: object, longest: int) -> str:
    """Text without control characters and halves of characters; "" for what is no text."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    try:
        text = str(found)
    except ValueError:  # a number of thousands of digits
        return ""
    text = text[:longest].encode("utf-8", "replace").decode("utf-8")
    text = _CONTROL.sub(" ", text).strip()
    return "" if _UNEXPANDED.fullmatch(text) else text


def _text(found: Mapping[str, Any], key: str) -> str:
    return _clean(found.get(key), _LONGEST)


def _transition(found: Mapping[str, Any], alert_type: str) -> Transition:
    text = _text(found, "transition")
    known = _TRANSITIONS.get(re.sub(r"[\s_-]", "", text.lower()))
    if known is None and not text:
        known = _BY_ALERT_TYPE.get(alert_type)
    if known is None:
        names = [transition.value for transition in Transition]
        raise InputError(
            f"transition: found {text!r:.60}, expected one of {', '.join(names)}"
            f"{nearest(text, names)}; `open-balancer datadog apply` writes a payload that says it"
        )
    return known


def _date(found: object) -> int | None:
    text = _clean(found, 20)
    if not re.fullmatch(r"[0-9]{1,15}", text):
        return None
    number = int(text)
    return number * 1000 if number < _SECONDS_BELOW else number


def _tags(found: object) -> list[str]:
    parts = found if isinstance(found, list) else _clean(found, _LONGEST_TAGS).split(",")
    return [_clean(part, _LONGEST).lower() for part in parts[:1000]]


def _mode(tags: list[str], prefix: str) -> Mode | None:
    labels = {mode.label: mode for mode in MODES if mode != Mode.NORMAL}
    modes = []
    for tag in tags:
        if tag.startswith(prefix):
            label = tag.removeprefix(prefix).strip()
            if label not in labels:
                raise InputError(
                    f"tags: found {tag!r:.60}, expected {prefix} and one of {', '.join(labels)}"
                    f"{nearest(label, labels)}"
                )
            modes.append(labels[label])
    return max(modes, default=None)
