"""The sweeps of sizes that are assumed."""

from __future__ import annotations

import pytest

from scenarios.loader import load
from tests.proofs.sizes import SWEEPS, Size, run_size, sizes_claims


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_goes_around_what_the_file_says(name: str) -> None:
    """The size of the file is one of those tried, and changes nothing when it is set."""
    key, values, said = SWEEPS[name]
    assert said in values
    assert load(name, [f"{key}={said}"]).scenario == load(name).scenario


def test_harm_at_any_size_is_told() -> None:
    """By the scenario and the size; a size without harm is not."""
    sizes = [Size(scenario="small_sibling", key="k", value=v, replications=1) for v in ("1", "2")]
    found = ((-0.4, True), (0.0, False))
    records = [{"harm": {"estimate": points, "found": harm}} for points, harm in found]
    (claim,) = sizes_claims(sizes, records)
    assert not claim.holds
    assert claim.measured == "harm in small_sibling at 1 (-40.0 points)"
    assert sizes_claims(sizes[1:], records[1:])[0].holds


def test_a_size_is_run_as_a_scenario_is() -> None:
    """With the key set."""
    size = Size(scenario="steady", key="workload.arrivals.rate", value="0.05", replications=2)
    record = run_size(size)
    assert record["arms"]["static"]["offered"]["estimate"] < 300
