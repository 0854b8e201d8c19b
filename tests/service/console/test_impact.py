"""A change of the policy, simulated before it is put in force: on a scenario, on the last hour."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from balancer.policy_file import default_policy
from balancer.service.history.tables import AUDIT
from tests.service.conftest import Service, Start
from tests.service.console.conftest import errors, visiting
from tests.service.console.test_pages import policy_text

pytest.importorskip("numba", reason="the extra sim is not installed")


def finished(service: Service, started: httpx.Response, client: httpx.Client) -> str:
    """Where a run is that was started, once it is over."""
    assert started.status_code == 303, errors(started)
    jobs = service.app.state.console.jobs
    asyncio.run_coroutine_threadsafe(jobs.idle(), service.loop).result(900)
    where = started.headers["location"]
    report = client.get(f"{where}/files/report/report.html")
    assert report.status_code == 200, client.get(where).text
    assert "default (candidate)" in report.text
    return where


@pytest.mark.slow
def test_a_change_is_gated_and_put_in_force(start: Start) -> None:
    """From the draft over the gate's report to a version of the policy. Runs the real gate."""
    service = start(token=None, policy=default_policy())
    start_at = "/console/brownout/impact/start"
    with visiting(service) as client:
        text = policy_text(client).replace("above: 15s", "above: 12s")
        draft = client.post("/console/brownout/impact/draft", data={"text": text})
        assert "soft begins at P95 latency 12s, was 15s" in draft.text
        form = {"text": text, "on": "scenario", "scenario": "latency_spike", "replications": "10"}
        where = finished(service, client.post(start_at, data=form), client)
        page = client.get(where).text
        assert "Apply the candidate" in page
        assert "against the policy in force: latency_spike" in page
        nothing = client.post(f"{where}/apply", data={"reason": ""})
        assert errors(nothing) == {"apply-reason": "Enter something here."}
        done = client.post(f"{where}/apply", data={"reason": "the gate lets it"})
        assert done.headers["location"] == "/console/brownout/policy"
        assert "above: 12s" in policy_text(client)
    store = service.app.state.dependencies.store
    assert store.flush()
    changed, started = store.page(AUDIT, limit=2).rows
    assert (started["what"], changed["what"]) == ("start a gate", "change the policy")
    assert changed["after"].endswith("soft begins at P95 latency 12s, was 15s")


@pytest.mark.slow
def test_a_change_is_simulated_on_the_last_hour(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what happened and the policy in force, which has its name. Runs the real backtest."""
    from scenarios.loader import load
    from sim.run.engine import simulate

    journal = tmp_path / "journal.jsonl"
    scenario = load("latency_spike", ["duration=20m", "workload.arrivals.rate=3"]).scenario
    simulate(scenario, default_policy(), replication=0, arm="policy", journal=journal)
    hour = journal.read_text(encoding="utf-8")
    # An hour of a service takes an hour.
    monkeypatch.setattr(
        "balancer.service.console.impact.last_hours", lambda _balancer, _hours: hour
    )
    service = start(token=None, policy=default_policy())
    with visiting(service) as client:
        text = policy_text(client).replace("above: 15s", "above: 12s")
        form = {"text": text, "on": "hour", "replications": "2"}
        where = finished(service, client.post("/console/brownout/impact/start", data=form), client)
        page = client.get(where).text
    assert "Apply the candidate" in page
    assert "the last hour again" in page


def test_replications_that_are_none_are_refused_at_their_field(open_service: Service) -> None:
    """And nothing is started."""
    with visiting(open_service) as client:
        form = {"text": policy_text(client), "on": "scenario", "scenario": "steady"}
        page = client.post("/console/brownout/impact/start", data={**form, "replications": "many"})
    assert errors(page) == {"impact-replications": "Enter a whole number from 1 to 1000."}
    assert open_service.app.state.console.jobs.newest() == []
