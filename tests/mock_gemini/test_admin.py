"""The admin API: counters, faults, the clock, behind a token on a port of its own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from balancer.core.errors import InputError
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer
from tests.waiting import GIVE_UP_S

from .caller import FLASH, call, settings

ROOT = Path(__file__).parents[2]
STORM = {"kind": "error", "error": "overloaded"}


@pytest.fixture
def mock() -> Iterator[Addresses]:
    """Without waits."""
    with MockServer(settings(latency=False)) as server:
        yield server.addresses


@pytest.fixture
def admin(mock: Addresses) -> Admin:
    """Its admin API."""
    return Admin(mock.admin_url, mock.token)


def ask(
    mock: Addresses, verb: str, path: str, body: bytes = b"", token: str | None = None
) -> tuple[int, Any]:
    """Status and answer of the admin API."""
    connection = HTTPConnection(urlsplit(mock.admin_url).netloc, timeout=GIVE_UP_S)
    headers = {"authorization": f"Bearer {mock.token if token is None else token}"}
    try:
        connection.request(verb, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_faults_come_and_go_while_it_runs(mock: Addresses, admin: Admin) -> None:
    """Each under its name, from the moment it is put."""
    assert call(mock).status == 200
    admin.put_fault("storm", STORM)
    assert admin.faults()["storm"]["in_force"]
    assert call(mock).status == 503
    admin.put_fault("storm", {**STORM, "error": "internal"})
    assert list(admin.faults()) == ["storm"]
    assert call(mock).status == 500
    admin.drop_fault("storm")
    assert admin.faults() == {}
    assert call(mock).status == 200


def test_calls_are_counted_by_model_and_outcome(mock: Addresses, admin: Admin) -> None:
    """And each is kept with its fate; what never became a call is counted by its status."""
    admin.put_fault("storm", STORM)
    call(mock)
    admin.drop_fault("storm")
    call(mock, headers={"x-open-balancer-request": "5", "x-open-balancer-attempt": "1"})
    call(mock, key="other")
    counters = admin.counters()
    assert counters["models"][FLASH]["outcomes"] == {"overloaded": 1, "answer": 1}
    assert counters["in_flight"][FLASH] == 0
    assert counters["refused"] == {"400": 1}
    assert [(each["request"], each["attempt"], each["outcome"]) for each in admin.calls()] == [
        (0, 0, "overloaded"),
        (5, 1, "answer"),
    ]
    assert [each["number"] for each in admin.calls(after=1)] == [1]


def test_the_clock_starts_the_scenario_anew(mock: Addresses, admin: Admin) -> None:
    """At the Unix time it is told, with nothing counted."""
    call(mock)
    admin.set_clock(time.time() - 10.0)
    assert admin.health()["now_s"] >= 10 * 50
    assert admin.counters()["total"]["started"] == 0


@pytest.mark.parametrize("path", ["/counters", "/calls", "/faults"])
def test_without_the_token_it_says_nothing(mock: Addresses, path: str) -> None:
    """Nor does the key of the Gemini API open it."""
    for token in ("", "wrong", mock.api_key):
        assert ask(mock, "GET", path, token=token)[0] == 401


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "says"),
    [
        ("PUT", "/faults/x", b'{"kind": "eror"}', 400, "did you mean 'error'"),
        ("PUT", "/faults/x", b'{"kind": "error", "share": NaN}', 400, "share: found nan"),
        ("PUT", "/faults/x", b'{"kind": "latency"}', 400, "needs a factor"),
        ("PUT", "/faults/x", b'{"kind": "error", "model": "gemini-9"}', 400, "gemini-9"),
        ("PUT", "/faults/x", b"{", 400, "no JSON"),
        ("PUT", "/faults/x", b"[]", 400, "expected a JSON object"),
        ("PUT", "/faults/x", b'{"a": "' + b"x" * 2_000_000 + b'"}', 413, "longer than"),
        ("DELETE", "/faults/x", b"", 404, "no fault is called 'x'"),
        ("POST", "/clock", b'{"epoch": NaN}', 400, "Unix time"),
        ("POST", "/clock", b'{"epoch": "now"}', 400, "Unix time"),
        ("GET", "/calls?after=-1", b"", 400, "whole number"),
        ("GET", "/nothing", b"", 404, "nothing"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(
    mock: Addresses, verb: str, path: str, body: bytes, status: int, says: str
) -> None:
    """And is told what was expected."""
    found, said = ask(mock, verb, path, body)
    assert found == status
    assert says in said["error"]
    assert Admin(mock.admin_url, mock.token).faults() == {}
    assert call(mock).status == 200


def test_its_client_raises_what_it_is_told(admin: Admin) -> None:
    """Under the request that was refused."""
    with pytest.raises(InputError, match=r"PUT /faults/x.*did you mean 'error'"):
        admin.put_fault("x", {"kind": "eror"})


def test_the_page_s_fault_is_one(admin: Admin) -> None:
    """As it is printed."""
    page = (ROOT / "docs/how-to/run-the-mock-gemini.md").read_text(encoding="utf-8")
    (fault,) = re.findall(r"-d '(.*)'", page)
    admin.put_fault("storm", json.loads(fault))
    assert admin.faults()["storm"]["share"] == 0.5


def test_what_is_used_of_quotas_and_of_the_spend_limit_is_shown() -> None:
    """Of each model and of the project, by how each counts."""
    upstream = {
        "tier": 1,
        "models": {FLASH: {"quota": {"counting": "bucket", "rpm": 60}}},
        "quota": {"rpm": 5, "counting": "sliding"},
    }
    # At its usual speed a busy machine could let a minute of the scenario pass between two calls.
    plain = settings(latency=False, speed=1.0, scenario={"upstream": upstream})
    with MockServer(plain) as server:
        for _ in range(2):
            assert call(server.addresses).status == 200
        status, shown = ask(server.addresses, "GET", "/quotas")
    assert status == 200
    assert shown["tier"] == 1
    flash, project = shown["models"][FLASH], shown["project"]
    assert (flash["rpm"], flash["counting"], flash["counts_refused"]) == (60, "bucket", False)
    assert flash["rpd"] == 10_000
    assert flash["calls_today"] == 2
    assert (project["rpm"], project["tpm"], project["calls"]) == (5, None, 2)
    assert project["tokens"] > 0
    assert (shown["spend_limit"]["usd"], shown["spend_limit"]["per_s"]) == (10.0, 600.0)


def test_a_fault_without_an_end_has_none(mock: Addresses) -> None:
    """Null says so, in what is asked and in what is answered."""
    for given in (STORM, {**STORM, "for": None}):
        status, found = ask(mock, "PUT", "/faults/storm", json.dumps(given).encode(), mock.token)
        assert (status, found["for"]) == (200, None)
    _, found = ask(mock, "GET", "/faults", token=mock.token)
    assert found["faults"][0]["for"] is None
