"""`/api/brownout`: status, orders, and the policy that is in force."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from balancer import load_policy, show_policy
from balancer.policy_file import parse_policy
from tests.service.conftest import Service, Start, serving
from tests.service.status import status, status_with
from tests.waiting import until

WHY = {"reason": "a drill"}


def test_a_mode_is_held_and_given_back(service: Service) -> None:
    """With who said why, and until when."""
    with service.client() as client:
        client.post("/api/brownout", json={"mode": "hard", "duration": "15m"} | WHY)
        held = status_with(client, mode="hard")
        assert held["override"]["mode"] == "hard"
        assert held["override"]["reason"] == "a drill"
        left = datetime.fromisoformat(held["override"]["until"]) - datetime.now(UTC)
        assert timedelta(minutes=14) < left < timedelta(minutes=15, seconds=2)
        assert held["mix"] == {"normal": 0, "soft": 0, "hard": 1, "emergency": 0}
        client.post("/api/brownout", json={"mode": "auto", "reason": "enough"})
        status_with(client, override=None)
        service.balancer.close()
        kinds = [row["kind"] for row in client.get("/api/history/orders").json()["entries"]]
        assert kinds == ["clear", "override"]
        (entered,) = client.get("/api/history/modes").json()["entries"][-1:]
        assert (entered["from_mode"], entered["to_mode"]) == ("normal", "hard")
        assert "a drill" in entered["reasons"][0]


def test_the_answer_to_an_order_says_what_will_hold(service: Service) -> None:
    """And from when to when; of two at once the second holds, and `auto` gives the wheel back."""
    with service.client() as client:
        longer = {"mode": "hard", "duration": "1h"} | WHY
        shorter = {"mode": "soft", "duration": "10m"} | WHY
        client.post("/api/brownout", json=longer)
        found = client.post("/api/brownout", json=shorter).json()
        begins, ends = (datetime.fromisoformat(found[name]) for name in ("from", "until"))
        assert (found["mode"], found["reason"], found["bypass"]) == ("soft", "a drill", "")
        assert abs(begins - datetime.now(UTC)) < timedelta(seconds=3)
        assert timedelta(minutes=9) < ends - begins < timedelta(minutes=10, seconds=2)
        assert status_with(client, mode="soft")["override"]["mode"] == "soft"
        client.post("/api/brownout", json=longer)
        found = client.post("/api/brownout", json={"mode": "auto", "reason": "enough"}).json()
        assert (found["mode"], found["until"]) == ("auto", None)
        status_with(client, override=None)


def test_nothing_is_said_to_misfit_before_an_hour(service: Service) -> None:
    """Whatever the policy is."""
    with service.client() as client:
        assert status(client)["policy"]["misfits"] == []


def test_an_order_may_name_its_end(service: Service) -> None:
    """As a moment, with a time zone."""
    end = datetime.now(UTC) + timedelta(hours=1)
    with service.client() as client:
        given = {"mode": "soft", "until": end.isoformat()} | WHY
        assert client.post("/api/brownout", json=given).status_code == 200
        found = status_with(client, mode="soft")["override"]["until"]
    assert abs(datetime.fromisoformat(found) - end) < timedelta(seconds=2)


def test_the_kill_switch_lets_calls_through_unchanged(start: Start) -> None:
    """And back."""
    service = start(policy="baseline: null\nmodes: {normal: {model: gemini-2.5-flash-lite}}")
    path = "/v1beta/models/gemini-2.5-pro:generateContent"
    body = b'{"contents":[{"parts":[{"text":"hi"}]}]}'
    with service.client() as client:
        assert client.post("/api/brownout", json={"bypass": True} | WHY).json()["enforced"] is False
        client.post(path, content=body)
        assert status(client)["bypass"] == "a drill"
        assert client.post("/api/brownout", json={"bypass": False} | WHY).json()["enforced"] is True
        client.post(path, content=body)
    first, second = service.script.asked
    assert (first.path, first.body) == (path, body)
    assert "flash-lite" in second.path


@pytest.mark.parametrize(
    "given",
    [
        {},
        WHY,
        {"mode": "soft"},
        {"mode": "soft", "reason": "  ", "duration": "5m"},
        {"mode": "soft", "reason": "x" * 501, "duration": "5m"},
        {"mode": "worst", "duration": "5m"} | WHY,
        {"mode": "soft"} | WHY,
        {"mode": "soft", "duration": "5 parsecs"} | WHY,
        {"mode": "soft", "duration": "0s"} | WHY,
        {"mode": "soft", "duration": "-5m"} | WHY,
        {"mode": "soft", "duration": "25h"} | WHY,
        {"mode": "soft", "duration": "5m", "until": "2030-01-01T00:00:00Z"} | WHY,
        {"mode": "soft", "until": "2020-01-01T00:00:00Z"} | WHY,
        {"mode": "soft", "until": "2030-01-01T00:00:00"} | WHY,
        {"mode": "auto", "duration": "5m"} | WHY,
        {"mode": "auto", "bypass": True} | WHY,
        {"bypass": True, "duration": "5m"} | WHY,
        {"mode": "auto", "colour": "red"} | WHY,
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(untouched: Service, given: Any) -> None:
    """With what was expected; nothing is held."""
    with untouched.client() as client:
        found = client.post("/api/brownout", json=given)
        assert found.status_code == 422, found.text
        assert found.json()["error"]["message"]
        assert client.get("/api/history/orders").json()["entries"] == []
        after = status(client)
    assert (after["override"], after["bypass"]) == (None, "")


# ------------------------------------------------------------------------------- the policy


def put(client: httpx.Client, policy: Any, **more: Any) -> httpx.Response:
    """Change it."""
    return client.put("/api/brownout", json={"policy": policy} | WHY | more)


@pytest.mark.parametrize(
    "policy",
    [
        "thresholds:\n  soft: {error_rate: 7%}\n",
        {"thresholds": {"soft": {"error_rate": "7%"}}},
        [{"alert": "A", "condition": "Error rate > 7% for 1 minute", "action": "Activate soft"}],
    ],
    ids=["text", "object", "neither"],
)
def test_a_policy_comes_into_force_at_once(service: Service, policy: Any) -> None:
    """As text or as an object, as a new version."""
    with service.client() as client:
        found = put(client, policy)
        if isinstance(policy, list):
            assert found.status_code == 422
            return
        assert found.json()["version"] == 2
        assert found.json()["recorded"] is True
        assert [rule.threshold for rule in service.balancer.policy.rules] == [0.07]
        shown = status(client)["policy"]
        assert (shown["version"], shown["origin"]) == (2, "api")
        assert parse_policy(shown["text"]) == service.balancer.policy


def test_versions_can_be_brought_back(service: Service) -> None:
    """As new ones, which say what they restore."""
    first = service.balancer.policy
    with service.client() as client:
        put(client, "thresholds: {soft: {error_rate: 7%}}")
        found = client.put("/api/brownout", json={"version": 1} | WHY)
        assert (found.status_code, found.json()["version"]) == (200, 3)
        assert service.balancer.policy == first
        newest = client.get("/api/history/policies").json()["entries"][0]
        assert (newest["id"], newest["restores"]) == (3, 1)
        assert "text" not in newest
        text = client.get("/api/history/policies/2").json()["text"]
        assert parse_policy(text).rules[0].threshold == 0.07
        assert client.put("/api/brownout", json={"version": 99} | WHY).status_code == 404
        assert client.get("/api/history/policies/99").status_code == 404


def test_a_dry_run_changes_nothing(service: Service) -> None:
    """It checks and warns."""
    before = service.balancer.policy
    with service.client() as client:
        given = {"policy": "thresholds: {soft: {error_rate: 7%}}"} | WHY
        found = client.put("/api/brownout?dry_run=true", json=given)
        assert (found.status_code, found.json()["dry_run"]) == (200, True)
        assert status(client)["policy"]["version"] == 1
    assert service.balancer.policy == before


def test_of_two_who_change_it_the_slower_one_is_told(service: Service) -> None:
    """When it says which version it saw."""
    with service.client() as client:
        assert put(client, "thresholds: {soft: {error_rate: 7%}}", if_version=1).status_code == 200
        late = put(client, "thresholds: {soft: {error_rate: 8%}}", if_version=1)
        assert late.status_code == 409
        assert "version 2 is in force" in late.json()["error"]["message"]
    assert service.balancer.policy.rules[0].threshold == 0.07


@pytest.mark.parametrize(
    ("policy", "status_code", "problem"),
    [
        ("thresholds: {soft: {error_rat: 5%}}", 422, "did you mean 'error_rate'"),
        ("thresholds: {soft: {error_rate: 5 apples}}", 422, "apples"),
        ("a: [", 422, "not valid YAML"),
        ("a: 1\na: 2", 422, "a"),
        ("", 422, ""),
        ("modes: {soft: {model: gpt-4}}", 422, "unknown model 'gpt-4'"),
        ("prices: /etc/passwd", 422, "names a file"),
        ({"prices": "../secrets.toml"}, 422, "names a file"),
        ("x" * 1_000_500, 413, "larger"),
        (7, 422, ""),
    ],
)
def test_an_invalid_policy_leaves_the_old_one_in_force(
    untouched: Service, policy: Any, status_code: int, problem: str
) -> None:
    """With where, what was found and what was expected."""
    before = untouched.balancer.policy
    with untouched.client() as client:
        found = put(client, policy)
        assert found.status_code == status_code, found.text
        assert problem in found.json()["error"]["message"]
        assert "root:" not in found.text
        assert status(client)["policy"]["version"] == 1
        assert len(client.get("/api/history/policies").json()["entries"]) == 1
    assert untouched.balancer.policy is before


# ------------------------------------------------------------------------------- its file


def test_a_change_of_the_policy_file_is_followed(start: Start, tmp_path: Path) -> None:
    """A wrong one is named, and leaves the old policy in force."""
    path = tmp_path / "policy.yaml"
    path.write_text("thresholds: {soft: {error_rate: 5%}}")
    service = start(policy=load_policy(path), policy_file=path)
    with service.client() as client:
        path.write_text("thresholds: {soft: {error_rate: 6%, }")
        assert str(path) in until(lambda: status(client)["policy"]["file_problem"])
        assert "policy_file" in client.get("/readyz").json()["problems"]
        assert service.balancer.policy.rules[0].threshold == 0.05
        path.write_text("thresholds: {soft: {error_rate: 8%}}")
        until(lambda: status(client)["policy"]["version"] == 2)
        shown = status(client)["policy"]
    assert (shown["version"], shown["origin"], shown["file_problem"]) == (2, "file", "")
    assert service.balancer.policy.rules[0].threshold == 0.08


def test_the_newest_word_counts_after_a_restart(tmp_path: Path) -> None:
    """The API's version stays in force until the file says something new."""
    path = tmp_path / "policy.yaml"

    def run() -> AbstractContextManager[Service]:
        return serving(tmp_path / "data", policy=load_policy(path), policy_file=path)

    path.write_text("thresholds: {soft: {error_rate: 5%}}")
    with run() as service, service.client() as client:
        put(client, "thresholds: {soft: {error_rate: 7%}}")
    with run() as service, service.client() as client:
        assert service.balancer.policy.rules[0].threshold == 0.07
        assert status(client)["policy"]["version"] == 2
    path.write_text("thresholds: {soft: {error_rate: 6%}}")
    with run() as service, service.client() as client:
        assert service.balancer.policy.rules[0].threshold == 0.06
        assert status(client)["policy"]["version"] == 3


def test_a_file_that_is_only_touched_says_nothing_new(start: Start, tmp_path: Path) -> None:
    """What the API put in force stays."""
    path = tmp_path / "policy.yaml"
    path.write_text("thresholds: {soft: {error_rate: 5%}}")
    service = start(policy=load_policy(path), policy_file=path)
    with service.client() as client:
        put(client, "thresholds: {soft: {error_rate: 7%}}")
        path.write_text("thresholds: {soft: {error_rate: 5%}} # touched")
        service.run(service.app.state.dependencies.policies.reload())
        assert status(client)["policy"]["version"] == 2


def test_what_is_shown_is_what_is_in_force(service: Service) -> None:
    """Complete, so that it can be put back as it is."""
    with service.client() as client:
        text = status(client)["policy"]["text"]
    assert text == show_policy(service.balancer.policy)
