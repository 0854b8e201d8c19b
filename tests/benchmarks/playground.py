"""What a what-if question takes: from a dragged line to a drawn one, and beside a bare run.

    python -m tests.benchmarks.playground

An hour at 5.5 and at 50 requests a second, from warm workers: by the playground alone, and by
Chromium, where it is installed, for the page. The least of several turns, and the ratio to the same
run without anything around it, in turns, because whatever else the machine does stretches both.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from scenarios.loader import load
from sim.playground.page import playground_pages
from sim.playground.playground import Playground, Who
from sim.playground.values import Subject, Trial
from sim.run.engine import simulate
from sim.streams import replication_key
from sim.traffic.workload import Traffic

__all__ = ["measure_playground"]

_TURNS = 9
_PATH = "thresholds.soft.latency_p95"
_CHROMIUM = Path("/usr/bin/chromium")
_SCENARIO = """\
scenario: spike_{rate}
title: A model answers four times slower
teaches: what a question takes
source: made for this figure
duration: 1h
warm_up: 5m
workload: {{arrivals: {{rate: {rate}}}}}
faults:
  - {{kind: latency, factor: 4, at: 15m, duration: 20m}}
"""
_DRAG = """async ([turns]) => {
  const handle = document.querySelector('#handles [data-path="thresholds.soft.latency_p95"]');
  const box = handle.querySelector('.grip').getBoundingClientRect();
  const at = (type, y) => handle.dispatchEvent(new PointerEvent(type, {
    bubbles: true, cancelable: true, pointerId: 1, clientX: box.x + 9, clientY: y }));
  handle.setPointerCapture = () => {};
  const found = [];
  at('pointerdown', box.y + 8);
  for (let turn = 1; turn <= turns; turn += 1) {
    const drawn = new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`move ${turn} was not drawn within 20 s`)), 20000);
      const watch = new MutationObserver(() => {
        watch.disconnect();
        requestAnimationFrame(() => resolve(performance.now()));
      });
      watch.observe(document.body, { attributes: true, attributeFilter: ['data-drawn'] });
    });
    const began = performance.now();
    at('pointermove', box.y + 8 + 4 * turn);
    found.push(await drawn - began);
  }
  handle.dispatchEvent(new PointerEvent('lostpointercapture', { pointerId: 1 }));
  return found;
}"""


def measure_playground() -> dict[str, float]:
    """All figures, by the names of `bench.json`."""
    figures = asyncio.run(_answers())
    if _CHROMIUM.exists():
        figures |= _drags()
    return figures


async def _answers() -> dict[str, float]:
    figures: dict[str, float] = {}
    playground = Playground(1)
    try:
        await playground.ready()
        for rate in (5.5, 50.0):
            subject = Subject(name=f"spike_{rate:g}", text=_SCENARIO.format(rate=rate))
            answer_s, run_s = await _turns(playground, subject, rate)
            figures[f"playground_answer_ms_{rate:g}rps"] = answer_s * 1e3
            figures[f"playground_answer_over_run_{rate:g}rps"] = answer_s / run_s
    finally:
        playground.close()
    return figures


async def _turns(playground: Playground, subject: Subject, rate: float) -> tuple[float, float]:
    scenario = load("latency_spike", [f"workload.arrivals.rate={rate:g}"]).scenario
    traffic = Traffic(scenario, replication_key(scenario.seed, 0))
    policy, who = default_policy(), Who("benchmark")
    have: list[str] = []
    answers, runs = [], []
    for turn in range(_TURNS + 1):
        trial = Trial(amounts={_PATH: f"{14.0 - turn / 2.0:g}s"})
        began = time.perf_counter()
        found = await playground.draw(who, subject, trial, have)
        answers.append(time.perf_counter() - began)
        arms = json.loads(found)["arms"]
        have = [arms[name]["key"] for name in ("static", "none")]
        began = time.perf_counter()
        simulate(scenario, policy, replication=0, arm="policy", traffic=traffic, monitored=False)
        runs.append(time.perf_counter() - began)
    # The first of each draws the requests and runs the arms beside.
    return min(answers[1:]), min(runs[1:])


def _drags() -> dict[str, float]:
    """From a move of the pointer to the frame after the answer is drawn, in the page."""
    from playwright.sync_api import sync_playwright

    with _served() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(_CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 1200})
        page.goto(f"{url}/console/playground?on=latency_spike&base=default")
        page.wait_for_selector("body[data-settled]", timeout=600_000)
        found = page.evaluate(_DRAG, [_TURNS])
        browser.close()
    return {"playground_drag_to_drawn_ms_5.5rps": min(found[1:])}


@contextmanager
def _served() -> Iterator[str]:
    from tests.service.conftest import serving

    with (
        TemporaryDirectory() as folder,
        playground_pages() as pages,
        serving(
            Path(folder), balancer=Balancer(default_policy()), pages=pages, token=None
        ) as service,
    ):
        yield service.url


if __name__ == "__main__":
    for name, value in measure_playground().items():
        print(f"{name}: {value:.2f}")
