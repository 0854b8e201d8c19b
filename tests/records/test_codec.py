"""Records as JSON, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from balancer.core.errors import InputError
from balancer.records.codec import INLINE, NULL, Positive, from_json, key, to_json
from balancer.records.files import Format
from balancer.records.interval import UNDEFINED, Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something inside a record."""

    before: str = key("from")
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A record with a field of every kind."""

    version: int = 3
    name: str
    side: Literal["left", "right"] = "left"
    value: Interval = field(metadata=INLINE)
    length: Positive = 1.0
    sure: bool = False
    parts: tuple[Part, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    regret: Interval = field(default=UNDEFINED, metadata=NULL)


WHOLE = Format(record=Whole, noun="whole", file="whole.json", version=3, again="do it again")
LEAST = {"version": 3, "name": "a"}


def whole(**changes: Any) -> Whole:
    """A record with something in every field."""
    fields: dict[str, Any] = {
        "name": "a",
        "value": Interval(estimate=1.0, low=math.nan, high=math.inf),
        "parts": (Part(before="x"), Part(before="y", count=2)),
        "shares": {"b": 0.25},
    }
    return Whole(**{**fields, **changes})


def test_fields_keep_their_order_and_their_keys() -> None:
    """Those of a part that stands inline among the others; what is not finite is null."""
    assert list(to_json(whole()).items()) == [
        ("version", 3),
        ("name", "a"),
        ("side", "left"),
        ("estimate", 1.0),
        ("low", None),
        ("high", None),
        ("length", 1.0),
        ("sure", False),
        ("parts", [{"from": "x", "count": None}, {"from": "y", "count": 2}]),
        ("shares", {"b": 0.25}),
        ("regret", None),
    ]


def test_what_was_written_is_read() -> None:
    """Bytes in, the same bytes out."""
    plain = to_json(whole(regret=Interval(estimate=0.1, low=0.0, high=0.2)))
    assert to_json(WHOLE.of(plain)) == plain


def test_what_a_default_stands_for_may_be_missing_or_null() -> None:
    """And keys we do not know are passed over."""
    for plain in (LEAST, {**LEAST, "parts": None, "sure": None, "regret": None, "new": [1]}):
        found = WHOLE.of(plain)
        assert (found.parts, found.sure, found.side) == ((), False, "left")
        assert math.isnan(found.value.estimate) and math.isnan(found.regret.low)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": 1}, "not a whole: name: found 1, expected text"),
        ({"sure": 1}, "sure: found 1, expected true or false"),
        ({"length": 0}, "length: found 0, expected a number above 0"),
        ({"length": True}, "length: found True, expected a number above 0"),
        ({"length": 10**400}, "not a whole: "),
        ({"low": "much"}, "low: found 'much', expected a number"),
        ({"side": "up"}, "side: found 'up', expected 'left' or 'right'"),
        ({"side": []}, "side: found [], expected 'left' or 'right'"),
        ({"parts": {}}, "parts: found {}, expected a list"),
        ({"parts": [1]}, "parts[0]: found 1, expected an object"),
        ({"parts": [{}]}, "key 'parts[0].from' is missing"),
        ({"parts": [{"from": "x", "count": 1.5}]}, "parts[0].count: found 1.5, expected a whole"),
        ({"shares": {"b": "\x1b[31m"}}, "shares.b: found '\\x1b[31m', expected a number"),
        ({"version": 2}, "found version 2 of a whole, expected 3; an older open-balancer wrote it"),
        ({"version": 4}, "found version 4 of a whole, expected 3"),
    ],
)
def test_what_is_no_record_is_one_message(changes: dict[str, Any], said: str) -> None:
    """With the file, the place, what was found and what was expected."""
    with pytest.raises(InputError, match=r"^whole\.json: ") as caught:
        WHOLE.of({**LEAST, **changes})
    assert said in str(caught.value)


def test_text_of_strangers_is_put_on_one_line() -> None:
    """Names of keys too."""
    found = WHOLE.of({**LEAST, "name": "a\x00b\n c", "shares": {"d\ne": 1}})
    assert (found.name, found.shares) == ("a b c", {"d e": 1.0})


def test_what_is_no_object_is_refused() -> None:
    """Whatever else JSON can hold."""
    with pytest.raises(InputError, match="not a whole: found \\[\\], expected an object"):
        from_json(Whole, [], "whole", "whole.json")
