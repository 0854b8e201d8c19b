"""What the console weighs and costs: `python -m tests.benchmarks.console`.

The service as a process of its own, with the history of a week of 600,000 ticks: bytes of the first
page with all that it loads, and how long that and the week take to open; and the share of a core
that the process takes at rest, and with 50 viewers of the dashboard. For Linux, whose `/proc`
says it. Then what the proxy adds to a call, without viewers and with them, in turns.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, Event

import httpx

from balancer.core.histogram import Histogram
from balancer.core.modes import Mode
from balancer.core.observations import ModeObservations, ModeRequests, Observations
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.service.console.by_key import ByKey
from balancer.service.console.rollups import Rollups
from balancer.service.history import Store
from sim.mock_gemini.process import spawn
from tests.benchmarks.proxy_latency import added_ms, served
from tests.service.processes import process

__all__ = ["measure_console", "measure_watched_proxy"]

_OWNER = "b" * 32
_TICKS = 600_000
_VIEWERS = 50
_WATCHED_S = 20.0
_TURNS = 5
_ASSET = re.compile(r'(?:src|href)="(/console/static/[^"]+)"')


def measure_console() -> dict[str, float]:
    """The figures, by name."""
    with TemporaryDirectory(prefix="open-balancer-") as place:
        data = Path(place)
        _fill(data)
        with process(data, "http://127.0.0.1:9", OPEN_BALANCER_TOKEN="") as (child, client):
            time.sleep(3.0)  # what only the start takes
            rest = _share(child.pid)
            size, opened_s = _first_page(client)
            week_s = min(_week(client) for _ in range(_TURNS))
            with _watched(str(client.base_url)):
                viewed = _share(child.pid)
    return {
        "console_first_page_kb": size / 1000,
        "console_first_page_s": opened_s,
        "console_week_s": week_s,
        "console_idle_cpu_percent": rest * 100,
        "console_50_viewers_cpu_percent": viewed * 100,
        **measure_watched_proxy(),
    }


def measure_watched_proxy(calls: int = 700) -> dict[str, float]:
    """Milliseconds that the proxy adds, the least of three turns, each of so many calls."""
    alone, watched = [], []
    with spawn(latency=False, overrides=["upstream.tier=null"]) as mock:
        upstream = mock.addresses.url
        with served(upstream) as url:
            for _ in range(3):
                alone.append(asyncio.run(added_ms(upstream, url, calls)))
                with _watched(url):
                    watched.append(asyncio.run(added_ms(upstream, url, calls)))
    return {"proxy_added_p50_ms_alone": min(alone), "proxy_added_p50_ms_50_viewers": min(watched)}


def _fill(data: Path) -> None:
    """A week of history that ends now."""
    (data / "owner").write_text(_OWNER + "\n", encoding="ascii")
    store = Store(f"sqlite:///{data / 'history.sqlite3'}")
    store.open()
    decision = Balancer(default_policy()).decision
    now_s = [time.time() - _TICKS]
    rollups = Rollups(store, lambda: _OWNER, lambda: 1.0, ByKey(), lambda: now_s[0])
    latency = Histogram.of([0.9, 4.2] * 60)
    served = ModeObservations(
        mode=Mode.NORMAL, model="gemini-3.8-flash", started=120, finished=120, latency=latency,
        prompt_tokens=120_000, output_tokens=24_000, nano_usd=300_000_000,
    )  # fmt: skip
    requests = (ModeRequests(mode=Mode.NORMAL, begun=120, answered=latency),)
    for tick in range(59, _TICKS, 60):  # a minute's ticks at once: rows are minutes
        seen = Observations(
            tick, (served,), ticks=60, offered=(0, 120, 0), admitted=(0, 120, 0), requests=requests
        )
        rollups.add(seen, decision)
        now_s[0] += 60.0
        if tick % 6_000 == 59:
            store.flush(timeout_s=60.0)  # so that no more waits than it keeps
    rollups.flush()
    store.flush(timeout_s=600.0)
    store.close()


def _first_page(client: httpx.Client) -> tuple[int, float]:
    """Bytes over the wire of the page and all that it names, and the least time of some turns."""
    least_s, size = float("inf"), 0
    for _ in range(_TURNS):
        began = time.perf_counter()
        page = client.get("/console")
        page.raise_for_status()
        size = page.num_bytes_downloaded
        for path in sorted(set(_ASSET.findall(page.text))):
            asset = client.get(path)
            asset.raise_for_status()
            size += asset.num_bytes_downloaded
        least_s = min(least_s, time.perf_counter() - began)
    return size, least_s


def _week(client: httpx.Client) -> float:
    began = time.perf_counter()
    for path in ("/console/observability", "/console/observability/data"):
        client.get(path, params={"metric": "latency_p95", "range": "7d"}).raise_for_status()
    return time.perf_counter() - began


@contextmanager
def _watched(url: str) -> Iterator[None]:
    """While so many browsers look at the dashboard, and read what they are sent."""
    done, look = Event(), Barrier(_VIEWERS + 1)

    def view() -> None:
        with (
            httpx.Client(base_url=url, timeout=60) as client,
            client.stream("GET", "/console/live/dashboard-5m") as stream,
        ):
            messages = stream.iter_raw()
            next(messages)
            look.wait()
            while not done.is_set():
                next(messages)

    with ThreadPoolExecutor(_VIEWERS) as pool:
        viewers = [pool.submit(view) for _ in range(_VIEWERS)]
        look.wait(timeout=60)
        yield
        done.set()
        for viewer in viewers:
            viewer.result()


def _share(pid: int) -> float:
    """Of a core, over some seconds."""
    began, before_s = time.monotonic(), _cpu_s(pid)
    time.sleep(_WATCHED_S)
    return (_cpu_s(pid) - before_s) / (time.monotonic() - began)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for name, value in measure_console().items():
        print(f"{name}: {value:.3g}")
