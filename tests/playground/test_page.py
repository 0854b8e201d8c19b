"""The page's questions over HTTP: answers, mistakes, roles, and an hour of the own journal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from balancer.policy_file import default_policy, parse_policy
from balancer.runtime.balancer import Balancer
from balancer.service.console_use import ConsoleUse, Person, Role
from scenarios.loader import load
from sim.playground.cancelling import SLOTS
from sim.playground.page import hours, playground_pages
from sim.playground.playground import Playground
from sim.playground.values import Hour
from sim.run.engine import simulate
from tests.playground.conftest import FEW
from tests.service.conftest import Service, serving
from tests.waiting import GIVE_UP_S, until

HOME = "/console/playground"
SPIKE = {"on": "latency_spike", "base": "default"}


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """Of the service that all tests share."""
    with httpx.Client(base_url=service.url, timeout=GIVE_UP_S) as found:
        yield found


def test_subjects_are_scenarios_hours_and_policies(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their names; the last hour and the policy in force first."""
    # How long the service's own journal is by now is chance.
    monkeypatch.setattr("sim.playground.page.hours._known", lambda _balancer: (0.0, 9_000.5))
    found = client.get(f"{HOME}/subjects").json()
    assert "latency_spike" in [each["name"] for each in found["scenarios"]]
    assert [each["on"] for each in found["hours"]] == [
        "hour:5400-9000",
        "hour:3600-7200",
        "hour:0-3600",
    ]
    assert found["hours"][0]["label"] == "the last hour"
    assert [each["base"] for each in found["policies"]][:3] == ["force", "own", "default"]
    assert found["policies"][0]["label"] == "in force: live"


def test_an_answer_is_drawn_settled_and_copied(client: httpx.Client) -> None:
    """Each by the same address; a policy of the history by its version."""
    moved = SPIKE | {"thresholds.soft.latency_p95": "6s"}
    drawn = client.get(f"{HOME}/draw", params=moved).json()
    knob = next(k for k in drawn["knobs"] if k["path"] == "thresholds.soft.latency_p95")
    assert knob["amount"] == "6s"
    assert drawn["arms"]["policy"]["transitions"]
    assert drawn["faults"][0]["from_s"] == 900.0
    settled = client.get(f"{HOME}/settle", params=moved | {"was": "base"}).json()
    against = settled["metrics"]["latency_p95_s"]["against"]
    assert set(against) == {"ghost", "static", "none"}
    assert against["static"]["says"] == "better"
    text = client.get(f"{HOME}/yaml", params=moved)
    assert parse_policy(text.text).rules[0].threshold == 6.0
    assert text.headers["content-disposition"] == 'attachment; filename="candidate.yaml"'
    force = client.get(f"{HOME}/draw", params={"on": "steady"}).json()
    assert force["policy"] == "live"
    version = client.get(f"{HOME}/draw", params={"on": "steady", "base": "version-1"}).json()
    assert version["policy"] == "live"
    own = client.get(f"{HOME}/yaml", params={"on": "budget_nearly_spent", "base": "own"}).text
    assert parse_policy(own).budgets


@pytest.mark.parametrize(
    ("query", "status", "where", "said"),
    [
        (SPIKE | {"ladder.hold": "soon"}, 422, "ladder.hold", "found 'soon'"),
        (SPIKE | {"ladder.holt": "1m"}, 422, "ladder.holt", "did you mean 'ladder.hold'"),
        ({"on": "latency_spik"}, 422, "on", "did you mean 'latency_spike'"),
        ({"on": "steady", "base": "version-999"}, 404, "base", "no policy version 999"),
        ({"on": "hour:0-3600"}, 422, "on", "that time has yet to come"),
    ],
)
def test_a_mistake_is_told_at_its_place(
    client: httpx.Client, query: dict[str, str], status: int, where: str, said: str
) -> None:
    """As JSON, with the name of what is wrong."""
    answer = client.get(f"{HOME}/draw", params=query)
    error = answer.json()["error"]
    assert (answer.status_code, error["where"]) == (status, where)
    assert said in error["message"]


