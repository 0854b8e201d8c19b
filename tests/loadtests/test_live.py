"""Load tests from beginning to end, over the loopback: `pytest -m live tests/loadtests`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtests.live import LOCUSTFILE
from loadtests.scene import Scene
from loadtests.spending import URL_VARIABLE
from loadtests.traffic import plan_traffic
from sim.mock_gemini.process import spawn
from tests.waiting import GIVE_UP_S, free_port, until

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
SHORT: tuple[str, ...] = (
    "--set",
    "duration=40s",
    "--set",
    "warm_up=0s",
    "--set",
    "expectations=[]",
)
SPIKE: tuple[str, ...] = (
    "--set",
    "duration=6m",
    "--set",
    "warm_up=20s",
    "--set",
    "expectations=[]",
)
SPIKE += ("--set", "faults.0.at=60s", "--set", "faults.0.for=90s", "--set", "faults.0.ramp=0s")
REAL: tuple[str, ...] = (
    "load",
    "steady",
    "--upstream",
    "gemini",
    "--yes",
    "--set",
    "workload.arrivals.rate=3",
)
REAL += ("--set", "duration=10s", "--set", "warm_up=0s")


def command(
    *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `open-balancer`."""
    return subprocess.run(
        [sys.executable, "-m", "balancer.cli", *words],
        capture_output=True,
        text=True,
        timeout=GIVE_UP_S,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text())


def test_the_service_passes_through_all_four_modes_and_back(tmp_path: Path) -> None:
    """While latency, errors and cost go wrong; the journal replays to the bit."""
    out = tmp_path / "report"
    done = command(
        "load", str(HERE / "four_modes.yaml"), "--speed", "12", "--out", str(out), "--quiet"
    )
    assert done.returncode == 3, done.stderr  # nothing failed, and one run has no spread
    (record,) = read(out / "verdict.json")
    assert [change["to"] for change in record["transitions"]] == [
        "soft",
        "hard",
        "emergency",
        "hard",
        "soft",
        "normal",
    ]
    *modes, on_time = record["expectations"]
    assert [each["note"] for each in modes] == ["1 of 1 run in time"] * 2
    assert on_time["name"] == "requests sent within 1 s of their time (P95)"
    assert 0 <= on_time["estimate"] < 30
    assert record["live"]["speed"] == 12
    for name in ("report.html", "locust.html", "locust_stats.csv", "junit.xml"):
        assert (out / name).stat().st_size > 0
    replayed = command("replay", str(out / "four_modes.policy.0.jsonl"))
    assert "reproduced to the bit" in replayed.stdout


def test_live_and_simulated_agree_over_a_spike_of_latency(tmp_path: Path) -> None:
    """Six minutes of the scenario through the proxy, ten times as fast."""
    found = tmp_path / "agreement.json"
    done = command("agree", "latency_spike", *SPIKE, "--json", str(found))
    assert done.returncode == 0, done.stdout + done.stderr
    record = read(found)
    assert record["agrees"]
    assert [turn["to"] for turn in record["transitions"]] == ["soft", "normal"]
    assert {figure["name"] for figure in record["figures"]} >= {"latency_p95_s", "cost_usd"}


@pytest.mark.parametrize("target", ["sdk", "service"])
def test_other_targets_agree_too(tmp_path: Path, target: str) -> None:
    """The wrapped SDK in Locust's process, and the service's own API."""
    found = tmp_path / "agreement.json"
    words = ("agree", "steady", "--target", target, "--set", "workload.arrivals.rate=3")
    done = command(*words, *SHORT, "--json", str(found))
    assert done.returncode == 0, done.stdout + done.stderr
    assert read(found)["target"] == target


