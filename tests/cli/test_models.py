"""`open-balancer models`: list, check, import."""

from __future__ import annotations

import json
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from balancer.adapters.price_tables.theirs import Period, Prices, Theirs, hold_against
from balancer.adapters.price_tables.toml_text import model_table_toml
from balancer.core.tiers import STANDARD
from balancer.prices import default_catalog, load_prices
from tests.cli.conftest import Command

POLICY = "modes: {soft: {model: gemini-2.5-flash, thinking: 1024}}\nbaseline: null\n"


def test_models_are_listed_as_of_a_day(command: Command) -> None:
    """With tiers, thinking, and who serves them after their end."""
    told = command("models", "list", "--date", "2026-12-01").stdout
    lines = {line.split()[0]: line for line in told.splitlines() if line.strip()}
    assert "models as of 2026-12-01" in told
    assert lines["gemini-4-argon"].split()[1:4] == ["4", "20", "0.2"]
    assert "ended 2026-12-01, then gemini-3.5-flash-lite" in lines["gemini-2.5-flash"]
    assert "ends 2027-05-07" in lines["gemini-3.1-flash-lite"]
    assert "0.15/1.25" in lines["gemini-3.5-flash-lite"]
    today = command("models", "list").stdout
    assert f"models as of {default_catalog().dated}" in today


def test_models_are_listed_for_programs(command: Command) -> None:
    """Prices in whole nano-dollars, and who answers."""
    found = json.loads(command("models", "list", "--json", "--date", "2026-12-01").stdout)
    assert (found["as_of"], found["dated"]) == ("2026-12-01", default_catalog().dated)
    flash = next(each for each in found["models"] if each["name"] == "gemini-2.5-flash")
    assert (flash["ended"], flash["answered_by"]) == (True, "gemini-3.5-flash-lite")
    assert flash["price"][1] == 300_000_000


def test_a_policy_whose_model_ends_soon_is_warned_about(command: Command, tmp_path: Path) -> None:
    """And told apart from one whose model has ended."""
    (tmp_path / "mine.yaml").write_text(POLICY)
    before = command("models", "check", "mine.yaml", "--date", "2026-11-28")
    assert before.exit_code == 0
    assert before.stderr.startswith(
        "warning: gemini-2.5-flash (modes.soft) ends on 2026-12-01, in 3 days: "
        "gemini-3.5-flash-lite will serve it, at $0.3 in and $2.5 out per million tokens; "
    )
    assert "soft sends LOW for 1024 tokens" in before.stderr
    after = command("models", "check", "mine.yaml", "--date", "2026-12-02")
    assert after.exit_code == 1
    assert "ended on 2026-12-01: gemini-3.5-flash-lite serves it" in after.stderr
    assert after.stdout == "mine.yaml: as of 2026-12-02, 1 of its models ended and 0 will\n"


def test_the_window_can_be_chosen(command: Command, tmp_path: Path) -> None:
    """Nothing ends within a day."""
    (tmp_path / "mine.yaml").write_text(POLICY)
    words = ("models", "check", "mine.yaml", "--date", "2026-11-28", "--within")
    done = command(*words, "2d")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "mine.yaml: as of 2026-11-28, no model of it ends within 2 days\n"
    assert "2026-12-01" in command(*words, "3d").stderr
    assert command(*words, "soon").stderr.startswith("error: --within: found 'soon', expected")


def test_the_default_policy_is_checked_without_a_file(command: Command) -> None:
    """With its baseline and its routes."""
    done = command("models", "check", "--date", "2027-05-07", "--within", "0d")
    assert "the default policy: as of 2027-05-07" in done.stdout


@pytest.mark.parametrize("words", [("models", "list"), ("models", "check")])
def test_a_day_in_another_form_is_refused(command: Command, words: tuple[str, ...]) -> None:
    """One line, exit code 2."""
    done = command(*words, "--date", "2.12.2026")
    assert done.exit_code == 2
    said = "error: --date: found '2.12.2026', expected a day such as 2026-12-02\n"
    assert done.stderr == said


def test_checking_a_policy_warns_of_ends(command: Command, tmp_path: Path) -> None:
    """A line each; the policy is valid all the same."""
    (tmp_path / "mine.yaml").write_text(POLICY)
    done = command("policy", "check", "mine.yaml", "--date", "2026-12-02")
    assert done.exit_code == 0
    assert "warning: gemini-2.5-flash (modes.soft) ended on 2026-12-01" in done.stderr


# --- LiteLLM ------------------------------------------------------------------------------

