"""Prices beyond text, and of models that nobody knows, in tables and policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import PolicyError
from balancer.core.surcharges import Fee, MediaPrice, Surcharges
from balancer.policy_file import parse_policy, show_policy
from balancer.prices import default_catalog, load_prices

ROW = '[models."gemini-2.5-flash"]\ninput = 1\noutput = 2\n'


def test_the_table_that_ships_prices_sound_and_searches() -> None:
    """Sound in apart from text; searches by prompt up to 2.5, by query from 3 on."""
    catalog = default_catalog()
    assert catalog.card("gemini-2.5-flash").surcharges == Surcharges(
        media=(MediaPrice(modality="audio", input=1_000_000_000, cached=100_000_000),),
        search=Fee(nano_usd=35_000_000),
        maps=Fee(nano_usd=25_000_000),
    )
    search = catalog.card("gemini-3.5-flash").surcharges.search
    assert search == Fee(nano_usd=14_000_000, per_query=True, most_queries=8)


def test_a_row_without_surcharges_keeps_what_is_known(tmp_path: Path) -> None:
    """And one that has them replaces all of them."""
    path = tmp_path / "mine.toml"
    path.write_text(ROW)
    known = default_catalog().card("gemini-2.5-flash").surcharges
    assert load_prices(path).card("gemini-2.5-flash").surcharges == known
    path.write_text(ROW + "surcharges = {image = {output = 30}}\n")
    assert load_prices(path).card("gemini-2.5-flash").surcharges == Surcharges(
        media=(MediaPrice(modality="image", output=30_000_000_000),)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("surcharges = {audoi = {input = 1}}", "did you mean 'audio'?"),
        ("surcharges = {audio = {input = -1}}", "surcharges.audio.input: found -1"),
        ("surcharges = {search = {usd = 1}}", "surcharges.search: key 'per' is missing"),
        ("surcharges = {search = {usd = 1, per = 'quary'}}", "did you mean 'query'?"),
    ],
)
def test_a_malformed_surcharge_is_refused_by_key(tmp_path: Path, text: str, said: str) -> None:
    """With the nearest name that there is."""
    path = tmp_path / "mine.toml"
    path.write_text(ROW + text)
    with pytest.raises(PolicyError) as caught:
        load_prices(path)
    assert said in str(caught.value)


UNKNOWN = """
prices:
  unknown:
    input: 2
    output: 12
    output_limit: 8192
    surcharges: {audio: {input: 3}, search: {usd: 0.014, per: query, most_queries: 20}}
"""


def test_a_policy_may_declare_a_price_for_what_nobody_knows() -> None:
    """It is no model's: only where there is no other."""
    catalog = parse_policy(UNKNOWN).catalog
    card = catalog.priced("new-model")
    assert card is not None
    assert (card.name, card.price[1:3]) == ("new-model", (2_000_000_000, 12_000_000_000))
    assert card.output_limit_tokens == 8192
    assert catalog.find("new-model") is None
    assert catalog.priced("gemini-2.5-flash") == default_catalog().card("gemini-2.5-flash")
    assert parse_policy("name: plain").catalog.priced("new-model") is None


def test_a_declared_price_is_shown_and_can_be_read_back() -> None:
    """As everything of a policy."""
    policy = parse_policy(UNKNOWN)
    assert parse_policy(show_policy(policy)).catalog == policy.catalog


def test_an_alias_is_its_model() -> None:
    """Of the table that ships, and of a user's."""
    catalog = default_catalog()
    for alias, name in (
        ("gemini-flash-latest", "gemini-3.8-flash"),
        ("gemini-flash-lite-latest", "gemini-3.5-flash-lite"),
        ("gemini-pro-latest", "gemini-3.1-pro-preview"),
    ):
        assert catalog.find(alias) == catalog.card(name)
    text = "prices: {models: {house: {input: 1, output: 2, aliases: [home]}}}"
    policy = parse_policy(text)
    assert policy.catalog.find("home") == policy.catalog.card("house")
    assert parse_policy(show_policy(policy)) == policy


def test_a_malformed_declared_price_is_refused_by_line() -> None:
    """As any other key."""
    with pytest.raises(PolicyError, match=r"policy:2: prices.*unknown.*output.*missing"):
        parse_policy("prices:\n  unknown: {input: 2}")
