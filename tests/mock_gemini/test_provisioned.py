"""Provisioned throughput on the wire of Vertex AI: who is served from it, and what says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from balancer.core.tiers import PROVISIONED, STANDARD
from balancer.wire.tiers import header_tier, usage_tier
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import MockServer

from .caller import HELLO, Reply, call, settings

MODEL = "gemini-3.6-flash"
VERTEX = f"/v1beta1/projects/p/locations/global/publishers/google/models/{MODEL}"
HEADER = "X-Vertex-AI-LLM-Request-Type"


def mock(tokens_per_s: float) -> MockServer:
    """One that has some, in windows of an hour."""
    bought = {"tokens_per_s": tokens_per_s, "usd_per_hour": "$1", "window": "1h"}
    upstream = {"models": {MODEL: {"provisioned": bought}}}
    return MockServer(settings(latency=False, scenario={"upstream": upstream}))


@pytest.fixture(scope="module", name="full")
def _full() -> Iterator[MockServer]:
    with mock(1e6) as server:
        yield server


@pytest.fixture(scope="module", name="spent")
def _spent() -> Iterator[MockServer]:
    with mock(1e-3) as server:
        yield server


def asked(server: MockServer, said: str | None = None, method: str = "generateContent") -> Reply:
    """The answer to a call of Vertex AI."""
    headers = {} if said is None else {HEADER: said}
    return call(server.addresses, f"{VERTEX}:{method}", HELLO, headers=headers)


def last(server: MockServer) -> dict[str, Any]:
    """What the mock has noted down of the last call."""
    found: dict[str, Any] = Admin(server.addresses.admin_url, server.addresses.token).calls()[-1]
    return found


@pytest.mark.parametrize("said", [None, "dedicated", "Dedicated", "whatever"])
def test_what_fits_is_served_from_it_and_costs_nothing(full: MockServer, said: str | None) -> None:
    """Usage and header say so, in words that the wire reads."""
    reply = asked(full, said)
    assert reply.status == 200
    assert reply.json["usageMetadata"]["trafficType"] == "PROVISIONED_THROUGHPUT"
    assert reply.headers["x-vertex-ai-llm-request-type"] == "dedicated"
    assert usage_tier(reply.json) == header_tier(reply.headers) == PROVISIONED
    record = last(full)
    assert (record["tier"], record["served_tier"]) == (STANDARD, PROVISIONED)
    assert record["bill_nano_usd"] == 0


def test_a_stream_says_the_same(full: MockServer) -> None:
    """In each of its chunks."""
    reply = asked(full, method="streamGenerateContent?alt=sse")
    assert {usage_tier(event) for event in reply.events} == {PROVISIONED}
    assert header_tier(reply.headers) == PROVISIONED


@pytest.mark.parametrize("said", [None, "shared"])
def test_what_does_not_fit_is_billed_as_it_would_be_without(
    spent: MockServer, said: str | None
) -> None:
    """It spills over to pay as you go."""
    reply = asked(spent, said)
    assert reply.json["usageMetadata"]["trafficType"] == "ON_DEMAND"
    assert usage_tier(reply.json) == header_tier(reply.headers) == STANDARD
    assert last(spent)["bill_nano_usd"] > 0


def test_shared_leaves_it_alone_though_there_is_room(full: MockServer) -> None:
    """As the header asks."""
    assert usage_tier(asked(full, "shared").json) == STANDARD
    assert last(full)["served_tier"] == STANDARD


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent?alt=sse"])
def test_dedicated_is_refused_where_nothing_is_left(spent: MockServer, method: str) -> None:
    """429, which says nothing of a delay; nothing is billed."""
    reply = asked(spent, "dedicated", method)
    assert (reply.status, reply.error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "details" not in reply.error
    assert (last(spent)["outcome"], last(spent)["bill_nano_usd"]) == ("quota_minute", 0)


def test_the_gemini_api_has_none(full: MockServer) -> None:
    """Its calls are served as standard, and its header means nothing there."""
    for said in ("dedicated", "shared"):
        path = f"/v1beta/models/{MODEL}:generateContent"
        reply = call(full.addresses, path, HELLO, headers={HEADER: said})
        assert usage_tier(reply.json) == header_tier(reply.headers) == STANDARD
