"""The audit log: every change, whichever way it came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balancer.service.history.tables import AUDIT
from tests.service.conftest import Service, Start
from tests.waiting import until

WHY = {"reason": "a drill"}
POLICY = "name: fresh\nthresholds: {{soft: {{latency_p95: {soft}}}, hard: {{latency_p95: 30s}}}}\n"


def audited(service: Service) -> list[dict[str, Any]]:
    """The audit log, the first entry first."""
    store = service.app.state.dependencies.store
    assert store.flush()
    return list(reversed(store.page(AUDIT, limit=50).rows))


def test_orders_by_the_api_are_noted(service: Service) -> None:
    """Who, what, what was and what is; an order that is refused changes nothing."""
    with service.client() as client:
        client.post("/api/brownout", json={"bypass": True} | WHY)
        client.post("/api/brownout", json={"bypass": False} | WHY)
        client.post("/api/brownout", json={"mode": "hard", "duration": "15m"} | WHY)
        client.post("/api/brownout", json={"mode": "hard", "duration": "soon"} | WHY)
        client.post("/api/brownout", json={"mode": "auto"} | WHY)
    rows = audited(service)
    assert [row["what"] for row in rows] == [
        "kill switch on",
        "kill switch off",
        "hold a mode",
        "let go",
    ]
    assert {(row["who"], row["role"], row["origin"]) for row in rows} == {("admin", "admin", "api")}
    assert rows[0]["after"] == "The kill switch is on: calls go through unchanged: a drill"
    assert rows[1]["before"] == "normal, kill switch: a drill"
    assert rows[2]["after"].startswith("hard is held until ")
    assert rows[2]["after"].endswith(" UTC: a drill")


def test_policies_by_the_api_are_noted_with_what_differs(start: Start) -> None:
    """And one that was only checked is not."""
    service = start(token=None)
    first = service.app.state.dependencies.policies.current.number
    with service.client() as client:
        for soft in ("9s", "12s"):
            change = {"policy": POLICY.format(soft=soft)} | WHY
            client.put("/api/brownout?dry_run=true", json=change)
            client.put("/api/brownout", json=change)
        client.put("/api/brownout", json={"version": first + 1} | WHY)
    changed, again, back = audited(service)
    assert (changed["who"], changed["origin"]) == ("local", "api")
    assert changed["before"] == f"version {first} (unchanged)"
    assert again["what"] == "change the policy"
    assert again["after"].splitlines() == [
        f"version {first + 2} (fresh): a drill",
        "soft begins at P95 latency 12s, was 9s",
    ]
    assert back["what"] == "bring a policy back"
    assert back["before"] == f"version {first + 2} (fresh)"
    assert back["after"].startswith(f"version {first + 3} (fresh), which is {first + 1} again: a")


def test_a_policy_file_that_changes_is_noted(start: Start, tmp_path: Path) -> None:
    """Whoever wrote it is not known."""
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(soft="9s"), encoding="utf-8")
    service = start(policy=POLICY.format(soft="9s"), policy_file=file)
    file.write_text(POLICY.format(soft="11s"), encoding="utf-8")
    until(lambda: audited(service), "the change is noted")
    (row,) = audited(service)
    assert (row["who"], row["role"], row["origin"]) == ("policy file", "", "file")
    assert row["after"].endswith("soft begins at P95 latency 11s, was 9s")
