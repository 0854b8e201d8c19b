"""What forty calls cost: by the prices that were published, and by genai-prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from balancer.core.pricing import cost_nano_usd
from balancer.core.surcharges import surcharge_nano_usd
from balancer.prices import default_catalog
from balancer.wire.usage import read_usage
from tests.usages import NOW, USAGES, UsageOf

NAMES = [f"{index}-{each.model}-{each.tier}-{each.day}" for index, each in enumerate(USAGES)]
genai_prices = pytest.mark.skipif(
    find_spec("genai_prices") is None, reason="genai-prices is not installed"
)


def ours(usage: UsageOf) -> int:
    """Nano-dollars of a call, by the tier and the day that served it."""
    card = default_catalog(date.fromisoformat(usage.day)).find(usage.model)
    read = read_usage(usage.body)
    assert card is not None
    assert read is not None
    row = card.price_of(usage.tier)
    tokens = (read.prompt_tokens, read.cached_tokens, read.output_tokens, read.thinking_tokens)
    beyond = surcharge_nano_usd(row, card.surcharges_of(usage.tier), read.prompt_tokens, read.media)
    return cost_nano_usd(row, *tokens) + beyond


def theirs(usage: UsageOf) -> float:
    """The same by genai-prices, which reads the body itself and knows of batch alone."""
    module: Any = import_module("genai_prices")
    extract: Callable[..., Any] = module.extract_usage
    found = extract(usage.body, provider_id="google").usage
    at = datetime.combine(date.fromisoformat(usage.day), datetime.min.time(), UTC)
    context = {"processing": "batch"} if usage.tier == "batch" else None
    priced = module.calc_price(
        found,
        usage.model,
        provider_id="google",
        genai_request_timestamp=at,
        price_context=context,
    )
    return float(priced.total_price) * 1e9


def test_there_are_forty() -> None:
    """In every tier, on days before and after a change, cached, thought, long and heard."""
    assert len(USAGES) == 40
    assert {each.tier for each in USAGES} == {"standard", "batch", "flex", "priority"}
    assert len({each.day for each in USAGES}) == 4


@pytest.mark.parametrize("usage", USAGES, ids=NAMES)
def test_a_usage_costs_what_was_published(usage: UsageOf) -> None:
    """To the nano-dollar, but for what is rounded down twice."""
    assert ours(usage) == pytest.approx(usage.usd * 1e9, abs=2)


UNKNOWN = ("gemini-4-neon", "gemini-4-hydrogen")
"""Models that genai-prices 0.2 does not know."""


@genai_prices
@pytest.mark.parametrize("usage", USAGES, ids=NAMES)
def test_a_usage_costs_what_genai_prices_says(usage: UsageOf) -> None:
    """Where it knows model and tier."""
    if usage.model in UNKNOWN:
        with pytest.raises(LookupError):
            theirs(usage)
    elif usage.tier in ("standard", "batch"):
        assert ours(usage) == pytest.approx(theirs(usage), abs=2)
    else:
        assert theirs(usage) == pytest.approx(theirs(usage._replace(tier="standard")))


@genai_prices
@pytest.mark.parametrize(
    ("usage", "factor"),
    [
        # An ended model at its own price: it knows no ends.
        (USAGES[0]._replace(model="gemini-3.5-flash"), 2.0),
        # The tiers of which it knows nothing, at standard's price.
        (USAGES[0]._replace(tier="flex"), 2.0),
        (USAGES[0]._replace(tier="priority"), 1 / 1.8),
        # Batch before the day on which it was read: as standard.
        (USAGES[0]._replace(tier="batch", day="2026-10-13"), 2.0),
    ],
    ids=["ended", "flex", "priority", "early batch"],
)
def test_where_genai_prices_differs_it_does_as_the_models_page_says(
    usage: UsageOf, factor: float
) -> None:
    """Each with who is right, in docs/reference/models.md."""
    ratio = theirs(usage) / ours(usage)
    if usage.model == "gemini-3.5-flash":
        assert ratio > factor
    else:
        assert ratio == pytest.approx(factor, rel=1e-4)
    assert usage.day <= NOW
