"""Claims: how far a budget shortens one call."""

from __future__ import annotations

import pytest

from balancer.core.claims import claimed_cap, claimed_prompt, claimed_thinking


@pytest.mark.parametrize(
    ("affordable", "share", "cap", "thinking", "claimed"),
    [
        (1_000_000, 3_906, 1024, 0, 1024),  # plenty: the cap as it is
        (1_000_000, 3_906, 65_536, 0, 3_906),  # a 256th of what is left
        (100_000, 390, 65_536, 0, 2_048),  # a modest claim is left whole
        (1_500, 5, 65_536, 0, 1_500),  # all there is
        (64, 0, 65_536, 0, 64),  # the least answer
        (63, 0, 65_536, 0, -1),
        (575, 0, 65_536, 24_576, -1),  # it thinks: 512 more
        (576, 0, 65_536, 24_576, 576),
        (30, 0, 30, 0, 30),  # a cap below the least answer is enough by itself
        (29, 0, 30, 0, -1),
        (-1, -1, 10, 0, -1),  # the prompt alone costs more
    ],
)
def test_a_claim_is_a_small_part_of_what_is_left(
    affordable: int, share: int, cap: int, thinking: int, claimed: int
) -> None:
    """Never more than the cap, never less than an answer needs."""
    assert claimed_cap(affordable, share, cap, thinking) == claimed


def test_thinking_keeps_to_half_of_a_shortened_cap() -> None:
    """A cap that is left whole leaves thinking as it was."""
    assert claimed_thinking(1000, 4000, 24_576) == 500
    assert claimed_thinking(1000, 4000, 100) == 100
    assert claimed_thinking(4000, 4000, 24_576) == 24_576


@pytest.mark.parametrize(("estimate", "claimed"), [(0, 0), (1, 1), (2, 3), (1000, 1500)])
def test_a_call_claims_more_of_a_prompt_than_it_is_taken_to_have(
    estimate: int, claimed: int
) -> None:
    """Half as many again, in whole tokens."""
    assert claimed_prompt(estimate) == claimed
