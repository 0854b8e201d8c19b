"""`make bench`: measure, print a table, write `bench.json`.

The keys are those of `tests.benchmarks`, each a plain number. A figure below
its floor is marked; the machine may be at fault, so it is no error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.benchmarks.library import measure_library
from tests.benchmarks.live import measure_live
from tests.benchmarks.mock_throughput import mock_throughput
from tests.benchmarks.playground import measure_playground
from tests.benchmarks.policies import measure_policies
from tests.benchmarks.proxy_latency import measure_proxy
from tests.benchmarks.speed import measure
from tests.benchmarks.telemetry import measure_telemetry
from tests.benchmarks.traces import measure_traces

FLOORS: Mapping[str, float] = {
    "sim_requests_per_s_50rps": 600_000,
    "sim_requests_per_s_500rps": 1_600_000,
    "kernel_requests_per_s": 2_000_000,
    "policy_hours_per_minute": 1_000,
    "ratio_50rps": 10,
    "ratio_500rps": 25,
    "ratio_pybreaker_over_live": 1,
    "budget_usable_percent": 90,
    "mock_unary_ratio": 0.4,
}
CEILINGS: Mapping[str, float] = {
    "plan_us": 1.0,
    # It had 28 scenarios when this was asked, which take 30 s; now it has 61.
    "library_10_replications_s": 60,
    "tune_over_runs": 1.15,
    "peak_rss_mb_2m_requests": 500,
    "peak_rss_mb_at_1200rps": 1000,
    "peak_rss_mb_16m_beyond_4m_requests": 20,
    "live_call_us": 2,
    "live_call_cpu_us": 5,
    "trace_read_over_csv_alone": 10,
    "trace_read_s_10m_requests": 60,
    "trace_peak_rss_mb_10m_requests": 1000,
    "hot_path_metrics_ratio": 1.5,
    "live_call_cpu_metrics_ratio": 1.5,
    "budget_overshoot_percent": 0,
    # 1.97 on two quiet cores with direct calls at 0.59, before a fifth of the functions that a call
    # goes through were saved. Beside the commit that once added 0.61, in turns, it took 1.3 times
    # the processors' time then: the rest of the difference is the machine's.
    "proxy_added_p50_ms": 2.5,  # 1.8 to 2.3, in turns with the first proxy's 1.8 to 1.9
    "playground_drag_to_drawn_ms_5.5rps": 150,
    "playground_answer_ms_50rps": 470,
    "playground_answer_over_run_5.5rps": 1.5,
    "playground_answer_over_run_50rps": 1.5,
}


def table(figures: Mapping[str, float]) -> Table:
    """The figures beside what is asked of them."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("figure")
    shown.add_column("measured", justify="right")
    shown.add_column("asked", justify="right")
    shown.add_column("")
    for name, value in figures.items():
        asked, holds = "", True
        if name in FLOORS:
            asked, holds = f"≥ {FLOORS[name]:,g}", value >= FLOORS[name]
        elif name in CEILINGS:
            asked, holds = f"≤ {CEILINGS[name]:,g}", value <= CEILINGS[name]
        digits = 0 if abs(value) >= 1000 else 2
        shown.add_row(name, f"{value:,.{digits}f}", asked, "" if holds else "missed")
    return shown


def main(path: Path) -> None:
    """Measure everything; takes a few minutes."""
    console = Console(highlight=False)
    figures: dict[str, float] = {}
    for part in (
        measure_traces,  # before the others need memory, which its child would start with
        measure,
        measure_policies,
        measure_library,
        measure_live,
        measure_telemetry,
        measure_proxy,
        measure_playground,
        mock_throughput,
    ):
        measured = {name: float(value) for name, value in part().items()}
        console.print(table(measured))
        figures |= measured
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
