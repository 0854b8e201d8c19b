"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from reports.amounts import (
    NOTHING,
    amount,
    clock,
    difference,
    difference_interval,
    duration,
    interval,
)


def plain(text: str) -> str:
    """With ordinary spaces and hyphens, to be typed in a test."""
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(0, "0:00:00"), (59.6, "0:01:00"), (1212, "0:20:12"), (90_061, "25:01:01"), (-5, "-0:00:05")],
)
def test_clock_is_hours_minutes_seconds(time_s: float, text: str) -> None:
    """Times of a run are h:mm:ss, rounded to the second."""
    assert plain(clock(time_s)) == text


@pytest.mark.parametrize(
    ("length_s", "text"),
    [
        (0.0, "0 s"),
        (0.1804, "180 ms"),
        (0.9999, "1 s"),
        (6.234, "6.23 s"),
        (90, "90 s"),
        (250, "4 min 10 s"),
        (3600, "60 min"),
        (7500, "2 h 5 min"),
        (86_400, "24 h"),
        (-10.3, "-10.3 s"),
    ],
)
def test_duration_takes_its_natural_unit(length_s: float, text: str) -> None:
    """A length of time is told in the unit a person would use."""
    assert plain(duration(length_s)) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.99912, "share", "99.91 %"),
        (0.968, "share", "96.8 %"),
        (0.0041, "share", "0.41 %"),
        (1.0, "share", "100 %"),
        (0.99999, "share", "99.999 %"),
        (0.00002, "share", "0.002 %"),
        (1.25, "share", "125.0 %"),
        (31.2, "usd", "$31.20"),
        (12345.6, "usd", "$12 345.60"),
        (0.00012345, "usd", "$0.000123"),
        (-16.3, "usd", "-$16.30"),
        (18_321.0, "count", "18 321"),
        (2.2, "count", "2.2"),
        (0.98765, "score", "0.988"),
        (1.0467, "number", "1.05"),
        (250.0, "seconds", "4 min 10 s"),
        (-0.4003, "points", "-40.0 points"),
        (0.0, "points", "0 points"),
    ],
)
def test_amount_has_few_digits_and_its_unit(value: float, unit: str, text: str) -> None:
    """Digits are as many as decide something; the unit is always there."""
    assert plain(amount(value, unit)) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("unit", ["share", "points", "usd", "seconds", "count", "score", "number"])
def test_amount_of_no_number_is_a_dash(value: float, unit: str) -> None:
    """What does not exist is never printed as nan."""
    assert amount(value, unit) == NOTHING


def test_exact_amounts_drop_zeros_at_the_end() -> None:
    """A bound somebody wrote is shown as written, a measurement with its digits."""
    assert plain(amount(0.995, "share", exact=True)) == "99.5 %"
    assert plain(amount(-0.001, "points", exact=True)) == "-0.1 points"
    assert plain(amount(0.995, "share")) == "99.50 %"


def test_differences_carry_their_sign_and_shares_are_in_points() -> None:
    """+3.1 points and not +3.1 %, which would mean something else."""
    assert plain(difference(0.0311, "share")) == "+3.11 points"
    assert plain(difference(-16.3, "usd")) == "-$16.30"
    assert plain(difference(0.0, "count")) == "0"


def test_interval_without_ends_is_left_out() -> None:
    """One replication has no interval."""
    assert interval(math.nan, math.nan, "share") == ""
    assert plain(interval(0.9988, 0.9994, "share")) == "99.88 to 99.94 %"
    assert plain(interval(1.5, 2.5, "seconds")) == "1.5 s to 2.5 s"


def test_interval_whose_ends_look_alike_is_said_once() -> None:
    """No spread to be seen at the digits shown."""
    assert plain(interval(1.0, 1.0, "share")) == "100 %"
    assert plain(difference_interval(0.0, 0.0, "share")) == "0 points"


def test_interval_of_a_difference_carries_signs() -> None:
    """Both ends say on which side of zero they are."""
    assert plain(difference_interval(-0.01, 0.02, "share")) == "-1.00 to +2.00 points"
    assert plain(difference_interval(-3.0, -1.5, "usd")) == "-$3.00 to -$1.50"
    assert difference_interval(math.nan, 1.0, "usd") == ""


def test_what_rounds_to_zero_has_no_sign() -> None:
    """-0.00 would hint at a side that the digits don't show."""
    assert plain(difference(-1e-12, "share")) == "0.00 points"
