"""How fast a long trace is read, beside the csv module alone, and in what memory.

Half a million requests by default, written for the occasion in the form of Azure's traces of 2024;
ten million, which is what is asked of the reader, with

    python -m tests.benchmarks.traces 10000000

Seconds are CPU seconds of this process, and the ratio is of the best of three turns, so that
whatever else the machine does strikes neither.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sim.traffic.traces import read_trace

__all__ = ["measure_traces"]

_REQUESTS = 500_000
_ASKED_REQUESTS = 10_000_000
_TURNS = 3
_MEMORY = (
    "import json, resource, sys\n"
    "from pathlib import Path\n"
    "from sim.traffic.traces import read_trace\n"
    "def peak_mb():\n"
    "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
    "before = peak_mb()\n"
    "requests = len(read_trace(Path(sys.argv[1]), 'azure').s)\n"
    "print(json.dumps([before, peak_mb(), requests]))\n"
)


def measure_traces(requests: int = _REQUESTS) -> dict[str, float]:
    """Figures by the names of `bench.json`; those of ten million requests are in proportion."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        _write(path, requests)
        # First, as a process starts with the peak of the one that it was forked from.
        before_mb, peak_mb = _peak_mb(path, requests)
        read_s = csv_s = float("inf")
        for turn in range(_TURNS):
            read_s = min(read_s, _cpu_s(lambda turn=turn: _read(path, turn)))  # type: ignore[misc]
            csv_s = min(csv_s, _cpu_s(lambda: _csv_alone(path)))
    return {
        "trace_requests_per_s": requests / read_s,
        "trace_read_over_csv_alone": read_s / csv_s,
        "trace_read_s_10m_requests": read_s * _ASKED_REQUESTS / requests,
        "trace_peak_rss_mb_10m_requests": (
            before_mb + (peak_mb - before_mb) * _ASKED_REQUESTS / requests
        ),
    }


def _write(path: Path, requests: int) -> None:
    random = Random(1)
    moment = datetime(2024, 5, 10, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for _ in range(requests):
            moment += timedelta(microseconds=random.randrange(1, 120_000))
            stream.write(f"{moment},{random.randrange(1, 9000)},{random.randrange(1, 900)}\n")


def _cpu_s(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def _read(path: Path, turn: int) -> None:
    # Another window each time: the same one would be kept from the last.
    read_trace(path, "azure", length_s=1e9 + turn)


def _csv_alone(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as stream:
        for _ in csv.reader(stream):
            pass


def _peak_mb(path: Path, requests: int) -> tuple[float, float]:
    """Memory of a process before it reads the trace, and at its most."""
    found = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    before, peak, read = json.loads(found.stdout)
    if read != requests:
        raise AssertionError(f"read {read} of {requests} requests")
    return before, peak


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else _REQUESTS
    print(json.dumps(measure_traces(asked), indent=2))
