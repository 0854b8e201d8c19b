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
        ("[models.a]\ninput=1\noutput=1\ninputs=[]", "models.a.inputs: found an empty list"),
        (
            "[models.a]\ninput=1\noutput=1\ninputs=['pictures']",
            "models.a.inputs.0: found 'pictures', expected one of text, image",
        ),
        (
            "[models.a]\ninput=1\noutput=1\ntools=['functions', 'googleSerch']",
            "models.a.tools.1: found 'googleSerch', expected one of functions, googleSearch",
        ),
        ("[models.a]\ninput=1\noutput=1\ntools=['googleSerch']", "did you mean 'googleSearch'?"),
        (
            "[models.a]\ninput=1\noutput=1\nserved_by='gemini-3.8-flsh'",
            "models.a.served_by: found 'gemini-3.8-flsh', expected the name of a model",
        ),
        (
            "[models.a]\ninput=1\noutput=1\nserved_by='gemini-3.8-flsh'",
            "did you mean 'gemini-3.8-flash'?",
        ),
        (
            "[models.a]\ninput=1\noutput=1\naliases=['gemini-3.8-flash']",
            "models.a.aliases: found 'gemini-3.8-flash', expected a name of this model alone",
        ),
        (
            "[models.a]\ninput=1\noutput=1\naliases=['gemini-flash-latest']",
            "'gemini-3.8-flash' answers to it",
        ),
        (
            "[kinds.a]\nrank=1\n[kinds.b]\nkind='a'\n[models.m]\nkind='b'\ninput=1\noutput=1",
            "kinds.b.kind: found 'a', expected a kind that is of no other one",
        ),
        ("dated = 'soon'\n[models]", "dated: found 'soon', expected a day such as 2026-12-02"),
        (
            "[models.a]\ninput=1\noutput=1\ntiers={flx=0.5}",
            "unknown key 'flx' in models.a.tiers (did you mean 'flex'?)",
        ),
        (
            "[models.a]\ninput=1\noutput=1\ntiers={flex=-1}",
            "models.a.tiers.flex.factor: found -1",
        ),
        (
            "[models.a]\ninput=1\noutput=1\ntiers={flex='half'}",
            "models.a.tiers.flex: found 'half'",
        ),
        (
            "[models.a]\ninput=1\noutput=1\ntiers={flex={input=1}}\n"
            "later=[{from=2027-01-01, input=1, output=1}]",
            "models.a: found dollars under tiers and a later price without tiers",
        ),
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


def test_a_tier_costs_a_factor_of_standard_or_what_it_says() -> None:
    """As published: half of all, cached input as in standard, or dollars; above 200k too."""
    catalog = default_catalog()
    mega = 10**6
    for name, tier, price in (
        ("gemini-3.8-flash", "flex", (375_000, 1_875_000, 37_500)),
        ("gemini-3.8-flash", "priority", (1_350_000, 6_750_000, 135_000)),
        ("gemini-3.8-flash", "batch", (375_000, 1_875_000, 37_500)),
        ("gemini-3.5-flash-lite", "flex", (150_000, 1_250_000, 20_000)),
        ("gemini-3.5-flash-lite", "priority", (540_000, 4_500_000, 50_000)),
        ("gemini-2.5-flash-lite", "flex", (50_000, 200_000, 10_000)),
        ("gemini-3.8-flash", "standard", (750_000, 3_750_000, 75_000)),
        ("gemma-3-4b-it", "flex", (0, 0, 0)),
    ):
        row = catalog.card(name).price_of(tier)
        assert row[1:4] == tuple(nano * 1000 for nano in price), (name, tier)
    pro = catalog.card("gemini-2.5-pro").price_of("batch")
    assert pro == (
        200_000,
        625 * mega,
        5000 * mega,
        125 * mega,
        1250 * mega,
        7500 * mega,
        250 * mega,
    )
    later = default_catalog(date(2027, 1, 1)).card("gemini-3.8-flash")
    assert later.price_of("flex")[1:4] == (750 * mega, 3750 * mega, 75 * mega)


def test_a_tier_may_say_every_price(tmp_path: Path) -> None:
    """Where no factor fits, above 200k tokens as well; a later price then says its own tiers."""
    path = tmp_path / "mine.toml"
    path.write_text(
        "[models.a]\ninput = 1\noutput = 2\ncached = 0.5\n"
        "above_200k = {input = 2, output = 4, cached = 1}\n"
        "tiers = {flex = {input = 0.4, output = 1, cached = 0.3,"
        " above_200k = {input = 0.9, output = 2, cached = 0.8}}, batch = 0.5}\n"
        "later = [{from = 2027-01-01, input = 3, output = 3, tiers = {flex = 0.5}}]\n"
    )
    catalog = load_prices(path)
    giga = 10**9
    flex = catalog.card("a").price_of("flex")
    assert flex == (200_000, *(int(each * giga) for each in (0.4, 1, 0.3, 0.9, 2, 0.8)))
    half = (200_000, *(int(each * giga) for each in (0.5, 1, 0.25, 1, 2, 0.5)))
    assert catalog.card("a").price_of("batch") == half
    later = catalog.on("2027-01-01").card("a")
    assert later.price_of("flex")[1] == 1.5 * giga
    assert later.price_of("batch") == later.price


def test_a_users_price_keeps_the_tiers_in_proportion(tmp_path: Path) -> None:
    """Who negotiates a standard price has not said that flex is as dear; free stays free."""
    path = tmp_path / "mine.toml"
    path.write_text(
        "[models.'gemini-3.5-flash-lite']\ninput = 0.6\noutput = 5\ncached = 0.06\n"
        "[models.'gemma-3-4b-it']\ninput = 1\noutput = 1\n"
    )
    catalog = load_prices(path)
    card = catalog.card("gemini-3.5-flash-lite")
    assert card.price_of("flex")[1:4] == (300_000_000, 2_500_000_000, 40_000_000)
    assert card.surcharges_of("flex") == card.surcharges
    assert catalog.card("gemma-3-4b-it").price_of("flex")[1] == 10**9


def test_a_users_table_may_change_an_end_and_who_serves(tmp_path: Path) -> None:
    """An end that is put off, and another heir."""
    path = tmp_path / "mine.toml"
    path.write_text(
        "[models.'gemini-2.5-flash']\ninput = 0.3\noutput = 2.5\n"
        "shutdown = 2027-02-01\nserved_by = 'gemini-3.8-flash'\n"
    )
    catalog = load_prices(path)
    assert catalog.on("2026-12-02").card("gemini-2.5-flash").name == "gemini-2.5-flash"
    assert catalog.on("2027-02-01").card("gemini-2.5-flash").name == "gemini-3.8-flash"
    assert load_prices(path, as_of=date(2027, 2, 1)).as_of == "2027-02-01"


def test_every_shipped_model_says_who_serves_it() -> None:
    """By provider."""
    assert {card.provider for card in default_catalog().cards} == {"google"}
