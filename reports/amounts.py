"""Numbers as people read them: few digits, a unit, a dash where there is nothing to say."""

from __future__ import annotations

import math

__all__ = [
    "MINUS",
    "NOTHING",
    "POINTS",
    "THIN",
    "amount",
    "clock",
    "counted",
    "difference",
    "difference_interval",
    "duration",
    "interval",
]

NOTHING = "–"
"""Stands for a number that does not exist."""

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
POINTS = f"{THIN}points"
"""What is said after a difference of shares."""


def clock(time_s: float) -> str:
    """Seconds from the start as h:mm:ss."""
    if not math.isfinite(time_s):
        return NOTHING
    whole = round(abs(time_s))
    sign = MINUS if time_s < 0 and whole else ""
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def duration(length_s: float) -> str:
    """A length of time in its most natural unit: 180 ms, 6.2 s, 4 min 10 s, 2 h 5 min."""
    if not math.isfinite(length_s):
        return NOTHING
    sign, size_s = _sign(length_s), abs(length_s)
    if 0 < size_s < 0.9995:
        return f"{sign}{_digits(size_s * 1000)}{THIN}ms"
    if size_s < 119.5:
        return f"{sign}{_digits(size_s)}{THIN}s"
    whole_s = round(size_s)
    if whole_s < 7200:
        return f"{sign}{whole_s // 60}{THIN}min" + (
            f" {whole_s % 60}{THIN}s" if whole_s % 60 else ""
        )
    minutes = round(whole_s / 60)
    return f"{sign}{minutes // 60}{THIN}h" + (f" {minutes % 60}{THIN}min" if minutes % 60 else "")


def amount(value: float, unit: str, *, exact: bool = False) -> str:
    """A value with its unit.

    Args:
        value: in base units: seconds, dollars, shares in 0..1; NaN and infinity give a dash.
        unit: usd, share, seconds, count, score, number, or points (a difference of shares).
        exact: the value was set and not measured, so zeros at its end say nothing.
    """
    if not math.isfinite(value):
        return NOTHING
    sign, size = _sign(value), abs(value)
    match unit:
        case "seconds":
            return duration(value)
        case "usd":
            return f"{sign}${_money(size)}"
        case "share":
            percent = _digits(size * 100, most=6) if exact else _percent(size)
            return f"{sign}{percent}{THIN}%"
        case "points":
            points = f"{sign}{_digits(size * 100, most=6)}" if exact else _signed(value, "share")
            return f"{points}{POINTS}"
        case "count":
            digits = 1 if size < 100 and abs(size - round(size)) > 0.049 else 0
            return f"{sign}{size:,.{digits}f}".replace(",", THIN)
        case "score":
            return f"{sign}{_digits(size) if exact else f'{size:.3f}'}"
        case _:
            return f"{sign}{_digits(size)}"


def counted(number: int, noun: str) -> str:
    """So many of something: 1 replication, 2 300 replications."""
    return f"{amount(number, 'count')} {noun}{'' if number == 1 else 's'}"


def difference(value: float, unit: str) -> str:
    """A difference with its sign; of shares, in points; "relative" is a share of something."""
    return f"{_signed(value, unit)}{_suffix(unit) if math.isfinite(value) else ''}"


def interval(low: float, high: float, unit: str) -> str:
    """A confidence interval as "low to high"; "" when it does not exist."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    shared = {"share": f"{THIN}%", "points": POINTS}.get(unit, "")
    return _span(amount(low, unit), amount(high, unit), shared)


def difference_interval(low: float, high: float, unit: str) -> str:
    """The same for a difference, with signs."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    suffix = _suffix(unit)
    return _span(_signed(low, unit) + suffix, _signed(high, unit) + suffix, suffix)


def _suffix(unit: str) -> str:
    """What a difference says after its number that the unit's amounts do not."""
    return {"share": POINTS, "relative": f"{THIN}%"}.get(unit, "")


def _span(low: str, high: str, unit: str) -> str:
    """From one to the other, a unit they share said once; one of them where they look alike."""
    return high if low == high else f"{low.removesuffix(unit)} to {high}"


def _signed(value: float, unit: str) -> str:
    """A number that always shows its sign, unless it rounds to zero; shares without %."""
    if not math.isfinite(value):
        return NOTHING
    size = abs(value)
    text = _percent(size) if unit in {"share", "relative"} else amount(size, unit)
    if not any(digit in text for digit in "123456789"):
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def _sign(value: float) -> str:
    return MINUS if value < 0 else ""


def _digits(size: float, most: int = 3) -> str:
    """So many significant digits, and no more than are there."""
    if size == 0:
        return "0"
    if size >= 999.5:
        return f"{size:,.0f}".replace(",", THIN)
    places = max(0, most - 1 - math.floor(math.log10(size)))
    text = f"{size:.{min(places, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _money(size: float) -> str:
    if size == 0 or size >= 0.995:
        return f"{size:,.2f}".replace(",", THIN)
    places = min(9, 2 - math.floor(math.log10(size)))
    return f"{size:.{places}f}"


def _percent(size: float) -> str:
    """A share in percent, with more places near 0 and 100 %, where they decide."""
    percent = size * 100
    if percent in {0, 100}:
        return f"{percent:.0f}"
    if 10 <= percent <= 99 or percent > 101:
        return f"{percent:.1f}"
    edge = round(min(percent, abs(100 - percent)), 9)
    # As many places as show that it is not quite 0 or 100, within reason.
    places = -math.floor(math.log10(edge)) if 1e-6 < edge < 0.01 else 2
    return f"{percent:.{places}f}"
