"""The page: tables of what was measured, below what is written by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tests.compat.clients import CLIENTS
from tests.compat.page import HEADING, Tried, measured, worse, write
from tests.compat.seen import Seen
from tests.compat.trying import COLUMNS

FLASH = frozenset({"flash"})


def tried(**changed: Seen) -> Tried:
    """A client whose plain calls all came to a text, but for what is changed."""
    text = Seen(word="text", requests=1, models=FLASH)
    ill = Seen(word="error", requests=3, seconds=1.25)
    return Tried(
        client=CLIENTS[0],
        version="2.20.0",
        well={("plain", column): changed.get(column, text) for column in COLUMNS},
        ill={("plain", "direct"): ill, ("plain", "normal"): ill},
    )


def text_of(*results: Tried) -> str:
    """The page's text."""
    return measured(results, "gemini-x", date(2026, 11, 29))


def test_nothing_worse() -> None:
    """Every row says what came in which mode, and how many requests there were while all failed."""
    text = text_of(tried())
    title = "google-genai 2 2.20.0"
    assert f"| {title} | plain | text | text | text | text | text | text |" in text
    assert f"| {title} | plain | 3 | 3 | 1.2 | 1.2 |" in text
    assert "Worse than without us: none." in text


def test_an_error_of_ours_is_marked_and_told() -> None:
    """With what its caller saw, and how often the upstream was asked."""
    bad = tried(hard=Seen(word="error", error="ClientError: 400\n<no>", requests=4, models=FLASH))
    assert worse(bad) == ["google-genai 2, plain, hard: ClientError: 400\n<no>"]
    text = text_of(bad)
    assert "| **error (4 requests)** |" in text
    assert "- google-genai 2, plain, hard: ClientError: 400 &lt;no>\n" in text


def test_another_model_in_normal_is_worse_and_below_is_not() -> None:
    """Normal is what the caller wrote."""
    other = Seen(word="text", requests=1, models=frozenset({"lite"}))
    assert worse(tried(soft=other)) == []
    assert worse(tried(normal=other)) == ["google-genai 2, plain, normal: served by lite"]


def test_what_was_not_tried_is_said() -> None:
    """And never made up."""
    client = CLIENTS[3]
    text = text_of(tried(), Tried(client=client, well={}, ill={}))
    assert f"could not be installed: {client.title}." in text
    assert f"| {client.title}" not in text


def test_what_is_written_by_hand_is_kept(tmp_path: Path) -> None:
    """Everything above the heading."""
    page = tmp_path / "clients.md"
    page.write_text(f"# Clients\n\nBy hand.\n\n{HEADING}\nold\n")
    write(page, "new\n")
    write(page, "newer\n")
    assert page.read_text() == f"# Clients\n\nBy hand.\n\n{HEADING}\nnewer\n"
