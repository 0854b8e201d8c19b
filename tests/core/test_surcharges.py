"""What calls cost beyond their tokens at the price of text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from balancer.core.pricing import cost_nano_usd
from balancer.core.surcharges import (
    MODALITIES,
    NO_SURCHARGES,
    Fee,
    Media,
    MediaPrice,
    Surcharges,
    dearest_row,
    surcharge_nano_usd,
    worst_surcharge_nano_usd,
)

USD = 1_000_000_000
ROW = (200_000, 300_000_000, 2_500_000_000, 30_000_000, 600_000_000, 5 * USD, 60_000_000)
"""Text at $0.30, $2.50 and $0.03; twice that above 200k."""
AUDIO = MediaPrice(modality="audio", input=USD, cached=100_000_000)
PICTURES = MediaPrice(modality="image", output=30 * USD)
BY_PROMPT = Fee(nano_usd=35_000_000)
BY_QUERY = Fee(nano_usd=14_000_000, per_query=True)
ALL = Surcharges(media=(PICTURES, AUDIO), search=BY_QUERY, maps=BY_PROMPT)


def test_an_hour_of_audio_costs_what_google_bills() -> None:
    """115,200 tokens at $1.00, 8 of text at $0.30 and 500 out at $2.50: $0.1164524."""
    text = cost_nano_usd(ROW, 115_208, 0, 500, 0)
    beyond = surcharge_nano_usd(ROW, ALL, 115_208, (Media("audio", 115_200),))
    assert text + beyond == 116_452_400


def test_cached_audio_and_pictures_made_have_prices_of_their_own() -> None:
    """Against those of text: $0.10 for $0.03 and $30 for $2.50."""
    assert surcharge_nano_usd(ROW, ALL, 1000, (Media("audio", 1000, 1000),)) == 70_000
    assert surcharge_nano_usd(ROW, ALL, 1000, (Media("image", 258, 0, 1290),)) == 35_475_000


def test_a_modality_without_a_price_costs_what_text_does() -> None:
    """And so does all of a model that charges nothing beyond text."""
    assert surcharge_nano_usd(ROW, ALL, 1000, (Media("video", 900), Media("image", 9))) == 0
    assert surcharge_nano_usd(ROW, NO_SURCHARGES, 1000, (Media("audio", 900),), 3, 3) == 0


def test_a_price_of_media_holds_above_the_tier_too() -> None:
    """What is on top of text is less there, because text is dearer."""
    assert surcharge_nano_usd(ROW, ALL, 200_001, (Media("audio", 1000),)) == 400_000


def test_searches_are_charged_by_query_or_by_prompt() -> None:
    """A call that made none pays nothing."""
    assert surcharge_nano_usd(ROW, ALL, 1, (), searches=2) == 28_000_000
    assert surcharge_nano_usd(ROW, ALL, 1, (), maps=2) == 35_000_000
    assert surcharge_nano_usd(ROW, ALL, 1, ()) == 0


def test_the_worst_case_has_every_search_a_call_is_taken_to_make() -> None:
    """Of what was asked for, and of what the model charges for."""
    assert worst_surcharge_nano_usd(ROW, ALL, 1, (), ("search",)) == 8 * 14_000_000
    assert worst_surcharge_nano_usd(ROW, ALL, 1, (), ("maps", "search")) == 147_000_000
    assert worst_surcharge_nano_usd(ROW, NO_SURCHARGES, 1, (), ("maps", "search")) == 0


@given(
    st.lists(st.tuples(st.sampled_from(MODALITIES), st.integers(0, 1 << 20)), max_size=4),
    st.integers(0, 1 << 21),
    st.data(),
)
def test_no_prompt_costs_more_than_its_worst_case(
    most: list[tuple[str, int]], prompt: int, data: st.DataObject
) -> None:
    """However much of it turns out to be media, and cached."""
    most = list(dict(most).items())
    worst = worst_surcharge_nano_usd(ROW, ALL, prompt, most, ())
    media = []
    for modality, tokens in most:
        found = data.draw(st.integers(0, min(tokens, prompt)))
        media.append(Media(modality, found, data.draw(st.integers(0, found))))
    assert surcharge_nano_usd(ROW, ALL, prompt, media) <= worst


def test_the_dearest_answer_is_all_pictures() -> None:
    """Where they cost more than text; a price below it changes nothing."""
    assert dearest_row(ROW, ALL) == (*ROW[:2], 30 * USD, *ROW[3:5], 30 * USD, ROW[6])
    assert dearest_row(ROW, NO_SURCHARGES) is ROW
    assert dearest_row(ROW, Surcharges(media=(MediaPrice(modality="audio", output=3 * USD),))) == (
        *ROW[:2], 3 * USD, *ROW[3:],
    )  # fmt: skip
