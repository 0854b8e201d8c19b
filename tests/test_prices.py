"""Price tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from balancer.core.errors import PolicyError
from balancer.core.pricing import cost_nano_usd
from balancer.prices import default_catalog, load_prices


def test_a_call_on_flash_costs_what_google_publishes() -> None:
    """A million tokens in and a million out, half of them thoughts, at $0.30 and $2.50."""
    row = default_catalog().card("gemini-2.5-flash").price
    assert cost_nano_usd(row, 1_000_000, 0, 500_000, 500_000) == 2_800_000_000
    assert cost_nano_usd(row, 1_000_000, 1_000_000, 0, 0) == 30_000_000


def test_a_long_prompt_moves_the_whole_call_to_the_dearer_tier() -> None:
    """2.5-pro: $1.25 and $10 up to 200k tokens of prompt, $2.50 and $15 above."""
    row = default_catalog().card("gemini-2.5-pro").price
    assert cost_nano_usd(row, 200_000, 0, 1000, 0) == 250_000_000 + 10_000_000
    assert cost_nano_usd(row, 200_001, 0, 1000, 0) == 500_002_500 + 15_000_000


def test_cached_input_has_its_own_price_in_both_tiers() -> None:
    """2.5-pro's cache: $0.125, and $0.25 above 200k."""
    row = default_catalog().card("gemini-2.5-pro").price
    assert cost_nano_usd(row, 100_000, 100_000, 0, 0) == 12_500_000
    assert cost_nano_usd(row, 400_000, 400_000, 0, 0) == 100_000_000


@pytest.mark.parametrize(
    ("model", "thinking", "accepted"),
    [
        ("gemini-2.5-flash", 0, True),
        ("gemini-2.5-flash", -1, True),
        ("gemini-2.5-flash", 24_577, False),
        ("gemini-2.5-flash", "LOW", False),
        ("gemini-2.5-flash-lite", 0, True),
        ("gemini-2.5-flash-lite", 511, False),
        ("gemini-2.5-flash-lite", 512, True),
        ("gemini-2.5-pro", 0, False),
        ("gemini-2.5-pro", 128, True),
        ("gemini-3.1-pro-preview", "MINIMAL", False),
        ("gemini-3.1-pro-preview", "LOW", True),
        ("gemini-3-flash-preview", "MINIMAL", True),
        ("gemini-3.5-flash", 1024, False),
        ("gemini-3.5-flash-lite", 0, False),
        ("gemini-3.7-flash", "MINIMAL", False),
        ("gemini-3.8-flash", "MINIMAL", False),
        ("gemini-3.8-flash", "LOW", True),
        ("gemini-4-hydrogen", "XHIGH", True),
        ("gemini-4-argon", "MINIMAL", False),
    ],
)
def test_models_accept_the_thinking_settings_google_documents(
    model: str, thinking: int | str, accepted: bool
) -> None:
    """Budgets, levels and switching off, as far as each model takes them."""
    assert (default_catalog().card(model).refuses(thinking) == "") is accepted


def test_the_table_is_dated() -> None:
    """Prices change, so the table says when it was checked."""
    assert default_catalog().dated == "2026-11-28"


