"""How metrics are called."""

from __future__ import annotations

import pytest

from reports.metrics import METRICS, metric


def test_a_known_metric_has_its_label() -> None:
    """The table decides."""
    assert metric("cost_usd") is METRICS["cost_usd"]


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("refunds_usd", "Refunds", "usd"),
        ("cached_share", "Cached", "share"),
        ("ttft_p95_s", "Ttft p95", "seconds"),
        ("loops", "Loops", "number"),
    ],
)
def test_an_unknown_metric_is_told_by_its_name(name: str, label: str, unit: str) -> None:
    """A metric of a later version still gets a row, with the unit its name carries."""
    found = metric(name)
    assert (found.label, found.unit, found.better) == (label, unit, "")
