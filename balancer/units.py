"""Amounts as people write them: "2000ms", "5%", "$50", "4k" and "x4", read and shown.

Units are read here, at the edge, and nowhere else; inside, a duration is seconds, a share
is 0..1, money is dollars. Every `parse_*` raises ValueError with one sentence of what was
found and what was expected, so each serves alone and as a pydantic validator; every
`show_*` writes what its parser reads back to the same number.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

__all__ = [
    "Count",
    "Day",
    "Factor",
    "Multiple",
    "Number",
    "Quantity",
    "Seconds",
    "Share",
    "Tokens",
    "Usd",
    "Whole",
    "parse_cost",
    "parse_count",
    "parse_day",
    "parse_factor",
    "parse_quantity",
    "parse_seconds",
    "parse_share",
    "parse_tokens",
    "parse_usd",
    "refuse_truth",
    "show_factor",
    "show_seconds",
    "show_share",
    "show_tokens",
    "show_usd",
]

_NUMBER = r"[+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_AMOUNT = re.compile(rf"\s*({_NUMBER})\s*([^\d\s].*?)?\s*", re.ASCII | re.DOTALL)
_LONGEST_TEXT = 64

_SECONDS: dict[str, Decimal] = {
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "millisecond": Decimal("1e-3"),
    "s": Decimal(1),
    "sec": Decimal(1),
    "second": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "minute": Decimal(60),
    "h": Decimal(3600),
    "hour": Decimal(3600),
    "d": Decimal(86_400),
    "day": Decimal(86_400),
}

_SECONDS_SHOWN = (("d", 86_400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0))
_THOUSANDS = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000}

_DURATION = "a duration such as 2000ms, 5s, 2m, 1h or 1d"
_SHARE = "a share such as 5% or 0.05"
_USD = "an amount in dollars such as $50"
_TOKENS = "a number of tokens such as 4096, 4k or 1.5M"
_FACTOR = "a factor such as x4, 4x, 4 or 50%"
_QUANTITY = "an amount such as 99.5%, 12s, $50, 1.5 or -0.1pp"


def _problem(found: object, expected: str, why: str = "") -> ValueError:
    text = "nothing" if found is None else repr(found)
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "…"
    return ValueError(f"found {text}, expected {expected}" + (f" ({why})" if why else ""))


def _split(found: object, expected: str) -> tuple[Decimal, str]:
    """The number and the unit of an amount; the unit is "" for a plain number.

    Decimal, because 99.9 / 100 as floats is not the float nearest to 0.999.
    """
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        raise _problem(found, expected)
    if isinstance(found, str):
        match = _AMOUNT.fullmatch(found) if len(found) <= _LONGEST_TEXT else None
        if match is None:
            raise _problem(found, expected)
        digits, unit = match[1].replace(",", "").replace("_", ""), match[2] or ""
    else:
        digits, unit = repr(float(min(max(found, -1e300), 1e300))), ""
    number = Decimal(digits)
    if not number.is_finite() or abs(number) >= Decimal("1e300"):
        raise _problem(found, expected, "it must be finite")
    return number, unit


def _not_negative(number: Decimal, found: object, expected: str) -> float:
    if number < 0:
        raise _problem(found, expected, "it must not be negative")
    return abs(float(number))


def _in_seconds(number: Decimal, unit: str) -> Decimal | None:
    name = unit.lower().removesuffix("s") if len(unit) > 3 else unit
    return number * _SECONDS[name] if name in _SECONDS else None


def parse_seconds(found: object) -> float:
    """Seconds of a duration: "2000ms", "5s", "2m", "5 minutes", "1h", "1d"; a number is seconds.

    Raises:
        ValueError: negative, not finite, or not a duration.
    """
    number, unit = _split(found, _DURATION)
    seconds = _in_seconds(number, unit or "s")
    if seconds is None:
        raise _problem(found, _DURATION, f"unknown unit {unit!r}; known: ms, s, m, h, d")
    return _not_negative(seconds, found, _DURATION)


def parse_share(found: object) -> float:
    """A share from 0 to 1: "5%" or 0.05.

    Raises:
        ValueError: outside 0 to 1, or another unit.
    """
    number, unit = _split(found, _SHARE)
    if unit not in ("", "%"):
        raise _problem(found, _SHARE, f"unknown unit {unit!r}; known: %")
    share = number / 100 if unit else number
    if not 0 <= share <= 1:
        hint = "it must be between 0 and 100%"
        if not unit and number > 1:
            hint = f"write {float(number):g}% for {float(number):g} in a hundred"
        raise _problem(found, _SHARE, hint)
    return abs(float(share))


def parse_usd(found: object) -> float:
    """Dollars: "$50", "50 USD", "$1.5k", "$50/h", 50; what it is per is the key's business.

    Raises:
        ValueError: negative, not finite, or another unit.
    """
    text: object = found
    if isinstance(found, str):
        text = re.sub(r"\s*(?:/|per )\s*(?:h|hour|d|day)\s*$", "", found)
        text = re.sub(r"^\s*\$", "", text)
        text = re.sub(r"\s*(?:USD|usd|dollars?)\s*$", "", text)
    try:
        number, unit = _split(text, _USD)
    except ValueError:
        raise _problem(found, _USD) from None
    if unit not in _THOUSANDS:
        raise _problem(found, _USD, f"unknown unit {unit!r}; known: $")
    return _not_negative(number * _THOUSANDS[unit], found, _USD)


def parse_day(found: object) -> date:
    """A day of the calendar: 2026-12-02, as a text or as YAML and TOML have it.

    Raises:
        ValueError: anything else, a time of day included.
    """
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    try:
        # Python reads 20261202 as a day too, and other readers do not.
        return datetime.strptime(str(found), "%Y-%m-%d").date()  # noqa: DTZ007 - it has no zone
    except ValueError:
        raise ValueError(f"found {str(found)[:40]!r}, expected a day such as 2026-12-02") from None


class Multiple(float):
    """So many times something that is worked out later."""


def parse_cost(found: object) -> float:
    """Dollars, or a multiple of what is usual: "x1.75".

    Raises:
        ValueError: neither.
    """
    if isinstance(found, str) and re.match(r"\s*[x×]", found):
        return Multiple(parse_factor(found))
    return parse_usd(found)


def parse_tokens(found: object) -> int:
    """A whole number of tokens: 4096, "4k", "1.5M", "800 tokens".

    Raises:
        ValueError: negative, not whole, beyond 10¹², or another unit.
    """
    return _whole(found, _TOKENS, "token")


def parse_count(found: object) -> int:
    """A whole number of anything else: 100, "100 pending", "2k".

    Raises:
        ValueError: negative, not whole, beyond 10¹², or another unit.
    """
    return _whole(found, "a whole number such as 100 or 2k", "pending", "request", "call", "turn")


def _whole(found: object, expected: str, *nouns: str) -> int:
    number, unit = _split(found, expected)
    scale = unit
    for noun in nouns:
        scale = re.sub(rf"\s*{noun}s?$", "", scale)
    if scale not in _THOUSANDS:
        raise _problem(found, expected, f"unknown unit {unit!r}; known: k, M")
    tokens = number * _THOUSANDS[scale]
    if tokens != int(tokens) or tokens > 10**12:
        raise _problem(found, expected, "it must be whole, and at most 10¹²")
    return int(_not_negative(tokens, found, expected))


def parse_factor(found: object) -> float:
    """A factor: "x4", "4x", "×4", "50%", 4.

    Raises:
        ValueError: negative, not finite, or another unit.
    """
    text: object = found
    if isinstance(found, str):
        text = re.sub(r"^\s*[x×]|[x×]\s*$|\s+times\s*$", "", found, count=1)
    try:
        number, unit = _split(text, _FACTOR)
    except ValueError:
        raise _problem(found, _FACTOR) from None
    if unit not in ("", "%"):
        raise _problem(found, _FACTOR, f"unknown unit {unit!r}; known: x, %")
    return _not_negative(number / 100 if unit else number, found, _FACTOR)


def parse_quantity(found: object) -> float:
    """A signed amount of any kind, in base units: "99.5%", "-0.1pp", "12s", "$50", 1.5.

    Raises:
        ValueError: not finite, or a unit nobody knows.
    """
    text = found.replace("$", "", 1) if isinstance(found, str) else found
    try:
        number, unit = _split(text, _QUANTITY)
    except ValueError:
        raise _problem(found, _QUANTITY) from None
    if unit in ("%", "pp"):
        return float(number / 100)
    if unit in ("", "x", "×"):
        return float(number)
    if unit in _THOUSANDS:
        return float(number * _THOUSANDS[unit])
    seconds = _in_seconds(number, unit)
    if seconds is None:
        raise _problem(found, _QUANTITY, f"unknown unit {unit!r}; known: %, pp, ms, s, m, h, $, x")
    return float(seconds)


def show_seconds(seconds: float) -> str:
    """The duration in the largest unit in which it is whole: "2s", "5m", "1500ms"."""
    if seconds and seconds % 1 == 0:
        for unit, size in _SECONDS_SHOWN:
            if seconds % size == 0:
                return f"{seconds / size:.0f}{unit}"
    milliseconds = round(seconds * 1e3)
    if seconds < 10 and milliseconds and milliseconds / 1e3 == seconds:
        return f"{milliseconds}ms"
    return f"{_plain(seconds)}s"


def show_share(share: float) -> str:
    """The share in percent: "5%"."""
    text = f"{share * 100:.12g}%"
    return text if parse_share(text) == share else _plain(share)


def show_usd(usd: float) -> str:
    """The amount in dollars: "$50"."""
    return f"${_plain(usd)}"


def show_tokens(tokens: int) -> str:
    """The number of tokens: "4k", "1M", "4096"."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if tokens and tokens % size == 0:
            return f"{tokens // size}{unit}"
    return str(tokens)