def test_a_users_table_changes_and_adds_models(tmp_path: Path) -> None:
    """Prices change, what the table leaves out and all other models stay; the date is new."""
    path = tmp_path / "mine.toml"
    path.write_text(
        "dated = 2027-01-01\n"
        '[models."gemini-2.5-flash"]\ninput = 1\noutput = 2\n'
        "[models.house]\ninput = 0\noutput = 0\nthinking = {budget = [1, 10], off = true}\n"
    )
    catalog = load_prices(path)
    assert catalog.dated == "2027-01-01"
    price = catalog.card("gemini-2.5-flash").price
    assert price[1:] == (10**9, 2 * 10**9, 10**9, 10**9, 2 * 10**9, 10**9)
    assert catalog.card("gemini-2.5-flash").budget == (1, 24_576)
    assert catalog.card("house").budget == (1, 10)
    assert catalog.card("gemini-2.5-pro") == default_catalog().card("gemini-2.5-pro")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = ", "not valid TOML"),
        ("[models.a]\ninput = -1\noutput = 1", "models.a.input: found -1"),
        ("[models.a]\ninput = nan\noutput = 1", "models.a.input: found nan"),
        ("[models.a]\ninput = 1", "models.a: key 'output' is missing"),
        ("[models.a]\ninput = 1\noutptu = 1\noutput = 1", "did you mean 'output'?"),
        ("[models.a]\ninput=1\noutput=1\nthinking={budget=[9,1]}", "least before most"),
        ("[models.a]\ninput=1\noutput=1\nthinking={levels=['LO']}", "did you mean 'LOW'?"),
        ("[models.a]\ninput=1\noutput=1\nshutdown='soon'", "models.a.shutdown: found 'soon'"),
        (
            "[models.a]\ninput=1\noutput=1\nlater=[{from='31.12.', input=1, output=1}]",
            "models.a.later.0.from: found '31.12.'",
        ),
        (
            "[models.a]\ninput=1\noutput=1\n"
            "later=[{from=2027-01-02, input=1, output=1}, {from=2027-01-01, input=1, output=1}]",
            "expected oldest first",
        ),
        (
            "[models.a]\ninput=1\noutput=1\nserved_by='b'\n"
            "[models.b]\ninput=1\noutput=1\nserved_by='a'",
            "models.a.served_by: found the circle a -> b -> a",
        ),
        (
            "[models.a]\ninput=1\noutput=1\nkind='flash'",
            "models.a.kind: found 'flash', expected a name under kinds",
        ),
        (
            "[kinds.house]\nrank=1\n[models.a]\ninput=1\noutput=1\nkind='hous'",
            "did you mean 'house'?",
        ),
        (
            "kinds = {house = 1}\n[models.a]\ninput=1\noutput=1\nkind='house'",
            "kinds.house: found 1",
        ),
        ("[models.a]\ninput=1\noutput=1\ninputs='text'", "found 'text', expected a list"),
    ],
)
def test_a_malformed_table_is_refused_by_key(tmp_path: Path, text: str, said: str) -> None:
    """One message names the file, the key, what was found and expected."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        load_prices(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("model", "day", "price"),
    [
        ("gemini-4-argon", date(2026, 11, 30), 2.0),
        ("gemini-4-argon", date(2026, 12, 1), 4.0),
        ("gemini-3.8-flash", date(2026, 12, 31), 0.75),
        ("gemini-3.8-flash", date(2027, 1, 1), 1.50),
        ("gemini-3.5-flash", date(2026, 10, 7), 1.50),
        ("gemini-3.5-flash", date(2026, 10, 8), 0.75),
    ],
)
def test_a_price_holds_from_its_day_on(model: str, day: date, price: float) -> None:
    """Before the first day that is known, the first price."""
    assert default_catalog(day).card(model).price[1] == price * 10**9


def test_models_say_what_they_can_do() -> None:
    """Kinds fill in what rows leave out; a row says otherwise where it differs."""
    catalog = default_catalog()
    flash, picture = catalog.card("gemini-2.5-flash"), catalog.card("gemini-2.5-flash-image")
    assert flash.lacks(frozenset({"inputs.video", "tools.googleSearch", "caching"})) == set()
    assert flash.lacks(frozenset({"outputs.image", "json_with_functions"})) == {
        "outputs.image",
        "json_with_functions",
    }
    assert picture.family == ""
    assert picture.outputs == {"text", "image"}
    assert not catalog.card("gemma-3-27b-it").system_instruction
    assert catalog.card("gemini-3.8-flash").signs_calls
    assert (flash.shutdown, flash.served_by) == ("2026-12-01", "gemini-3.5-flash-lite")


def test_a_users_row_may_say_what_a_model_can_do(tmp_path: Path) -> None:
    """With kinds of its own; what it leaves out of a model that ships stays."""
    path = tmp_path / "mine.toml"
    path.write_text(
        "[kinds.house]\nfamily = 'house'\ninputs = ['text', 'image']\ninput = 1\noutput = 2\n"
        "[models.big]\nkind = 'house'\nrank = 2\n"
        "[models.small]\nkind = 'house'\nrank = 1\ninput = 0.5\ncontext_limit = 8192\n"
        "[models.'gemini-2.5-pro']\ninput = 9\noutput = 9\n"
    )
    catalog = load_prices(path)
    small = catalog.card("small")
    assert (small.family, small.rank, small.context_limit_tokens) == ("house", 1, 8192)
    assert small.inputs == {"text", "image"}
    assert small.price[1:3] == (5 * 10**8, 2 * 10**9)
    assert catalog.card("gemini-2.5-pro").rank == default_catalog().card("gemini-2.5-pro").rank