LITE: dict[str, Any] = {
    "litellm_provider": "gemini",
    "input_cost_per_token": 3e-07,
    "output_cost_per_token": 2.5e-06,
    "cache_read_input_token_cost": 3e-08,
    "cache_read_input_token_cost_batches": 1.5e-08,
    "input_cost_per_token_batches": 1.5e-07,
    "output_cost_per_token_batches": 1.25e-06,
    "cache_read_input_token_cost_flex": 2e-08,
    "input_cost_per_token_flex": 1.5e-07,
    "output_cost_per_token_flex": 1.25e-06,
    "cache_read_input_token_cost_priority": 5e-08,
    "input_cost_per_token_priority": 5.4e-07,
    "output_cost_per_token_priority": 4.5e-06,
    "search_context_cost_per_query": {"search_context_size_medium": 0.014},
}
LONG = {
    "litellm_provider": "gemini",
    "input_cost_per_token": 1e-06,
    "output_cost_per_token": 8e-06,
    "input_cost_per_token_above_200k_tokens": 2e-06,
    "output_cost_per_token_above_200k_tokens": 16e-06,
    "input_cost_per_token_flex": 5e-07,
    "output_cost_per_token_flex": 4e-06,
    "input_cost_per_audio_token": 3e-06,
}
MAP = {
    "sample_spec": {"input_cost_per_token": "a number"},
    "gemini/gemini-3.5-flash-lite": LITE,
    "gemini/gemini-new": LONG,
    "gemini/gemini-odd": {**LONG, "input_cost_per_token_above_128k_tokens": 1e-06},
    "gemini/gemini-3.5-flash": LONG,
    "gemini/gemini-picture": {"litellm_provider": "gemini", "output_cost_per_image": 0.04},
    "gemini/gemini-flash-latest": {**LITE, "litellm_provider": "gemini"},
    "other-model": LONG,
}


def test_litellm_is_held_against_our_prices_and_taken_over(
    command: Command, tmp_path: Path
) -> None:
    """What differs, ours and theirs; an ended model and another provider's are left out."""
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    done = command("models", "import", "litellm", "map.json", "--output", "mine.toml")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "gemini-3.5-flash-lite: batch cached: ours $0.02, theirs $0.015" in lines
    assert "gemini-new: new, $1 in and $8 out" in lines
    assert any(
        line.startswith("gemini-flash-latest (our gemini-3.8-flash): input:") for line in lines
    )
    for name in ("gemini-odd", "gemini-picture", "other-model", "gemini-3.5-flash:"):
        assert name not in done.stdout.replace("ours alone", "").split("the same")[0]
    assert lines[-1] == "mine.toml: 2 models; name it under prices in a policy"
    catalog = load_prices(tmp_path / "mine.toml")
    new = catalog.card("gemini-new")
    assert new.price == (200_000, 10**9, 8 * 10**9, 10**9, 2 * 10**9, 16 * 10**9, 2 * 10**9)
    assert new.price_of("flex")[1:] == tuple(price // 2 for price in new.price[1:])
    assert new.surcharges.media[0].input == 3 * 10**9
    ours, theirs = (
        default_catalog().card("gemini-3.5-flash-lite"),
        catalog.card("gemini-3.5-flash-lite"),
    )
    assert theirs.price == ours.price
    assert theirs.price_of("flex") == ours.price_of("flex")
    assert theirs.price_of("batch")[3] == 15_000_000
    assert theirs.surcharges == ours.surcharges
    assert load_prices(tmp_path / "mine.toml").card("gemini-3.8-flash") == default_catalog().card(
        "gemini-3.8-flash"
    )


def test_other_names_are_looked_at_on_demand(command: Command, tmp_path: Path) -> None:
    """By a pattern."""
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    done = command("models", "import", "litellm", "map.json", "--models", "other-*")
    assert done.stdout.startswith(
        "other-model: new, $1 in and $8 out\nthe same: 0; ours alone: none"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "map.json: is no JSON"),
        ("[]", "map.json: found no object, expected LiteLLM's map"),
        ("{}", "map.json: there is no model in it that is priced by token and that 'gemini-*'"),
        ('{"gemini/gemini-a": {"output_cost_per_image": 1}}', "map.json: there is no model in it"),
        ('{"gemini/gemini-a": 1}', "map.json: gemini/gemini-a: found 1, expected an object"),
        (
            '{"gemini/gemini-a": {"input_cost_per_token": NaN, "output_cost_per_token": 1}}',
            "map.json: gemini/gemini-a.input_cost_per_token: found nan, expected dollars",
        ),
        (
            '{"gemini/gemini-a": {"input_cost_per_token": 1e-6, "output_cost_per_token": -1}}',
            "map.json: gemini/gemini-a.output_cost_per_token: found -1, expected dollars",
        ),
        (
            '{"gemini/gemini-a": {"input_cost_per_token": 5, "output_cost_per_token": 1}}',
            "map.json: gemini/gemini-a.input_cost_per_token: found 5, expected dollars",
        ),
        (
            '{"gemini/gemini-a": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,'
            ' "cache_read_input_token_cost": "x"}}',
            "map.json: gemini/gemini-a.cache_read_input_token_cost: found 'x', expected dollars",
        ),
    ],
)
def test_a_map_that_is_none_is_refused_in_one_line(
    command: Command, tmp_path: Path, text: str, said: str
) -> None:
    """With the file and the key."""
    (tmp_path / "map.json").write_text(text)
    done = command("models", "import", "litellm", "map.json")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1


