"""What is sent of thinking is what the model takes: every model, every mode, every caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.catalog import LEVEL_TOKENS, Catalog, ModelCard, Thinking
from balancer.core.modes import MODES
from balancer.core.routes import RUNNING_TURN, resolve
from balancer.core.strategy import ROUTES, Strategy
from balancer.policy_file import default_policy
from balancer.prices import default_catalog
from balancer.wire import Asked, edits
from balancer.wire.thinking import fit_thinking

DAYS = ("2026-11-28", "2026-12-02", "2027-06-01")
BUDGETS = (-1, 0, 1, 128, 512, 1024, 24_576, 32_768, 100_000)
SETTINGS: tuple[Thinking, ...] = (*BUDGETS, *LEVEL_TOKENS)
NEEDS = (
    frozenset[str](),
    frozenset({"tools.functions"}),
    frozenset({"tools.functions", "json_with_functions"}),
    frozenset({"tools.computerUse"}),
    frozenset({"tools.functions", RUNNING_TURN}),
)


def sent(
    catalog: Catalog, strategy: Strategy, name: str, thinking: Thinking | None
) -> Iterator[tuple[ModelCard, Thinking | None]]:
    """Every model that a call may go to, and the setting that it then carries."""
    own = catalog.find(name)
    assert own is not None
    ended = catalog.known(name) is not own
    asked = Asked(
        model=own.name, thinking=thinking, usual_thinking=own.default_thinking, ended=ended
    )
    for needs in NEEDS:
        for called in resolve(strategy, name, catalog, needs=needs):
            card = catalog.find(called)
            assert card is not None
            change = edits(strategy, card, replace(asked, needs=needs))
            said = None if change.clear_thinking else thinking
            yield card, said if change.thinking is None else change.thinking


def own_mistake(catalog: Catalog, name: str, card: ModelCard, thinking: Thinking | None) -> bool:
    """A setting that the named model does not take itself: its caller shall hear so."""
    named = catalog.known(name)
    return named is card and thinking is not None and bool(card.refuses(thinking))


def check(catalog: Catalog, strategy: Strategy, name: str, thinking: Thinking | None) -> None:
    """No call carries what the model would answer 400 to."""
    for card, setting in sent(catalog, strategy, name, thinking):
        if setting is None or not card.refuses(setting):
            continue
        assert setting == thinking
        assert own_mistake(catalog, name, card, thinking), (card.refuses(setting), strategy)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("name", [card.name for card in default_catalog().cards])
def test_every_mode_of_the_default_policy_sends_what_the_model_takes(name: str, day: str) -> None:
    """Whatever the caller says; and what it asks for after the end of its model, too."""
    catalog = default_catalog().on(day)
    for mode in MODES:
        for thinking in (None, *SETTINGS):
            check(catalog, default_policy().strategies[mode], name, thinking)


STRATEGIES = st.builds(
    Strategy,
    model=st.sampled_from([None, *ROUTES, *(card.name for card in default_catalog().cards)]),
    fallback_models=st.lists(st.sampled_from([*ROUTES]), max_size=3).map(tuple),
    output_cap_tokens=st.sampled_from([None, 1, 256, 4096, 60_000]),
    thinking=st.sampled_from([None, *SETTINGS]),
)


@given(
    STRATEGIES,
    st.sampled_from([card.name for card in default_catalog().cards]),
    st.sampled_from([None, *SETTINGS]),
    st.sampled_from(DAYS),
)
def test_every_drawn_strategy_sends_what_the_model_takes(
    strategy: Strategy, name: str, thinking: Thinking | None, day: str
) -> None:
    """Of budgets and levels, each model gets the kind that it takes, within its range."""
    check(default_catalog().on(day), strategy, name, thinking)


@pytest.mark.parametrize("card", default_catalog().cards, ids=lambda card: card.name)
@pytest.mark.parametrize("wanted", SETTINGS)
def test_a_fitted_setting_is_one_that_the_model_takes(card: ModelCard, wanted: Thinking) -> None:
    """MINIMAL goes to those alone that take it."""
    fitted = fit_thinking(card, wanted)
    assert fitted is None or card.refuses(fitted) == ""
    assert fitted != "MINIMAL" or "MINIMAL" in card.levels


@pytest.mark.parametrize("name", ["gemini-3.6-flash", "gemini-3.7-flash", "gemini-3.8-flash"])
def test_the_least_of_a_model_without_minimal_is_low(name: str) -> None:
    """It would answer 400 to MINIMAL; XHIGH is for those that have it."""
    card = default_catalog().own(name)
    assert card is not None
    assert [fit_thinking(card, each) for each in (0, "MINIMAL", "XHIGH")] == ["LOW", "LOW", "HIGH"]
    argon = default_catalog().card("gemini-4-argon")
    assert [fit_thinking(argon, each) for each in (0, "XHIGH")] == ["LOW", "XHIGH"]
