"""What the guide on traces says can be written in a scenario file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from scenarios.loader import load
from scenarios.schema import Arrivals
from sim.traffic.traces import FORMATS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (DOCS / "how-to" / "replay-a-trace.md", DOCS / "reference" / "scenario.md")


def test_the_examples_of_the_guide_are_parts_of_scenarios(tmp_path: Path) -> None:
    """Each YAML block, under a name and a title."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGES[0].read_text(encoding="utf-8"), re.DOTALL)
    starts = []
    for block in blocks:
        path = tmp_path / "evening.yaml"
        path.write_text("scenario: evening\ntitle: An evening\n" + block)
        starts.append(load(path, []).scenario.workload.arrivals.start)
    assert starts == [0.0, 0.0, 57 * 3600.0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_pages_name_every_format(page: Path) -> None:
    """As do the schema and the readers, and no other."""
    (named, _) = get_args(Arrivals.model_fields["format"].annotation)
    assert set(get_args(named)) == set(FORMATS)
    text = page.read_text(encoding="utf-8")
    assert [name for name in FORMATS if f"`{name}`" not in text] == []
