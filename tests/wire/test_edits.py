"""What a strategy changes in a call."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.catalog import LEVEL_TOKENS, ModelCard, Thinking
from balancer.core.strategy import Strategy
from balancer.wire import Asked, Edits, edits

from .cards import CATALOG, FLASH, FLASH_3, LITE, PLAIN, PRO, PRO_3

CAPPED = Strategy(output_cap_tokens=1024, thinking=0)


def test_a_strategy_that_says_nothing_changes_nothing() -> None:
    """Whatever the caller asked for."""
    asked = Asked(model=FLASH.name, output_cap_tokens=10, thinking=20_000)
    assert edits(Strategy(), FLASH, asked) == Edits()


def test_the_caller_s_own_lower_cap_stays() -> None:
    """A plan takes away, it never adds."""
    asked = Asked(model=FLASH.name, output_cap_tokens=300)
    assert edits(CAPPED, FLASH, asked).output_cap_tokens is None
    asked = Asked(model=FLASH.name, output_cap_tokens=3000)
    assert edits(CAPPED, FLASH, asked).output_cap_tokens == 1024


def test_the_caller_s_lesser_thinking_stays() -> None:
    """Off is less than 1,024, and 1,024 less than the model's choice."""
    strategy = Strategy(thinking=1024)
    assert edits(strategy, FLASH, Asked(model=FLASH.name, thinking=0)) == Edits()
    assert edits(strategy, FLASH, Asked(model=FLASH.name, thinking=-1)).thinking == 1024
    assert edits(strategy, FLASH, Asked(model=FLASH.name)).thinking == 1024


def test_a_declared_minimum_raises_the_plan_s_cap_above_thinking_too() -> None:
    """The cap covers both."""
    strategy = Strategy(output_cap_tokens=1500, thinking=1024)
    asked = Asked(model=FLASH.name, min_output_tokens=1000)
    assert edits(strategy, FLASH, asked).output_cap_tokens == 2024
    assert edits(CAPPED, FLASH, asked).output_cap_tokens == 1024


def test_a_format_is_capped_only_where_its_need_is_known() -> None:
    """A cap would tear it."""
    asked = Asked(model=FLASH.name, structured=True)
    assert edits(CAPPED, FLASH, asked) == Edits(thinking=0, hide_thoughts=True)
    asked = Asked(model=FLASH.name, structured=True, min_output_tokens=2000)
    assert edits(CAPPED, FLASH, asked).output_cap_tokens == 2000


def test_a_forced_call_and_an_image_are_capped_no_more_than_a_format() -> None:
    """A function's arguments cut short are none."""
    for asked in (
        Asked(model=FLASH.name, forced=True, needs_tools=True),
        Asked(model=FLASH.name, shown=True),
    ):
        assert edits(CAPPED, FLASH, asked).output_cap_tokens is None
        assert not asked.takes_text
        declared = replace(asked, min_output_tokens=100)
        assert edits(CAPPED, FLASH, declared).output_cap_tokens == 1024
    speaker = replace(PLAIN, outputs=frozenset(("audio",)))
    strategy = replace(CAPPED, instruction="Be brief.")
    assert edits(strategy, speaker, Asked(model=speaker.name)) == Edits()


def test_an_instruction_goes_only_to_a_model_that_takes_one() -> None:
    """Others answer 400."""
    gemma = replace(PLAIN, system_instruction=False)
    assert edits(Strategy(instruction="Be brief."), gemma, Asked(model=gemma.name)) == Edits()


def test_thoughts_are_not_asked_for_where_there_are_none() -> None:
    """Vertex AI refuses it."""
    off = edits(Strategy(thinking=0), FLASH, Asked(model=FLASH.name))
    assert off == Edits(thinking=0, hide_thoughts=True)
    assert edits(Strategy(thinking=0), PRO, Asked(model=PRO.name)) == Edits(thinking=128)
    moved = edits(Strategy(), PLAIN, Asked(model=FLASH.name, thinking=512))
    assert (moved.clear_thinking, moved.hide_thoughts) == (True, True)
    assert edits(Strategy(), LITE, Asked(model=PRO.name, thinking=512)).hide_thoughts is False
    assert edits(Strategy(), LITE, Asked(model=FLASH.name, thinking=0)).hide_thoughts


