"""Incidents over HTTP, through an episode and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from balancer.core.modes import Mode
from balancer.service.api import incident_schemas as schemas
from tests.service.conftest import Service, Start

REASON = "a drill | of <ours>"


def order(service: Service, mode: str, reason: str = REASON) -> None:
    """Hold a mode, until it holds."""
    with service.client() as client:
        given = {"mode": mode, "reason": reason, "duration": "10m"}
        assert client.post("/api/brownout", json=given).status_code == 200
    for _ in range(4):
        service.wait_for_next_tick()
        if service.balancer.decision.mode is Mode[mode.upper()]:
            return
    raise AssertionError(f"{mode} did not come")


def get(service: Service, path: str, **query: Any) -> Any:
    """What a route says; once what was told is written."""
    with service.client() as client:
        assert service.app.state.dependencies.store.flush()
        found = client.get(path, params=query)
        assert found.status_code == 200, found.text
        return found.json()


def test_an_episode_can_be_followed_from_beginning_to_end(start: Start, directory: Path) -> None:
    """In the list, with its timeline, and summed up."""
    service = start()
    order(service, "emergency")
    (found,) = get(service, "/api/incidents", open=True)["incidents"]
    assert (found["mode"], found["cause"], found["closed_at"]) == ("emergency", "override", None)
    assert get(service, "/api/incidents", open=False)["incidents"] == []
    order(service, "normal", "over")
    path = f"/api/incidents/{found['id']}"
    detail = get(service, path)
    assert detail["ended"] == "normal is back"
    # The order that led to it is part of it, though it came before.
    assert [entry["kind"] for entry in detail["timeline"]] == [
        "order", "mode", "opened", "order", "mode", "closed",
    ]  # fmt: skip
    assert REASON in detail["timeline"][0]["text"]
    assert get(service, path, limit=2)["left_out"] == len(detail["timeline"]) - 2
    summary = get(service, f"{path}/summary")
    assert summary["journal"]["notes"] == ["the service keeps no journal"]
    assert [given["reason"] for given in summary["orders"]] == [REASON, "over"]
    with service.client() as client:
        text = client.get(f"{path}/summary?format=markdown")
    assert text.headers["content-type"].startswith("text/markdown")
    assert text.text.startswith(f"# Incident {found['id']}: emergency brownout, by override")


def test_the_list_is_bounded_and_goes_on(start: Start) -> None:
    """The newest first."""
    service = start()
    for _ in range(2):
        order(service, "hard")
        order(service, "normal")
    first = get(service, "/api/incidents", limit=1)
    second = get(service, "/api/incidents", limit=1, before=first["before"])
    assert first["incidents"][0]["id"] > second["incidents"][0]["id"]
    assert second["before"] is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/incidents/77", 404),
        ("/api/incidents/77/summary", 404),
        ("/api/incidents/0", 422),
        ("/api/incidents/x", 422),
        ("/api/incidents/99999999999", 422),
        ("/api/incidents?limit=501", 422),
        ("/api/incidents?open=perhaps", 422),
        ("/api/incidents/1/summary?format=pdf", 422),
    ],
)
def test_what_cannot_be_meant_is_refused(untouched: Service, path: str, status: int) -> None:
    """With a message."""
    with untouched.client() as client:
        found = client.get(path)
    assert found.status_code == status
    assert found.json()["error"]["message"]


def test_a_database_that_is_away_is_said_to_be(start: Start, tmp_path: Path) -> None:
    """503, and the service serves on."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    service = start(database=f"sqlite:///{blocked / 'history.sqlite3'}")
    with service.client() as client:
        for path in ("/api/incidents", "/api/incidents/1", "/api/incidents/1/summary"):
            found: httpx.Response = client.get(path)
            assert found.status_code == 503
            assert str(tmp_path) not in found.text
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "model",
    [
        schemas.IncidentShown,
        schemas.IncidentPage,
        schemas.IncidentDetail,
        schemas.IncidentSummary,
    ],
)
def test_the_examples_are_what_the_models_say(model: Any) -> None:
    """Members and kinds, none more and none less."""
    (example,) = model.model_config["json_schema_extra"]["examples"]
    found = TypeAdapter(model).validate_python(example)
    assert set(found.model_dump()) == set(example)
