"""The family of the models that ship: where steps down lead on which day, and where they do not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.routes import RUNNING_TURN, resolve
from balancer.core.strategy import ROUTES, Strategy
from balancer.prices import default_catalog

STEPS = ("one cheaper", "two cheaper", "three cheaper")
LADDER = ["gemini-3.5-flash-lite", "gemini-3.1-flash-lite", "gemini-2.5-flash-lite"]


def steps(name: str, day: str, *needs: str) -> list[str]:
    """Where one, two and three steps lead."""
    catalog = default_catalog(date.fromisoformat(day))
    wanted = frozenset(needs)
    return [resolve(Strategy(model=step), name, catalog, needs=wanted)[0] for step in STEPS]


@pytest.mark.parametrize("day", ["2026-11-28", "2026-12-02", "2027-01-02"])
def test_the_ladder_of_the_newest_flash_has_four_models(day: str) -> None:
    """The end of 2.5-flash and the prices of 2027 leave it as it is."""
    assert steps("gemini-3.8-flash", day) == LADDER


def test_no_step_leads_to_a_model_that_has_ended() -> None:
    """3.1-flash-lite ends in May 2027; 2.5-flash is its successor from December on."""
    assert steps("gemini-3.8-flash", "2027-05-07") == [LADDER[0], LADDER[2], LADDER[2]]
    assert steps("gemini-2.5-flash", "2026-11-30")[0] == "gemini-2.5-flash-lite"
    assert steps("gemini-2.5-flash", "2026-12-01")[0] == "gemini-3.1-flash-lite"


@pytest.mark.parametrize(
    "needs",
    [
        ("tools.functions",),
        ("tools.functions", "json_with_functions"),
        ("tools.googleSearch", "json_with_functions"),
        ("tools.computerUse",),
    ],
)
def test_what_2_5_lacks_or_would_answer_unsigned_stays_with_3(needs: tuple[str, ...]) -> None:
    """Two steps down the family, and no third."""
    assert steps("gemini-3.8-flash", "2026-11-28", *needs) == [*LADDER[:2], LADDER[1]]


def test_a_running_turn_stays_where_it_is() -> None:
    """Its calls carry the signatures of the model that made them."""
    needs = ("tools.functions", RUNNING_TURN)
    assert steps("gemini-3.8-flash", "2026-11-28", *needs) == ["gemini-3.8-flash"] * 3


CATALOG = default_catalog()


@given(
    st.sampled_from([card.name for card in CATALOG.cards]),
    st.sampled_from([*ROUTES]),
    st.frozensets(
        st.sampled_from(
            [
                "tools.functions",
                "tools.googleSearch",
                "tools.computerUse",
                "json_with_functions",
                "inputs.audio",
                "caching",
                "system_instruction",
                RUNNING_TURN,
            ]
        )
    ),
    st.sampled_from(["2026-11-28", "2026-12-02", "2027-01-01", "2027-06-01"]),
)
def test_nobody_is_moved_to_a_model_that_refuses_or_has_ended(
    name: str, word: str, needs: frozenset[str], day: str
) -> None:
    """Nor out of a family, nor from a signing model with functions to one that does not sign."""
    catalog = CATALOG.on(day)
    strategy = Strategy(model=word, fallback_models=("one cheaper", "three cheaper"))
    own = catalog.find(name)
    assert own is not None
    for called in resolve(strategy, name, catalog, needs=needs):
        if called == name:
            continue
        card = catalog.own(called)
        assert card is not None
        assert not card.ended(day)
        assert not card.lacks(needs - {RUNNING_TURN})
        assert card.family == own.family
        if "tools.functions" in needs:
            assert card.signs_calls or not own.signs_calls
        if RUNNING_TURN in needs:
            assert not (card.signs_calls or own.signs_calls)