def test_a_plan_s_thinking_is_not_more_than_a_model_s_default() -> None:
    """Where the caller says none, that is what it asked for."""
    quiet = replace(LITE, default_thinking=0)
    strategy = Strategy(thinking=1024, output_cap_tokens=4096)
    assert edits(strategy, quiet, Asked(model=LITE.name)) == Edits(output_cap_tokens=4096)
    loud = edits(strategy, quiet, Asked(model=LITE.name, thinking=2048))
    assert loud == Edits(output_cap_tokens=4096, thinking=1024)


def test_tools_go_unless_the_call_needs_them() -> None:
    """Or goes with what is kept for its model."""
    strategy = Strategy(tools=False)
    assert edits(strategy, FLASH, Asked(model=FLASH.name)).drop_tools
    assert not edits(strategy, FLASH, Asked(model=FLASH.name, needs_tools=True)).drop_tools
    assert not edits(strategy, FLASH, Asked(model=FLASH.name, pinned=True)).drop_tools


def test_a_pinned_call_keeps_model_and_instruction() -> None:
    """Cached content is of one model, and takes no other instruction."""
    strategy = Strategy(model=LITE.name, instruction="Be brief.", temperature=0.5, history_turns=1)
    asked = Asked(model=FLASH.name, pinned=True)
    assert edits(strategy, FLASH, asked) == Edits(settings=(("temperature", 0.5),))


def test_what_the_plan_says_outright_is_taken_over() -> None:
    """Instruction, turns, temperature."""
    strategy = Strategy(instruction="Be brief.", history_turns=3, temperature=0.25)
    expected = Edits(
        model=FLASH.name,
        instruction="Be brief.",
        history_turns=3,
        settings=(("temperature", 0.25),),
    )
    assert edits(strategy, FLASH, Asked(model=LITE.name)) == expected


@pytest.mark.parametrize(
    ("model", "thinking", "expected"),
    [
        (FLASH_3, 0, "MINIMAL"),
        (FLASH_3, 1024, "LOW"),
        (FLASH_3, 30_000, "HIGH"),
        (PRO_3, "MINIMAL", "LOW"),
        (PRO, 0, 128),
        (PRO, "HIGH", 24_576),
        (LITE, 100, 0),
        (LITE, "LOW", 1024),
        (FLASH, 30_000, 24_576),
    ],
)
def test_a_caller_s_thinking_follows_to_another_model(
    model: ModelCard, thinking: Thinking, expected: Thinking
) -> None:
    """As the nearest setting that the model takes."""
    found = edits(Strategy(), model, Asked(model="gemini-x", thinking=thinking))
    assert (found.thinking, found.clear_thinking) == (expected, False)


@pytest.mark.parametrize(("model", "thinking"), [(FLASH_3, -1), (PLAIN, 0), (PLAIN, "LOW")])
def test_a_setting_nobody_could_fit_is_dropped(model: ModelCard, thinking: Thinking) -> None:
    """The model's choice is said by saying nothing, and some models do not think."""
    found = edits(Strategy(), model, Asked(model="gemini-x", thinking=thinking))
    assert (found.thinking, found.clear_thinking) == (None, True)


def test_thinking_is_cut_with_the_caller_s_own_cap() -> None:
    """The plan's 1,024 would fill the caller's 800 and the answer be empty."""
    strategy = Strategy(output_cap_tokens=4096, thinking=1024)
    found = edits(strategy, FLASH, Asked(model=FLASH.name, output_cap_tokens=800))
    assert found == Edits(thinking=400)


