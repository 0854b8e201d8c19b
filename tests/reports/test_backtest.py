"""A backtest read back: its page and its tables."""

from __future__ import annotations

import io
from typing import Any

import pytest

from balancer.core.errors import InputError
from balancer.records.backtest import BACKTEST
from reports.backtest.page import backtest_page
from reports.backtest.tables import backtest_tables
from reports.backtest.words import SHOWN, answer, assumed, figure_rows
from reports.console import show


def around(value: float) -> dict[str, float]:
    """An interval."""
    return {"estimate": value, "low": value - 0.01, "high": value + 0.01}


def arm(name: str, bounds: dict[str, Any] | None = None) -> dict[str, Any]:
    """A policy of a record."""
    return {
        "arm": name,
        "policy": name,
        "law": "mildest",
        "metrics": {each: around(0.5) for each in SHOWN},
        "difference": {each: around(0.25) for each in SHOWN},
        "time_in": {"normal": 0.75, "soft": 0.25, "hard": None},
        "assumed": {
            "share": 0.4 if bounds else 0.0,
            "models": ["cheap <b>"] if bounds else [],
            "modes": [],
            "bounds": bounds,
        },
    }


def figure(name: str, unit: str, difference: float | None, tolerance: float | None) -> Any:
    """A figure of a record."""
    off = difference is not None and tolerance is not None and abs(difference) > tolerance
    return {
        "name": name,
        "unit": unit,
        "seen": 10.0 if difference is not None else None,
        "simulated": 11.0,
        "low": 10.9,
        "high": 11.1,
        "difference": difference,
        "tolerance": tolerance,
        "relative": True,
        "agrees": not off,
    }


def record(*, off: float = 0.1) -> dict[str, Any]:
    """A whole one, in which a candidate rests on assumptions."""
    bounds = {each: {"worse": 0.4, "better": 0.6} for each in SHOWN}
    figures = [
        figure("latency_p95_s", "seconds", off, 0.1),
        figure("ttft_p95_s", "seconds", None, None),
    ]
    return {
        "version": 1,
        "scenario": "tuesday",
        "trustworthy": all(each["agrees"] for each in figures),
        "journal": {"files": "a.jsonl", "policy": "ours", "requests": 1000, "answers": 990},
        "fit": {"faults": [{"name": "<i>storm", "text": "error", "from_s": 60.0, "to_s": 90.0}]},
        "seed": 1,
        "replications": 3,
        "confidence": 0.95,
        "duration_s": 600.0,
        "warm_up_s": 60.0,
        "swept": 0.3,
        "fidelity": figures,
        "arms": [arm("live"), arm("static"), arm("quick", bounds)],
        "assumptions": ["quality is not told"],
        "command": ["open-balancer", "backtest"],
        "versions": {"open-balancer": "0"},
    }


def test_a_good_fit_is_said_to_be_one() -> None:
    """With how many figures were judged; what the journal does not tell is left out."""
    found = BACKTEST.of(record())
    assert answer(found) == (
        "The fit reproduces what happened under ours: all 1 figures are within their tolerances"
    )
    assert [row.label for row in figure_rows(found)] == ["Latency P95"]


def test_a_poor_fit_says_what_is_off() -> None:
    """So that nobody believes the rest."""
    text = answer(BACKTEST.of(record(off=0.5)))
    assert "so nothing below is to be trusted: Latency P95 +50" in text


def test_what_is_assumed_is_marked_on_page_and_terminal() -> None:
    """With its bounds, and markup of strangers escaped."""
    found = BACKTEST.of(record())
    assert assumed(found.arms[0], found.swept) == ""
    stream = io.StringIO()
    show(backtest_tables(found), stream)
    told = " ".join(stream.getvalue().split())
    assert "quick *" in told
    assert "of cheap <b>, which the journal does not measure" in told
    page = backtest_page(found)
    assert "Bounds of what is assumed" in page
    assert "<b>" not in page and "<i>storm" not in page
    assert "Would quick have served these" in page


def test_what_is_no_backtest_is_refused(tmp_path: Any) -> None:
    """By its file."""
    (tmp_path / "backtest.json").write_text('{"version": 1, "trustworthy": true}')
    with pytest.raises(InputError, match="key 'journal' is missing"):
        BACKTEST.read(tmp_path)
