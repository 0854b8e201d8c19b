"""The reference pages name every key that a file may have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from balancer.core.policy import LAWS, SIGNALS
from balancer.policy_file import parse_policy
from balancer.policy_schema import PolicyEntry, ThresholdsOfMode
from balancer.prices import ModelTable, load_prices
from scenarios.schema import ModelProfile, Scenario

PAGES = Path(__file__).parent.parent / "docs" / "reference"


def keys(annotation: Any, seen: set[Any]) -> set[str]:
    """Keys of a schema and of all schemas inside it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in seen:
            return set()
        seen.add(annotation)
        found = {field.alias or name for name, field in annotation.model_fields.items()}
        inner = [field.annotation for field in annotation.model_fields.values()]
    else:
        found, inner = set(), list(get_args(annotation))
    return found.union(*(keys(part, seen) for part in inner))


@pytest.mark.parametrize(
    ("pages", "schemas"),
    [
        (("policy.md", "models.md"), (PolicyEntry,)),
        (("models.md",), (ModelTable,)),
        (("scenario.md",), (Scenario, ModelProfile)),
    ],
)
def test_a_reference_page_names_every_key(
    pages: tuple[str, ...], schemas: tuple[type, ...]
) -> None:
    """A key that is added to a format must be added to its page."""
    words = " ".join((PAGES / page).read_text(encoding="utf-8") for page in pages)
    for sign in "`{}(),:=[]":
        words = words.replace(sign, " ")
    missing = set().union(*(keys(schema, set()) for schema in schemas)) - set(words.split())
    assert missing == set()


@pytest.mark.parametrize("names", [tuple(SIGNALS), LAWS], ids=["signals", "laws"])
def test_the_policy_page_names_every_signal_and_law(names: tuple[str, ...]) -> None:
    """So that a user can find what a rule may watch, and what may judge."""
    text = (PAGES / "policy.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_signal_has_a_place_in_the_thresholds_table() -> None:
    """All but burn_rate, which needs an objective and so a rule of its own."""
    assert set(ThresholdsOfMode.model_fields) == set(SIGNALS) - {"burn_rate"}


def test_the_examples_of_the_policy_page_are_valid(tmp_path: Path) -> None:
    """Each YAML block is a policy."""
    text = (PAGES / "policy.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert [parse_policy(example).law for example in examples] == ["mildest"] * 5


def test_the_examples_of_the_models_page_are_valid(tmp_path: Path) -> None:
    """Each TOML block is a table of models."""
    text = (PAGES / "models.md").read_text(encoding="utf-8")
    table, kinds = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "prices.toml").write_text(table)
    assert load_prices(tmp_path / "prices.toml").dated == "2026-11-28"
    (tmp_path / "kinds.toml").write_text(kinds)
    assert load_prices(tmp_path / "kinds.toml").card("house-large").family == "house"
