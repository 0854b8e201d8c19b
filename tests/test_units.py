"""Amounts with units: what is read, what is refused, and that what is shown reads back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.units import (
    parse_count,
    parse_day,
    parse_factor,
    parse_quantity,
    parse_seconds,
    parse_share,
    parse_tokens,
    parse_usd,
    show_factor,
    show_seconds,
    show_share,
    show_tokens,
    show_usd,
)

Parser = Callable[[object], float]

AMOUNTS = st.floats(min_value=0, max_value=1e12, allow_nan=False)


@pytest.mark.parametrize(
    ("parse", "written", "meant"),
    [
        (parse_seconds, "2000ms", 2.0),
        (parse_seconds, "5s", 5.0),
        (parse_seconds, "2m", 120.0),
        (parse_seconds, "1.5 h", 5400.0),
        (parse_seconds, "1d", 86_400.0),
        (parse_seconds, "5 minutes", 300.0),
        (parse_seconds, "1 Hour", 3600.0),
        (parse_seconds, "10us", 1e-5),
        (parse_seconds, 3, 3.0),
        (parse_seconds, "3", 3.0),
        (parse_share, "5%", 0.05),
        (parse_share, "99.9%", 0.999),
        (parse_share, 0.05, 0.05),
        (parse_share, 1, 1.0),
        (parse_usd, "$50", 50.0),
        (parse_usd, 50, 50.0),
        (parse_usd, "50 USD", 50.0),
        (parse_usd, "$1,000.50", 1000.5),
        (parse_usd, "$1.5k", 1500.0),
        (parse_usd, "$ 50/h", 50.0),
        (parse_usd, "$50 per hour", 50.0),
        (parse_tokens, "4k", 4000),
        (parse_tokens, "1.5M", 1_500_000),
        (parse_tokens, "800 tokens", 800),
        (parse_tokens, 4096, 4096),
        (parse_count, "100 pending", 100),
        (parse_count, "1 request", 1),
        (parse_factor, "x4", 4.0),
        (parse_factor, "4x", 4.0),
        (parse_factor, "×4", 4.0),
        (parse_factor, "50%", 0.5),
        (parse_factor, "14.4 times", 14.4),
        (parse_factor, 4, 4.0),
        (parse_quantity, "-0.1pp", -0.001),
        (parse_quantity, "99.5%", 0.995),
        (parse_quantity, "12s", 12.0),
        (parse_quantity, "$50", 50.0),
        (parse_quantity, "-3", -3.0),
        (parse_quantity, "2x", 2.0),
        (parse_quantity, "2k", 2000.0),
    ],
)
def test_an_amount_is_read_in_base_units(parse: Parser, written: object, meant: float) -> None:
    """Each way of writing an amount gives exactly the float nearest to what is meant."""
    assert parse(written) == meant


@pytest.mark.parametrize(
    ("parse", "written", "hint"),
    [
        (parse_seconds, "5 parsecs", "unknown unit 'parsecs'; known: ms, s, m, h, d"),
        (parse_seconds, "5M", "unknown unit 'M'"),
        (parse_seconds, "2000mss", "unknown unit 'mss'"),
        (parse_seconds, "5%", "a duration such as 2000ms"),
        (parse_seconds, -1, "must not be negative"),
        (parse_seconds, float("nan"), "must be finite"),
        (parse_seconds, float("inf"), "must be finite"),
        (parse_seconds, "1e999", "must be finite"),
        (parse_seconds, 10**400, "must be finite"),
        (parse_seconds, "inf", "a duration such as"),
        (parse_seconds, True, "found True"),
        (parse_seconds, None, "found nothing"),
        (parse_seconds, "", "a duration such as"),
        (parse_seconds, "9" * 1000, "a duration such as"),
        (parse_share, 5, "write 5% for 5 in a hundred"),
        (parse_share, "101%", "between 0 and 100%"),
        (parse_share, "-1%", "between 0 and 100%"),
        (parse_share, "5s", "unknown unit 's'; known: %"),
        (parse_usd, "50%", "unknown unit '%'; known: $"),
        (parse_usd, "$", "an amount in dollars such as $50"),
        (parse_usd, "-$5", "an amount in dollars"),
        (parse_usd, "$-5", "must not be negative"),
        (parse_tokens, "1.5", "must be whole"),
        (parse_tokens, "4kb", "unknown unit 'kb'"),
        (parse_tokens, -1, "must not be negative"),
        (parse_tokens, 1e13, "at most 10¹²"),
        (parse_count, "100 apples", "unknown unit 'apples'"),
        (parse_factor, "4s", "unknown unit 's'"),
        (parse_factor, "x-4", "must not be negative"),
        (parse_factor, "four", "a factor such as x4"),
        (parse_quantity, "12 apples", "unknown unit 'apples'"),
        (parse_quantity, [], "an amount such as 99.5%"),
    ],
)
def test_a_wrong_amount_says_what_was_expected(parse: Parser, written: object, hint: str) -> None:
    """The error names what was found, what was expected with an example, and why."""
    with pytest.raises(ValueError, match="found") as caught:
        parse(written)
    assert hint in str(caught.value)


def test_an_error_never_repeats_a_long_value_in_full() -> None:
    """A mistake of a thousand digits is cut short in the message."""
    with pytest.raises(ValueError, match="…") as caught:
        parse_seconds("9" * 1000)
    assert len(str(caught.value)) < 200


@given(AMOUNTS)
def test_a_duration_reads_back(seconds: float) -> None:
    """What `show_seconds` writes, `parse_seconds` reads as the same float."""
    assert parse_seconds(show_seconds(seconds)) == seconds


@given(st.floats(min_value=0, max_value=1))
def test_a_share_reads_back(share: float) -> None:
    """What `show_share` writes, `parse_share` reads as the same float."""
    assert parse_share(show_share(share)) == share


@given(AMOUNTS)
def test_an_amount_of_money_reads_back(usd: float) -> None:
    """What `show_usd` writes, `parse_usd` reads as the same float."""
    assert parse_usd(show_usd(usd)) == usd


@given(st.integers(min_value=0, max_value=10**12))
def test_tokens_read_back(tokens: int) -> None:
    """What `show_tokens` writes, `parse_tokens` reads as the same number."""
    assert parse_tokens(show_tokens(tokens)) == tokens


@given(AMOUNTS)
def test_a_factor_reads_back(factor: float) -> None:
    """What `show_factor` writes, `parse_factor` reads as the same float."""
    assert parse_factor(show_factor(factor)) == factor


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "0s"), (2.0, "2s"), (90.0, "90s"), (300.0, "5m"), (86_400.0, "1d"), (0.25, "250ms")],
)
def test_a_duration_is_shown_in_the_largest_whole_unit(seconds: float, shown: str) -> None:
    """Five minutes are "5m", and ninety seconds stay "90s"."""
    assert show_seconds(seconds) == shown


@given(st.text(max_size=80))
def test_no_text_makes_a_parser_fail_otherwise(text: str) -> None:
    """Whatever the text, a parser returns a number or raises ValueError."""
    for parse in (
        parse_seconds,
        parse_share,
        parse_usd,
        parse_tokens,
        parse_count,
        parse_factor,
        parse_quantity,
    ):
        try:
            found = parse(text)
        except ValueError:
            continue
        assert isinstance(found, int | float)


@pytest.mark.parametrize("found", ["2026-12-02", date(2026, 12, 2)])
def test_a_day_is_a_text_or_what_yaml_makes_of_one(found: object) -> None:
    """Of the calendar, without a time."""
    assert parse_day(found) == date(2026, 12, 2)


@pytest.mark.parametrize(
    "found", [20261202, "20261202", "2026-13-02", "2026-12-02T00:00:00Z", "soon", "", None, True]
)
def test_what_is_no_day_is_refused(found: object) -> None:
    """In one form wherever a day is written."""
    with pytest.raises(ValueError, match="expected a day such as 2026-12-02"):
        parse_day(found)


def test_a_time_of_day_is_no_day() -> None:
    """YAML makes one of a text with a time in it."""
    with pytest.raises(ValueError, match="expected a day such as 2026-12-02"):
        parse_day(datetime(2026, 12, 2, tzinfo=UTC))