def test_free_thinking_stays_free_under_the_caller_s_own_cap() -> None:
    """Whether that is wise is the caller's to say; the plan takes nothing away there."""
    asked = Asked(model=FLASH.name, output_cap_tokens=3072)
    assert edits(Strategy(thinking=-1), FLASH, asked) == Edits()


def test_a_budget_s_cap_holds_for_all_and_halves_thinking() -> None:
    """As the simulator does; a format may be torn, but the money is not overspent."""
    found = edits(Strategy(), FLASH, Asked(model=FLASH.name), most_output_tokens=2048)
    assert found == Edits(output_cap_tokens=2048, thinking=1024)
    asked = Asked(model=FLASH.name, structured=True, thinking=0)
    found = edits(Strategy(), FLASH, asked, most_output_tokens=2048)
    assert found == Edits(output_cap_tokens=2048)
    found = edits(Strategy(), None, asked, most_output_tokens=2048)
    assert found == Edits(output_cap_tokens=2048)


def test_a_plan_s_cap_below_the_least_thinking_is_left_out() -> None:
    """Every answer would be empty, and billed."""
    strategy = Strategy(output_cap_tokens=100, thinking=0)
    assert edits(strategy, PRO, Asked(model=PRO.name)) == Edits(thinking=128)
    # What another model cannot answer with is cut to what it can.
    found = edits(strategy, PRO, Asked(model="gemini-x", output_cap_tokens=100_000))
    assert found.output_cap_tokens == PRO.output_limit_tokens


def test_an_unknown_model_gets_no_setting() -> None:
    """It may refuse any; fewer tools and turns nobody refuses."""
    asked = Asked(model="tuned")
    strategy = Strategy(
        output_cap_tokens=100, thinking=0, instruction="Be brief.", temperature=0.5, tools=False,
        history_turns=2,
    )  # fmt: skip
    assert edits(strategy, None, asked) == Edits(drop_tools=True, history_turns=2)


THINKING = st.one_of(st.none(), st.integers(-1, 40_000), st.sampled_from(sorted(LEVEL_TOKENS)))
CAPS = st.one_of(st.none(), st.integers(1, 100_000))


@given(
    model=st.sampled_from(CATALOG.cards),
    cap=CAPS,
    planned=THINKING,
    own_cap=CAPS,
    own=THINKING,
    least=st.one_of(st.none(), st.integers(1, 5000)),
    most=st.one_of(st.none(), st.integers(600, 70_000)),
    moved=st.booleans(),
)
def test_no_edits_are_refused_or_add_anything(
    model: ModelCard,
    cap: int | None,
    planned: Thinking | None,
    own_cap: int | None,
    own: Thinking | None,
    least: int | None,
    most: int | None,
    moved: bool,
) -> None:
    """For any strategy, caller and model."""
    asked = Asked(
        model="gemini-x" if moved else model.name,
        output_cap_tokens=own_cap,
        thinking=own,
        min_output_tokens=least,
    )
    strategy = Strategy(output_cap_tokens=cap, thinking=planned)
    found = edits(strategy, model, asked, most_output_tokens=most)
    if found.thinking is not None:
        assert model.refuses(found.thinking) == ""
    new_cap = found.output_cap_tokens
    assert not moved or (new_cap or own_cap or 0) <= model.output_limit_tokens
    if new_cap is not None:
        assert own_cap is None or new_cap < own_cap
        assert most is None or new_cap <= most
        thinking = own if found.thinking is None and not found.clear_thinking else found.thinking
        said = model.default_thinking if thinking is None else thinking
        spent = model.most_thinking_tokens(said)
        # What a budget affords may be less than a model's least: money comes first.
        assert spent < new_cap or new_cap == most
        if least is not None and most is None and own_cap is None:
            assert new_cap - spent >= least


@pytest.mark.parametrize("strategy", [Strategy(), Strategy(model=LITE.name, thinking=0)])
def test_who_names_no_model_is_given_none(strategy: Strategy) -> None:
    """What is missing is for the upstream to say: a mistake is no call that somebody pays."""
    assert edits(strategy, LITE, Asked(model="")).model is None
