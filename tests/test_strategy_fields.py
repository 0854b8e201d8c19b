"""A field of a strategy is one row: files, `policy show`, pages and request bodies follow it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from balancer import wire
from balancer.core.errors import PolicyError
from balancer.core.modes import MODES
from balancer.core.policy import Policy
from balancer.core.strategy import Setting, Strategy, check_strategy, setting, settings_of
from balancer.policy_difference import policy_difference
from balancer.policy_file import default_policy, parse_policy, show_policy
from balancer.policy_schema import StrategyEntry
from balancer.policy_strategy import KINDS, show_strategy, strategy_entry, strategy_of
from sim.tuning.fields import policy_fields

PAGES = Path(__file__).parent.parent / "docs" / "reference"
ROWS = settings_of(Strategy)
EXAMPLES = {
    "model": ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
    "fallback_models": ("[one cheaper]", ("one cheaper",)),
    "output_cap": ("6k", 6000),
    "thinking": ("512", 512),
    "instruction": ("Be quick.", "Be quick."),
    "tools": ("false", False),
    "history_turns": ("3", 3),
    "temperature": ("0.25", 0.25),
    "timeout": ("41s", 41.0),
    "retries": ("5", 5),
    "service_tier": ("flex", ("flex", "flex", "flex")),
    "shed": ("{low: 20%}", (0.2, 0.0, 0.0)),
    "static_fallback": ("Later.", "Later."),
    "max_in_flight": ("70", 70),
    "max_starts_per_s": ("2.5", 2.5),
}
"""What a file says under each key, and what it means."""


def policy(row: Setting) -> Policy:
    """The default policy with the row's example in hard."""
    return parse_policy(f"modes: {{hard: {{{row.key}: {EXAMPLES[row.key][0]}}}}}\n", "it")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_row_is_read_and_shown(row: Setting) -> None:
    """What is shown is read back as what was meant, and a difference names the key."""
    assert row.key in StrategyEntry.model_fields
    changed = policy(row)
    assert getattr(changed.strategies[2], row.name) == EXAMPLES[row.key][1]
    assert parse_policy(show_policy(changed)).strategies == changed.strategies
    place = f"hard: {row.key.replace('_', ' ')}"
    before = replace(default_policy(), baseline=None)
    sentences = policy_difference(before, replace(changed, baseline=None))
    assert any(sentence.startswith(place) for sentence in sentences)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_row_can_be_tuned_where_it_is_a_number(row: Setting) -> None:
    """And where it is none, tuning knows it for a word."""
    fields = policy_fields(None)
    path = f"modes.hard.{row.key}"
    numbers = [each for each in fields if each == path or each.startswith(f"{path}.")]
    assert bool(numbers) is KINDS[row.kind].number
    assert (path in fields.words) is not KINDS[row.kind].number


def test_the_policy_page_has_a_row_for_each_of_the_table_in_its_order() -> None:
    """Each begins with the meaning that is declared."""
    text = (PAGES / "policy.md").read_text(encoding="utf-8")
    part = text.split("## What a mode does")[1].split("A strategy takes away")[0]
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", part, re.MULTILINE)
    assert [key for key, _ in lines] == [row.key for row in ROWS]
    wrong = [
        row.key for row, (_, cell) in zip(ROWS, lines, strict=True)
        if not cell.startswith(row.meaning)
    ]  # fmt: skip
    assert wrong == []


def test_the_page_of_bodies_names_the_members_that_are_written_as_they_are() -> None:
    """Beside the key."""
    text = (PAGES / "wire.md").read_text(encoding="utf-8")
    written = [row for row in ROWS if row.member]
    assert written
    for row in written:
        assert f"| `{row.key}` | `generationConfig.{row.member}` |" in text


# --- a field more ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wider(Strategy):
    """A strategy with one row more."""

    top_p: float | None = setting("number", "0 to 1", bounds=(0, 1), member="topP")


def test_one_more_row_is_read_checked_shown_and_sent() -> None:
    """Nothing else needs to know of it, in any of the four ways a body is written."""
    entry = strategy_entry(Wider).model_validate({"top_p": 0.5, "retries": 2})
    strategy = strategy_of(entry, Wider(temperature=0.25))
    assert strategy == Wider(top_p=0.5, retries=2, temperature=0.25)
    assert show_strategy(strategy)["top_p"] == 0.5
    catalog = default_policy().catalog
    check_strategy(strategy, "modes.hard", catalog)
    with pytest.raises(PolicyError, match="top_p is 2; expected 0 to 1"):
        check_strategy(Wider(top_p=2), "modes.hard", catalog)
    card = catalog.card("gemini-2.5-flash")
    assert card is not None
    change = wire.edits(strategy, card, wire.Asked(model=card.name))
    written = {"temperature": 0.25, "topP": 0.5}
    assert wire.apply({}, change) == {"generationConfig": written}
    assert wire.chat.apply({}, change) == {"temperature": 0.25, "top_p": 0.5}
    snake = {"temperature": 0.25, "top_p": 0.5}
    assert wire.interactions.apply({}, change) == {"generation_config": snake}
    editing = pytest.importorskip("balancer.adapters.gemini.editing")
    config = editing.edited("m", "Hi", None, change)[2]
    assert (config.temperature, config.top_p) == (0.25, 0.5)


def test_every_mode_of_the_default_policy_is_shown_with_every_key() -> None:
    """In the order of the table."""
    for mode in MODES:
        shown = show_strategy(default_policy().strategies[mode])
        assert list(shown) == [row.key for row in ROWS]