def test_whoever_hangs_up_is_waited_for_no_more(service: Service, playground: Playground) -> None:
    """The simulator drops what is under way for them, and is free for others."""
    address = service.url.removeprefix("http://")
    host, _, port = address.partition(":")
    asked = f"{HOME}/settle?on=overload_for_hours&base=default&tab=leaves"
    request = f"GET {asked} HTTP/1.1\r\nHost: {address}\r\n\r\n"

    def waiting() -> bool:
        return any(who.tab == "leaves" for who in list(playground._latest))

    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(request.encode())
        until(waiting, "the question is under way")
    until(lambda: not waiting(), "the question is dropped")
    until(lambda: len(playground._free) == SLOTS, "its runs have ended")
    done = [
        arm for (subject, _, arm, _) in playground._runs if subject.name == "overload_for_hours"
    ]
    assert len(done) < 3 * FEW


def test_viewers_may_play_and_only_operators_gate(tmp_path: Path) -> None:
    """Nothing is changed by a question; without a log-in there is none."""
    people = (
        Person(name="ana", role=Role.VIEWER, token="a-viewers-own-token"),  # noqa: S106
        Person(name="bob", role=Role.OPERATOR, token="an-operators-token"),  # noqa: S106
    )
    with (
        playground_pages() as pages,
        serving(tmp_path, pages=pages, console=ConsoleUse(people=people)) as found,
    ):
        with httpx.Client(base_url=found.url) as nobody:
            answer = nobody.get(f"{HOME}/yaml", params=SPIKE)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/console/login")
        for person, gates in zip(people, (False, True), strict=True):
            with httpx.Client(base_url=found.url) as client:
                client.post("/console/login", data={"token": person.token})
                page = client.get(HOME)
                assert page.status_code == 200
                assert ("/console/brownout/impact/start" in page.text) is gates


def test_an_hour_of_the_own_journal_is_fitted(
    service: Service, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a service saw is seen again; the fitted scenario can be saved for a gate."""
    journal = tmp_path / "journal.jsonl"
    scenario = load("latency_spike", ["duration=20m", "workload.arrivals.rate=3"]).scenario
    simulate(scenario, default_policy(), replication=0, arm="policy", journal=journal)

    def hour_of(_balancer: Balancer, from_s: int, to_s: int) -> Hour:
        return Hour(name="hour", paths=(journal,), from_s=from_s, to_s=to_s)

    monkeypatch.setattr("sim.playground.page.page.hour_of", hour_of)
    asked = {"on": "hour:0-1200", "base": "default"}
    drawn = client.get(f"{HOME}/draw", params=asked).json()
    assert drawn["scenario"] == "hour"
    assert drawn["faults"]
    assert drawn["arms"]["policy"]["transitions"]
    text = client.get(f"{HOME}/scenario", params=asked)
    assert text.headers["content-disposition"] == 'attachment; filename="hour.yaml"'
    assert 'scenario: "hour"' in text.text
    refused = client.get(f"{HOME}/draw", params=asked | {"on": "hour:5000-6000"})
    assert "holds nothing of this hour any more" in refused.json()["error"]["message"]
    library = client.get(f"{HOME}/scenario", params=SPIKE)
    assert library.status_code == 404


def test_stretches_are_whole_hours_of_this_life_of_the_controller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last hour first; files of another epoch are passed over."""
    journal = tmp_path / "journal.jsonl"
    with Balancer(default_policy(), journal=journal) as balancer:
        assert hours.stretches(balancer) == []
        monkeypatch.setattr(type(balancer), "now_tick", property(lambda _self: 9_000))
        found = hours.stretches(balancer)
        assert [each.on for each in found] == ["hour:5400-9000", "hour:3600-7200", "hour:0-3600"]
        assert found[0].label == "the last hour"
        assert found[1].label.endswith("UTC")
        assert hours.hour_of(balancer, 3600, 7200).paths == (journal,)
