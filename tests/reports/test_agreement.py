"""How far a live run and a simulated one agree, as printed."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from reports.agreement import agreement_tables


def printed(record: dict[str, Any]) -> str:
    """As on a wide terminal."""
    console = Console(width=160, no_color=True)
    with console.capture() as capture:
        console.print(agreement_tables(record))
    return capture.get()


def figure(name: str, **values: Any) -> dict[str, Any]:
    """A figure of a record that agrees."""
    same = {"unit": "share", "live": 0.99, "overhead": 0.0, "simulated": 0.98, "difference": 0.01}
    return {
        **same, "name": name, "low": -0.02, "high": 0.03, "tolerance": 0.05,
        "relative": False, "agrees": True, **values,
    }  # fmt: skip


RECORD = {
    "scenario": "storm\x1b[31m",
    "policy": "mine",
    "agrees": False,
    "target": "the service",
    "speed": 20.0,
    "seed": 1,
    "replication": 0,
    "figures": [
        figure("availability"),
        figure(
            "latency_p95_s", unit="seconds", live=11.5, overhead=0.5, simulated=10.0,
            difference=0.1, relative=True,
        ),
        figure("cost_usd", unit="usd", live=None, difference=None, low=None, agrees=False),
    ],
    "transitions": [
        {
            "from": "normal", "to": "soft", "live_s": 73.0, "simulated_s": 70.0, "ticks": 3.0,
            "tolerance_ticks": 3, "agrees": True,
        },
        {
            "from": "soft", "to": "hard", "live_s": None, "simulated_s": 90.0, "ticks": None,
            "tolerance_ticks": 3, "agrees": False,
        },
    ],
    "client": {
        "overhead_p50_s": 0.012, "overhead_p95_s": 0.03, "sent_late_p95_s": None,
        "sent_late_max_s": 0.2,
    },
}  # fmt: skip


def test_every_figure_and_change_is_printed_with_what_it_is_held_against() -> None:
    """Where one side has nothing, a dash; no control character of a name gets to a terminal."""
    found = printed(RECORD)
    rows = {line.split("  ")[0].strip(): line for line in found.splitlines()}
    assert "\x1b" not in found and "live and simulated disagree" in found
    assert "+1 points" in rows["Availability"] and "-2 to +3" in rows["Availability"]
    assert "+10.00 %" in rows["Latency P95"] and "500" in rows["Latency P95"]
    assert "DISAGREES" in rows["Cost, billed"] and "–" in rows["Cost, billed"]
    assert "+3 ticks" in rows["normal → soft"] and "agrees" in rows["normal → soft"]
    assert "–" in rows["soft → hard"]
    assert "12 ms to a request (median; P95 30 ms)" in found and "– late at P95" in found


def test_without_changes_it_says_so() -> None:
    """An empty table would be a riddle."""
    assert "no change of mode, live or simulated" in printed({**RECORD, "transitions": []})
