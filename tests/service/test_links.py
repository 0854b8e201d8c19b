"""Addresses of traces and logs."""

from __future__ import annotations

import pytest

from balancer.core.errors import InputError
from balancer.service.links import Links, links_of

NOON = 1_769_860_800.0


def test_a_template_is_filled_in() -> None:
    """Names are quoted; what is no place of ours stays."""
    links = links_of(
        {
            "OPEN_BALANCER_TRACES_URL": "https://t.example/{trace}?from={from_ms}&to={to_s}",
            "OPEN_BALANCER_LOGS_URL": " https://l.example/?q=%7B{service}%7D&at={from}/{to} ",
        }
    )
    assert links.of("a b", NOON, NOON + 60.0, "6c9d") == {
        "traces": "https://t.example/6c9d?from=1769860800000&to=1769860860",
        "logs": "https://l.example/?q=%7Ba%20b%7D&at=2026-01-31T12%3A00%3A00Z"
        "/2026-01-31T12%3A01%3A00Z",
    }


def test_what_needs_a_trace_is_not_offered_without_one() -> None:
    """Nor what is not set up."""
    links = Links(traces="https://t.example/{trace}", logs="https://l.example/")
    assert links.of("shop", NOON, NOON) == {"logs": "https://l.example/"}
    assert links_of({}).of("shop", NOON, NOON, "6c9d") == {}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("https://t.example/{trade}", "did you mean 'trace'"),
        ("t.example/{trace}", "begins with https://"),
        ("javascript:alert(1)", "begins with https://"),
    ],
)
def test_a_template_that_makes_no_address_is_refused(template: str, said: str) -> None:
    """At the start."""
    with pytest.raises(InputError, match="OPEN_BALANCER_TRACES_URL") as refused:
        links_of({"OPEN_BALANCER_TRACES_URL": template})
    assert said in str(refused.value)