def show_factor(factor: float) -> str:
    """The factor: "x4"."""
    return f"x{_plain(factor)}"


def _plain(number: float) -> str:
    return f"{number:.0f}" if number % 1 == 0 and number < 1e15 else repr(number)


def refuse_truth(found: object) -> object:
    """Anything but true and false, which Python would take for 1 and 0.

    Raises:
        ValueError: true or false.
    """
    if isinstance(found, bool):
        raise _problem(found, "a number")
    return found


Number = Annotated[float, BeforeValidator(refuse_truth)]
"""A plain number."""
Whole = Annotated[int, BeforeValidator(refuse_truth)]
"""A plain whole number."""
Seconds = Annotated[float, BeforeValidator(parse_seconds)]
"""A duration in seconds."""
Share = Annotated[float, BeforeValidator(parse_share)]
"""A share from 0 to 1."""
Usd = Annotated[float, BeforeValidator(parse_usd)]
Day = Annotated[date, BeforeValidator(parse_day)]
"""An amount of dollars."""
Tokens = Annotated[int, BeforeValidator(parse_tokens)]
"""A whole number of tokens."""
Count = Annotated[int, BeforeValidator(parse_count)]
"""A whole number of anything else."""
Factor = Annotated[float, BeforeValidator(parse_factor)]
"""A factor, 0 or more."""
Quantity = Annotated[float, BeforeValidator(parse_quantity)]
"""A signed amount in base units."""
