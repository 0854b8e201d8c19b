"""The document of proofs is written section by section."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.workers.pool import Workers
from tests.proofs.document import Proof, with_section
from tests.proofs.theory import measured
from tests.prove import main
from tests.theory.table import Queue

ORDER = ("First", "Second", "Third")


def test_a_section_goes_where_it_belongs_and_leaves_the_others_as_they_are() -> None:
    """Whichever is proved first."""
    document = ""
    for title in ("Third", "First", "Second"):
        document = with_section(document, ORDER, title, f"## {title}\n\n### part\n\n{title} text\n")
    assert document.startswith("# Proofs\n")
    assert [line for line in document.splitlines() if line.startswith("## ")] == [
        "## First",
        "## Second",
        "## Third",
    ]
    again = with_section(document, ORDER, "Second", "## Second\n\nnew\n")
    assert again == document.replace("### part\n\nSecond text", "new")


def test_a_section_that_is_no_longer_proved_goes() -> None:
    """So does what stood above the first one."""
    document = with_section("old\n\n## Gone\n\nx\n", ORDER, "First", "## First\n\ny\n")
    assert "Gone" not in document and "old" not in document and "## First\n\ny\n" in document


def fails(_workers: Workers) -> Proof:
    """A proof that never comes to an end."""
    raise KeyboardInterrupt


def test_what_was_proved_is_kept_when_a_later_proof_is_interrupted(tmp_path: Path) -> None:
    """Each section is written when it is done."""
    path = tmp_path / "proofs.md"
    with pytest.raises(KeyboardInterrupt):
        main([str(path)], {"First": lambda _: Proof(text="proved\n", holds=True), "Second": fails})
    text = path.read_text(encoding="utf-8")
    assert "## First" in text and "- all of it holds" in text and "proved" in text
    assert [entry.name for entry in tmp_path.iterdir()] == ["proofs.md"]


def test_only_the_sections_asked_for_are_proved(tmp_path: Path) -> None:
    """By title, in any case."""
    path = tmp_path / "proofs.md"
    sections = {"First": fails, "Second": lambda _: Proof(text="no\n", holds=False)}
    assert not main([str(path), "--section", "second"], sections)
    assert "**not all of it holds**" in path.read_text(encoding="utf-8")


def test_rows_are_those_of_the_queues_in_their_order() -> None:
    """Though the longest is measured first."""
    queues = [
        Queue(
            name=name,
            expected={"mean": 2.0, "twice": 4.0},
            sample=lambda k: (1.0 + k, 2.0 + 2.0 * k),
            replications=3,
            requests=requests,
        )
        for name, requests in (("short", 1), ("long", 9))
    ]
    rows = measured(queues, workers=1)
    assert [row.name for row in rows] == [
        "short, mean", "short, twice", "long, mean", "long, twice",
    ]  # fmt: skip
    assert [row.measured for row in rows] == [2.0, 4.0, 2.0, 4.0]
    assert [row.n for row in rows] == [3, 3, 27, 27]
