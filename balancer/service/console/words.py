"""How figures are written on pages: short, aligned, with their units; unknown is a dash."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

__all__ = ["FILTERS"]

_UNKNOWN = "–"


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def usd(value: float | None) -> str:
    """Dollars: $0.0042, $1.31, $1,204."""
    if value is None or not _known(value):
        return _UNKNOWN
    size = abs(value)
    digits = 0 if size >= 1000 else 2 if size >= 1 or size == 0 else 3 if size >= 0.1 else 4
    return f"{'-' if value < 0 else ''}${size:,.{digits}f}"


def seconds(value: float | None) -> str:
    """A latency: 840 ms, 2.41 s, 12.4 s."""
    if value is None or not _known(value):
        return _UNKNOWN
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def span(value: float | None) -> str:
    """How long: 8 s, 4 min 12 s, 3 h 05 min, 2 d 4 h."""
    if value is None or not _known(value):
        return _UNKNOWN
    whole = max(0, round(value))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s" if whole % 60 else f"{whole // 60} min"
    if whole < 86_400:
        minutes = whole % 3600 // 60
        return f"{whole // 3600} h {minutes:02d} min" if minutes else f"{whole // 3600} h"
    hours = whole % 86_400 // 3600
    return f"{whole // 86_400} d {hours} h" if hours else f"{whole // 86_400} d"


def share(value: float | None) -> str:
    """A share: 0 %, 0.42 %, 12.5 %, 100 %."""
    if value is None or not _known(value):
        return _UNKNOWN
    percent = value * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    return f"{percent:.2f} %" if percent < 1 or 99 < percent < 100 else f"{percent:.1f} %"


def count(value: float | None) -> str:
    """A number of things: 412, 9,310, 1.28 M."""
    if value is None or not _known(value):
        return _UNKNOWN
    for size, letter in ((1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.2f} {letter}"
    if abs(value) < 10 and value != int(value):
        return f"{value:.2f}"
    return f"{value:,.0f}"


def clock(value: datetime | float | None) -> str:
    """A moment, in UTC: 14:03:22, with the day where it is not today's."""
    if value is None:
        return _UNKNOWN
    at = value.timestamp() if isinstance(value, datetime) else value
    then, now = time.gmtime(at), time.gmtime()
    form = "%H:%M:%S" if then[:3] == now[:3] else "%d %b %H:%M:%S"
    return time.strftime(form, then)


def iso(value: datetime | float | None) -> str:
    """A moment as machines read it."""
    if value is None:
        return ""
    at = value.timestamp() if isinstance(value, datetime) else value
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


FILTERS: dict[str, Callable[..., Any]] = {
    "usd": usd,
    "seconds": seconds,
    "span": span,
    "share": share,
    "count": count,
    "clock": clock,
    "iso": iso,
}
"""Of the templates."""
