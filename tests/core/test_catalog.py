"""The catalog: which thinking settings a model takes, and how much it may think."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.catalog import LEVEL_TOKENS, Catalog, ModelCard, Thinking
from balancer.core.errors import PolicyError
from tests.core.builders import BIG, CATALOG, SMALL

PRICE = BIG.price
ALWAYS = ModelCard(name="always", price=PRICE, budget=(128, 32_768), off=False)
LEVELS = ModelCard(name="levels", price=PRICE, budget=None, off=False, levels=("LOW", "HIGH"))
PLAIN = ModelCard(name="plain", price=PRICE, budget=None, off=True)


@pytest.mark.parametrize(
    ("card", "thinking"),
    [
        (BIG, 0),
        (BIG, -1),
        (BIG, 24_576),
        (SMALL, 512),
        (ALWAYS, 128),
        (LEVELS, "LOW"),
        (PLAIN, 0),
    ],
)
def test_a_setting_the_model_takes_is_not_refused(card: ModelCard, thinking: Thinking) -> None:
    """No reason is given where none is due."""
    assert card.refuses(thinking) == ""


@pytest.mark.parametrize(
    ("card", "least"), [(BIG, 0), (PLAIN, 0), (ALWAYS, 128), (LEVELS, LEVEL_TOKENS["LOW"])]
)
def test_a_model_cannot_be_told_to_think_less_than_its_least(card: ModelCard, least: int) -> None:
    """Nothing where it can be off."""
    assert card.least_thinking_tokens == least


@pytest.mark.parametrize(
    ("card", "thinking", "why"),
    [
        (SMALL, 511, "small takes no thinking budget 511; use 0, or 512 to 24576"),
        (SMALL, 24_577, "small takes no thinking budget 24577; use 0, or 512 to 24576"),
        (ALWAYS, 0, "always takes no thinking budget 0; use 128 to 32768"),
        (BIG, "LOW", "big takes no thinking level LOW; use a budget in tokens"),
        (LEVELS, "MEDIUM", "levels takes no thinking level MEDIUM; use one of LOW, HIGH"),
        (LEVELS, 1024, "levels takes no thinking budget 1024; use a level: LOW, HIGH"),
        (LEVELS, -1, "levels takes no thinking budget -1; use a level: LOW, HIGH"),
        (PLAIN, 1024, "plain takes no thinking budget 1024; use no thinking setting"),
    ],
)
def test_a_refusal_says_what_to_write_instead(
    card: ModelCard, thinking: Thinking, why: str
) -> None:
    """The API would answer 400, without the cure."""
    assert card.refuses(thinking) == why


@pytest.mark.parametrize(
    ("card", "thinking", "most"),
    [
        (BIG, None, 24_576),
        (BIG, -1, 24_576),
        (BIG, 0, 0),
        (BIG, 2000, 2000),
        (LEVELS, "LOW", 1024),
        (LEVELS, None, 24_576),
        (PLAIN, None, 0),
    ],
)
def test_most_thinking_tokens_under_a_setting(
    card: ModelCard, thinking: Thinking | None, most: int
) -> None:
    """Without a budget a model may spend all it has; one that does not think spends none."""
    assert card.most_thinking_tokens(thinking) == most


def test_a_model_thinks_when_it_takes_a_budget_or_a_level() -> None:
    """Else it never does."""
    assert (BIG.thinks, LEVELS.thinks, PLAIN.thinks) == (True, True, False)


def test_an_unknown_model_is_named_with_the_nearest_one() -> None:
    """And with all there are."""
    with pytest.raises(PolicyError) as caught:
        CATALOG.card("smal")
    assert str(caught.value) == "unknown model 'smal' (did you mean 'small'?); known: big, small"


def test_prices_replace_a_card_and_add_one() -> None:
    """The other cards, and the date, stay."""
    dearer = ModelCard(name="small", price=PRICE, budget=None, off=True)
    found = CATALOG.with_prices((dearer, PLAIN))
    assert isinstance(found, Catalog)
    assert [card.name for card in found.cards] == ["big", "small", "plain"]
    assert found.card("small") is dearer
    assert found.dated == CATALOG.dated


def test_a_dated_version_has_its_familys_price() -> None:
    """And a model that nobody knows has none, unless one is declared for such."""
    for name in ("big", "big-001", "big-latest", "big-preview-09-2025"):
        assert CATALOG.find(name) == CATALOG.priced(name) == BIG
    assert CATALOG.find("bigger") is None
    assert CATALOG.priced("bigger") is None
    declared = replace(CATALOG, unknown=PLAIN)
    assert declared.find("bigger") is None
    assert declared.priced("bigger") == replace(PLAIN, name="bigger")
    assert declared.priced("big") == BIG


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("small", "small"),
        ("small-001", "small"),
        ("small-preview-09-2025", "small"),
        ("small-image", None),
        ("", None),
    ],
)
def test_a_card_is_found_under_a_version_s_name(name: str, found: str | None) -> None:
    """But not under another model's."""
    card = CATALOG.find(name)
    assert (card.name if card else None) == found


def test_a_card_says_what_it_lacks() -> None:
    """Members that hold kinds, and members that are yes or no."""
    card = ModelCard(
        name="a",
        price=PRICE,
        budget=None,
        off=True,
        inputs=frozenset({"text", "image"}),
        caching=False,
    )
    needs = frozenset({"inputs.image", "inputs.audio", "caching", "system_instruction"})
    assert card.lacks(needs) == {"inputs.audio", "caching"}
