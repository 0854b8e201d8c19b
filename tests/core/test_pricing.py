"""Pricing: nano-dollars from usage, against bills worked out by hand."""

from __future__ import annotations

from balancer.core.pricing import NANO_USD, affordable_output_tokens, cost_nano_usd

# $1.25 and $10 per million tokens up to 200k of prompt, $2.50 and $15 above; cached a tenth.
TIERED = (
    *(200_000, 1_250_000_000, 10_000_000_000, 125_000_000),
    *(2_500_000_000, 15_000_000_000, 250_000_000),
)
FREE_OUTPUT = (200_000, 1_000_000, 0, 0, 1_000_000, 0, 0)


def test_a_call_costs_its_input_and_output() -> None:
    """1,000 in and 500 out: $0.00125 + $0.005."""
    assert cost_nano_usd(TIERED, 1000, 0, 500, 0) == 6_250_000


def test_thinking_is_billed_as_output() -> None:
    """500 of answer and 500 of thought cost what 1,000 of answer does."""
    assert cost_nano_usd(TIERED, 0, 0, 500, 500) == cost_nano_usd(TIERED, 0, 0, 1000, 0)


def test_cached_input_is_billed_at_its_own_price() -> None:
    """600 of 1,000 from the cache: 400 x $1.25 + 600 x $0.125 per million."""
    assert cost_nano_usd(TIERED, 1000, 600, 0, 0) == 400 * 1250 + 600 * 125


def test_a_prompt_of_just_the_tier_is_billed_below_it() -> None:
    """Above 200k means more than 200,000 tokens."""
    assert cost_nano_usd(TIERED, 200_000, 0, 1_000_000, 0) == NANO_USD // 4 + 10 * NANO_USD


def test_a_prompt_above_the_tier_is_billed_above_it_as_a_whole() -> None:
    """One token more, and every token of the call costs more."""
    cost = cost_nano_usd(TIERED, 200_001, 1, 1_000_000, 0)
    assert cost == 200_000 * 2500 + 250 + 15 * NANO_USD


def test_cost_is_rounded_down() -> None:
    """Less than a nano-dollar is nothing."""
    assert cost_nano_usd((0, 0, 0, 999_999, 0, 0, 999_999), 1, 1, 0, 0) == 0


def test_affordable_output_is_the_most_that_still_fits() -> None:
    """One token more would cost more than there is."""
    most = affordable_output_tokens(TIERED, 1000, 6_250_000)
    assert most == 500
    assert cost_nano_usd(TIERED, 1000, 0, most + 1, 0) > 6_250_000


def test_nothing_is_affordable_when_the_prompt_alone_costs_more() -> None:
    """Negative, and not zero: not even an empty answer may be asked for."""
    assert affordable_output_tokens(TIERED, 1000, 1_000_000) < 0


def test_affordable_output_knows_the_tier() -> None:
    """A long prompt leaves less: ($4 - $0.5000025) / $15 per million."""
    assert affordable_output_tokens(TIERED, 200_001, 4 * NANO_USD) == 233_333


def test_free_output_is_affordable_without_bound() -> None:
    """As long as the prompt is."""
    assert affordable_output_tokens(FREE_OUTPUT, 1000, 1000) == 1 << 40
    assert affordable_output_tokens(FREE_OUTPUT, 1000, 999) == -1