def test_a_huge_file_is_not_read(command: Command, tmp_path: Path) -> None:
    """A price map is a few megabytes."""
    with (tmp_path / "map.json").open("wb") as stream:
        stream.truncate(65_000_000)
    done = command("models", "import", "litellm", "map.json")
    assert done.exit_code == 2
    assert done.stderr == "error: map.json: is 65 MB, expected a price map of at most 64 MB\n"
    gone = command("models", "import", "litellm", "nowhere.json")
    assert (gone.exit_code, gone.stderr) == (
        2,
        "error: nowhere.json: cannot be read: No such file or directory\n",
    )


# --- genai-prices -------------------------------------------------------------------------


def test_genai_prices_is_asked_for_where_it_is_not_installed(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra that brings it is named."""
    monkeypatch.setattr("balancer.installation._is_there", lambda _: False)
    done = command("models", "import", "genai-prices")
    assert done.exit_code == 2
    assert "pip install '.[genai-prices]'" in done.stderr


@pytest.mark.skipif(find_spec("genai_prices") is None, reason="genai-prices is not installed")
def test_genai_prices_agrees_with_the_table_that_ships(command: Command, tmp_path: Path) -> None:
    """In every model of ours that it knows today, the prices of 2027 among them."""
    words = ("models", "import", "genai-prices", "--date", "2026-11-28", "--output", "mine.toml")
    done = command(*words)
    assert done.exit_code == 0, done.stderr
    ours = {card.name for card in default_catalog().cards}
    told = [line for line in done.stdout.splitlines() if line.split(":")[0] in ours]
    assert told == []
    assert "ours alone: gemini-4-carbon, gemini-4-neon" in done.stdout
    assert load_prices(tmp_path / "mine.toml").card("gemini-3.8-flash-tts").price[1] == 500_000_000


def test_a_later_price_of_another_table_is_taken_over_with_its_day(tmp_path: Path) -> None:
    """What it says nothing of stays as we have it: a tier in proportion, what is to come too."""

    def period(since: str, usd: float) -> Period:
        prices = {"input": usd, "output": 4 * usd, "cached": usd / 10}
        return Period(since=since, tiers={STANDARD: Prices(below=prices)})

    catalog = default_catalog()
    name = "gemini-3.1-flash-lite"
    theirs = Theirs(
        name=name, provider="google", periods=(period("", 0.5), period("2027-02-01", 1))
    )
    other = Theirs(name="gemini-3.8-flash", provider="google", periods=(period("", 0.5),))
    found = hold_against(catalog, [theirs, other], "*")
    assert f"{name}: from 2027-02-01 input: ours none, theirs $1" in found.lines
    path = tmp_path / "mine.toml"
    path.write_text(model_table_toml(found.table, date(2026, 11, 28), "Prices of a test."))
    read = load_prices(path)
    card = read.on("2027-02-01").card(name)
    assert card.price[1:4] == (10**9, 4 * 10**9, 10**8)
    assert card.price_of("priority")[1:4] == (1_800_000_000, 7_200_000_000, 180_000_000)
    assert read.on("2027-01-01").card("gemini-3.8-flash").price[1] == 1_500_000_000
    assert read.card("gemini-3.8-flash").price[1] == 500_000_000


def test_names_of_any_letters_survive_the_file(tmp_path: Path) -> None:
    """Quotes, dots, breaks and what JSON leaves alone."""
    name = 'a"b.c\n\\\x7fä'
    path = tmp_path / "mine.toml"
    table = {"models": {name: {"input": 1.0, "output": 2, "tools": ["functions"], "routed": False}}}
    path.write_text(
        model_table_toml(table, date(2026, 11, 28), "Prices of a test."), encoding="utf-8"
    )
    card = load_prices(path).card(name)
    assert (sorted(card.tools), card.routed, card.price[2]) == (["functions"], False, 2 * 10**9)