def test_a_disagreement_exits_with_1(tmp_path: Path) -> None:
    """Here of a service that is slower than simulated: much faster than the machine can be."""
    words = ("agree", "steady", "--speed", "1000", "--set", "workload.arrivals.rate=3")
    done = command(*words, *SHORT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "DISAGREES" in done.stdout


@pytest.mark.parametrize("target", ["proxy", "sdk"])
def test_the_spend_cap_ends_a_test_before_it_is_exceeded(tmp_path: Path, target: str) -> None:
    """Against a mock that poses as the real host, and knows what it would have billed."""
    cap_usd = 0.04
    with spawn("steady", speed=10.0) as mock:
        environment = {URL_VARIABLE: mock.addresses.url, "GEMINI_API_KEY": mock.addresses.api_key}
        words = (*REAL, "--target", target, "--spend-cap", str(cap_usd))
        done = command(*words, "--out", str(tmp_path / "report"), environment=environment)
        total = mock.admin.counters()["total"]
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"the spend cap of ${cap_usd:g} ended the test" in done.stderr
    assert total["started"] > 0
    assert total["bill_nano_usd"] <= cap_usd * 1e9
    assert not (tmp_path / "report").exists()


def test_a_cap_that_suffices_lets_the_test_come_to_its_end(tmp_path: Path) -> None:
    """And the verdict says that the real API was called."""
    out = tmp_path / "report"
    with spawn("steady", speed=10.0) as mock:
        environment = {URL_VARIABLE: mock.addresses.url, "GEMINI_API_KEY": mock.addresses.api_key}
        words = (*REAL, "--spend-cap", "5", "--out", str(out), "--set", "expectations=[]")
        done = command(*words, "--quiet", environment=environment)
        total = mock.admin.counters()["total"]
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = read(out / "verdict.json")
    assert record["live"]["upstream"] == "gemini"
    assert record["arms"]["policy"]["cost_usd"]["estimate"] == pytest.approx(
        total["bill_nano_usd"] / 1e9, rel=1e-6
    )


@pytest.mark.parametrize("target", ["proxy", "sdk"])
def test_a_wrong_key_is_said_before_anything_is_played(tmp_path: Path, target: str) -> None:
    """In the upstream's words, at the first call."""
    with spawn("steady", speed=10.0) as mock:
        environment = {URL_VARIABLE: mock.addresses.url, "GEMINI_API_KEY": "wrong"}
        words = (*REAL, "--target", target, "--spend-cap", "1", "--out", str(tmp_path / "report"))
        done = command(*words, environment=environment)
        assert mock.admin.counters()["total"]["started"] == 0
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the first call failed: " in done.stderr
    assert "API key not valid" in done.stderr
    assert "Traceback" not in done.stderr


SLOWLY = """
import sys, time
from loadtests import playing
from locust.main import main
prepare = playing.Playing.__init__
def slowly(self, environment):
    time.sleep(5.0)
    prepare(self, environment)
playing.Playing.__init__ = slowly
main()
"""
"""A worker that Locust takes for ready long before it is prepared."""


def test_two_locust_workers_play_every_request_once() -> None:
    """With the locustfile alone, as the how-to has it; one of them takes its time to begin."""
    port = str(free_port())
    scene = Scene(source="steady", overrides=("duration=40s", "warm_up=0s"), speed=10.0)
    scenario, _ = scene.load()
    with spawn("steady", overrides=scene.overrides, speed=10.0) as mock:
        common = ["-f", str(LOCUSTFILE), "--headless", "--only-summary"]
        common += ["--host", mock.addresses.url, "--scenario", "steady"]
        common += ["--set", "duration=40s", "--set", "warm_up=0s", "--speed", "10"]
        master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        worker = ["--worker", "--master-host", "127.0.0.1", "--master-port", port]
        started = [
            ["-m", "locust", *common, *master, "--expect-workers", "2"],
            ["-m", "locust", *common, *worker],
            ["-c", SLOWLY, *common, *worker],
        ]
        children = [
            subprocess.Popen(
                [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for words in started
        ]
        try:
            codes = [child.wait(GIVE_UP_S) for child in children]
        finally:
            for child in children:
                child.kill()
                child.wait()
        numbers = sorted(call["request"] for call in mock.admin.calls())
    assert codes == [0, 0, 0]
    assert numbers == [planned.number for planned in plan_traffic(scenario, 0)]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_no_process_and_no_report(tmp_path: Path) -> None:
    """Whatever was under way."""
    out = tmp_path / "report"
    words = [sys.executable, "-m", "balancer.cli", "load", "steady", "--out", str(out)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        try:
            children = _children_once_there(running.pid, 3)
            running.send_signal(signal.SIGINT)
            assert running.wait(GIVE_UP_S) == 130
        finally:
            running.kill()
    assert not out.exists()
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def _children_once_there(pid: int, count: int) -> list[int]:
    """Process ids of the children of a process, when there are as many as that."""
    until(lambda: len(_child_file(pid).split()) >= count, f"{count} children")
    return [int(child) for child in _child_file(pid).split()]


def _child_file(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        pytest.skip("this system does not list the children of a process")
