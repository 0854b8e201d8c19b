"""Incidents in the console: read, taken up, noted, who was told, and what to do."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from balancer.adapters.notify import NotifySettings, parse_channels
from balancer.core.errors import InputError
from balancer.service.api.incident_schemas import IncidentShown
from balancer.service.console.procedures import procedures_for
from balancer.service.console_use import ConsoleUse, console_use
from balancer.service.history.tables import NOTES, TOLD
from balancer.service.links import Links
from tests.adapters.notify.receiver import MARKER, Reply, receiver
from tests.service.conftest import Service, Start
from tests.service.console.conftest import errors, visiting
from tests.waiting import until


def test_an_incident_is_read_taken_up_and_noted(open_service: Service) -> None:
    """By name."""
    open_service.wait_for_tick()
    store = open_service.app.state.dependencies.store
    with visiting(open_service) as client:
        form = {"mode": "hard", "duration": "10m", "reason": "a <b>drill</b>"}
        client.post("/console/brownout/hold", data=form)
        open_service.wait_for_next_tick()
        open_service.wait_for_next_tick()
        open_service.app.state.dependencies.tracker.tend()
        assert store.flush()
        assert "an operator" in client.get("/console/incidents/1").text
        client.post("/console/incidents/1/acknowledge", data={"go": ""})
        assert "local has it" in client.get("/console/incidents").text
        empty = client.post("/console/incidents/1/note", data={"text": " "})
        assert "Write something" in errors(empty)["note-text"]
        client.post("/console/incidents/1/note", data={"text": "<script>alert(1)</script>"})
        page = client.get("/console/incidents/1").text
        assert "&lt;script&gt;alert(1)" in page
        assert "a &lt;b&gt;drill" in page
        assert client.get("/console/incidents/1/summary.md").text.startswith("# ")
        nobody = client.post("/console/incidents/1/replay", data={"policy": "77"})
        assert "Choose a policy" in errors(nobody)["replay-policy"]
    kinds = {row["kind"] for row in store.page(NOTES, limit=9).rows}
    assert kinds == {"note", "acknowledged"}


def test_an_incident_says_who_was_told_and_who_took_it_up(start: Start) -> None:
    """When, and whom it did not reach; with a way to its traces and logs."""
    links = Links(
        traces="https://traces.example/trace/{trace}",
        logs="https://logs.example/?q={service}&from={from_ms}",
    )
    with receiver() as there:
        channels = parse_channels(f"{there.slack} {there.hook}")
        there.replies.append(Reply(status=404))
        service = start(
            token=None,
            notify=NotifySettings(channels=channels, service="my shop"),
            console=ConsoleUse(links=links),
        )
        service.wait_for_tick()
        dependencies = service.app.state.dependencies
        dependencies.tracker.trace = lambda: "6c9d" * 8
        with visiting(service) as client:
            form = {"mode": "hard", "duration": "10m", "reason": "a drill"}
            client.post("/console/brownout/hold", data=form)
            until(lambda: len(told(service)) == 2, "both channels are known to have been told")
            client.post("/console/incidents/1/acknowledge", data={"go": ""})
            page = html.unescape(client.get("/console/incidents/1").text)
            explorer = html.unescape(client.get("/console/observability").text)
            markdown = client.get("/console/incidents/1/summary.md").text
            found = client.get("/api/incidents/1/summary").json()["escalation"]
    (given_up,) = [row for row in found["told"] if row["told_at"] is None]
    (taken,) = [row for row in found["told"] if row["told_at"] is not None]
    assert given_up["problem"].startswith("answered 404")
    assert taken["title"] == "my shop: incident opened, hard brownout"
    assert found["acknowledged_by"] == "local"
    for row in found["told"]:
        assert row["channel"] in page
    assert "given up" in page
    assert "after it opened" in page
    assert f"https://traces.example/trace/{'6c9d' * 8}" in page
    assert "https://logs.example/?q=my%20shop&from=1" in page
    assert "https://logs.example/?q=my%20shop&from=1" in explorer
    assert "https://traces.example" not in explorer  # which trace it would be nobody knows
    assert "Taken up by local" in markdown
    assert MARKER not in page + markdown


def told(service: Service) -> list[dict[str, str]]:
    """Who was told, the newest first."""
    store = service.app.state.dependencies.store
    assert store.flush()
    return list(store.page(TOLD, limit=9).rows)


def incident(**changes: object) -> IncidentShown:
    """One that latency opened."""
    found = IncidentShown.model_validate(
        {
            "id": 7, "key": "k", "title": "hard brownout", "open": False, "mode": "normal",
            "worst": "hard", "cause": "controller", "reason": "", "shadow": False,
            "began_at": 0, "opened_at": 1, "closed_at": 2, "duration_s": 2.0, "changes": 2,
            "ended": "normal is back",
        }
    )  # fmt: skip
    return found.model_copy(update=changes)


def test_procedures_fit_by_their_names(tmp_path: Path) -> None:
    """And HTML in them is shown as it is written."""
    for name in ("always", "latency_p95", "error_rate", "emergency"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n<img src=x>")
    found = procedures_for(tmp_path, incident(reason="hard: latency_p95: 6 of 6", worst="hard"))
    assert [each.name for each in found] == ["always", "latency_p95"]
    assert "<img" not in found[0].html
    assert procedures_for(None, incident()) == []


def test_a_folder_of_procedures_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """At the start, not in an incident."""
    assert console_use({"OPEN_BALANCER_PROCEDURES": str(tmp_path)}).procedures == tmp_path
    with pytest.raises(InputError, match="expected a folder"):
        console_use({"OPEN_BALANCER_PROCEDURES": str(tmp_path / "none")})
