"""Figures that the pages repeat are those that were measured: `docs/proofs.md` is the source."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from balancer.policy_file import default_policy
from sim.study.sequential import Looks

ROOT = Path(__file__).parent.parent


def rows(page: str, after: str) -> list[list[str]]:
    """Cells of the first table behind a text, without its head."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = text[text.index(after) :].splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("|"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip(" `") for cell in line.strip("|").split("|")])
    return found


def test_the_readme_compares_the_laws_as_they_were_measured() -> None:
    """On scenarios that no law was tuned on; none that is better than the default is left out."""
    measured = {
        law: (meets, level, near, dominated, re.sub(r" \(.*?\)", "", largest))
        for law, level, _, _, near, meets, dominated, _, largest in rows(
            "docs/proofs.md", "| law | best or level | best |"
        )
    }
    told = {
        law: (meets, level, near, dominated, largest.replace("`", ""))
        for law, meets, level, near, dominated, largest in rows("README.md", "## Against what")
    }
    assert told == {law: measured[law] for law in told}
    default = default_policy().law
    for place in (0, 1, 2):
        ahead = {
            law for law, row in measured.items() if int(row[place]) >= int(measured[default][place])
        }
        assert ahead <= set(told)


GATE = rows("docs/explanation/gate.md", "## What is proved")


@pytest.mark.parametrize("claim", GATE, ids=[cells[0] for cells in GATE])
def test_the_page_of_the_gate_has_the_worst_error_rates_measured(claim: Sequence[str]) -> None:
    """Of all lines that ask the same."""
    _, verdict, promised, told = claim
    asked = promised.replace(" ", "")
    shares = [
        (float(share.rstrip("%")), interval.replace("%", ""))
        for _, _, of, wanted, share, interval, *_ in rows("docs/proofs.md", "| scenario | what")
        if of == verdict and wanted.replace(" ", "") == asked
    ]
    share, interval = (min if promised.startswith("at least") else max)(shares)
    if told.startswith("0 of"):
        assert (share, interval) == (0.0, "0.00 to 0.18")
        assert told == "0 of 2,000 (0 to 0.18 %)"
    else:
        assert told == f"{share:.2f} % ({interval})"


def test_the_example_of_a_gate_has_the_levels_it_would_have() -> None:
    """As many looks and comparisons as it says."""
    page = (ROOT / "docs" / "reference" / "gate.md").read_text(encoding="utf-8")
    example = json.loads(page.split("```json\n")[1].split("```")[0])
    looks = Looks.up_to(example["replications_max"], comparisons=example["comparisons"])
    assert example["looks"] == list(looks.at)
    assert example["levels"]["pass"] == pytest.approx(looks.pass_level, rel=2e-3)
    assert example["levels"]["fail"] == pytest.approx(looks.fail_level, rel=2e-3)
