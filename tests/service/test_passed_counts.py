"""What no plan governs is counted by kind, and booked where its answer says what it used."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from balancer import wire
from balancer.core.pricing import cost_nano_usd
from balancer.service.proxy import passing
from balancer.service.proxy.gateway import Gateway
from balancer.service.proxy.large import read_json
from tests.service.conftest import Service, Start, serving
from tests.service.upstream import error, response
from tests.waiting import until

# The SDK's own class, which aiohttp would rather not have.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")
EMBED = "/v1beta/models/gemini-embedding-001:embedContent"
EMBEDDED = b'{"usageMetadata": {"promptTokenCount": 2000}}'


def embed(service: Service) -> None:
    """Have an answer that says what it used, and leave."""
    service.script.say(response(200, EMBEDDED, "Content-Type: application/json"))
    with service.client() as client:
        found = client.post(EMBED, json={})
        assert found.content == EMBEDDED


def test_an_answer_that_cannot_be_read_is_counted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps it from being read."""

    async def read_json(*_arguments: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(passing, "read_json", read_json)
    with contextlib.suppress(httpx.RemoteProtocolError):
        embed(service)
    with service.client() as client:
        assert counted(client, "embeddings", 1)["cost_usd"] == 0


def test_a_service_that_stops_counts_what_was_answered_before(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that are still read then, before the balancer closes."""
    closing = asyncio.Event()
    close = Gateway.close

    async def read_late(*arguments: Any) -> Any:
        await closing.wait()
        return await read_json(*arguments)

    async def close_late(gateway: Gateway) -> None:
        closing.set()
        await close(gateway)

    monkeypatch.setattr(passing, "read_json", read_late)
    monkeypatch.setattr(Gateway, "close", close_late)
    booked: list[tuple[int, bool]] = []
    with serving(directory) as service:
        balancer = service.balancer
        balancer.listeners.passages.add(
            lambda passage: booked.append((passage.nano_usd, balancer._control.health.closed))
        )
        embed(service)
    assert booked == [(300_000, False)]


def test_errors_are_counted_by_kind_and_never_as_generations(service: Service) -> None:
    """Of embeddings apart from all else."""
    service.script.say(
        error(429, "RESOURCE_EXHAUSTED"),
        error(503, "UNAVAILABLE"),
        error(400, "INVALID_ARGUMENT"),
        response(200, b'{"embedding": {}}', "Content-Type: application/json"),
    )
    with service.client() as client:
        for _ in range(4):
            client.post(EMBED, json={"content": {}})
        found = client.get("/api/metrics").json()
    row = found["passed"]["embeddings"]
    assert row["calls"] == 4
    assert row["failures"] == {"quota_minute": 1, "overloaded": 1, "rejected": 1}
    assert row["latency_p95_s"] > 0
    assert found["performance"]["requests"] == 0
    assert len(service.script.asked) == 4


def counted(client: httpx.Client, kind: str, calls: int) -> Any:
    """What was passed on, once so many calls are counted: a caller has an answer before that."""

    def look() -> Any:
        row = client.get("/api/metrics").json()["passed"].get(kind, {})
        return row if row.get("calls") == calls else None

    return until(look, "they are counted")


@pytest.mark.parametrize(
    ("path", "usage"),
    [
        ("models/gemini-embedding-001:embedContent", {"usageMetadata": {"promptTokenCount": 2000}}),
        (
            "openai/embeddings",
            {
                "usage": {"prompt_tokens": 2000, "total_tokens": 2000},
                "model": "gemini-embedding-001",
            },
        ),
    ],
)
def test_what_an_answer_says_that_it_used_is_booked(
    start: Start, path: str, usage: dict[str, Any]
) -> None:
    """At the price of the model, in the budget of everybody and of the tenant."""
    policy = "name: unchanged\nmodes: {normal: {model: null, fallback_models: [], thinking: null}}"
    service = start(policy=f"{policy}\nbudget: {{per_hour: $1}}")
    body = json.dumps(usage).encode()
    service.script.say(
        response(
            200, gzip.compress(body), "Content-Type: application/json", "Content-Encoding: gzip"
        )
    )
    with service.client() as client:
        client.post(f"/v1beta/{path}", json={}, headers={"accept-encoding": "gzip"})
        found = counted(client, "embeddings", 1)
    assert found["cost_usd"] == pytest.approx(2000 * 0.15e-6)
    assert service.balancer.ledger.headroom_nano_usd() == 10**9 - 300_000


GENERATED = {"usageMetadata": {"promptTokenCount": 1_000_000}, "modelVersion": "gemini-3.6-flash"}
INTERACTED = {
    "id": "i-1",
    "status": "completed",
    "model": "gemini-3.6-flash",
    "usage": {"total_input_tokens": 1_000_000, "total_output_tokens": 0, "total_tokens": 1_000_000},
}


@pytest.mark.parametrize("path", ["models/gemini-3.6-flash:predict", "interactions"])
@pytest.mark.parametrize("said", ["header", "body", ""])
def test_a_bill_has_the_prices_of_the_tier_that_served(
    service: Service, path: str, said: str
) -> None:
    """As the answer says it; where it says nothing, standard's. An interaction in its own form."""
    body = json.loads(json.dumps(INTERACTED if path == "interactions" else GENERATED))
    headers = ["Content-Type: application/json"]
    if said == "header":
        headers.append("x-gemini-service-tier: flex")
    elif said == "body":
        (body if path == "interactions" else body["usageMetadata"])["serviceTier"] = "flex"
    service.script.say(response(200, json.dumps(body).encode(), *headers))
    with service.client() as client:
        client.post("/api/brownout", json={"bypass": True, "reason": "so that it is passed on"})
        packed = gzip.compress(json.dumps({"model": "gemini-3.6-flash", "input": "x"}).encode())
        client.post(f"/v1beta/{path}", content=packed, headers={"content-encoding": "gzip"})
        found = counted(client, "generation", 1)
    card = service.balancer.catalog.priced("gemini-3.6-flash")
    assert card is not None
    prices = card.price_of("flex" if said else "standard")
    assert card.price_of("flex") != card.price
    assert found["cost_usd"] == pytest.approx(cost_nano_usd(prices, 1_000_000, 0, 0, 0) / 1e9)


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_answer_is_read_beside_the_event_loop(
    service: Service, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """And not at all where it says nothing of what was used, or becomes too large."""
    readers = []
    parse = wire.parse

    def observed(raw: bytes) -> Any:
        readers.append((len(raw), threading.get_ident()))
        return parse(raw)

    async def ident() -> int:
        return threading.get_ident()

    monkeypatch.setattr(wire, "parse", observed)
    path = "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    filling = {"embeddings": [0.5] * 100_000}
    used = {**filling, "usageMetadata": {"promptTokenCount": 2000}}
    # Its numbers are left out, as parsing them would hold up the loop from any thread.
    sizes = [len(json.dumps({**used, "embeddings": []}))]
    bodies = [json.dumps(used), json.dumps(filling)]
    if packed:
        bodies.append(json.dumps(used) + " " * (8 << 20))
    for text in bodies:
        raw = gzip.compress(text.encode()) if packed else text.encode()
        coding = "gzip" if packed else "identity"
        headers = ("Content-Type: application/json", f"Content-Encoding: {coding}")
        service.script.say(response(200, raw, *headers))
        with service.client() as client:
            client.post(path, json={})
    with service.client() as client:
        found = counted(client, "embeddings", len(bodies))
    assert found["cost_usd"] == pytest.approx(2000 * 0.15e-6)
    assert [size for size, _ in readers] == sizes
    assert service.run(ident()) not in {reader for _, reader in readers}
