"""What the figures say was spent is what was billed, whoever had left by then."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from balancer.wire import Usage, find_card
from tests.service.conftest import Start
from tests.service.upstream import Connection, answer, body_of, sse
from tests.waiting import GIVE_UP_S, until

MODEL = "gemini-2.5-flash"
PATH = f"/v1beta/models/{MODEL}:generateContent"
STREAM = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
BODY = json.dumps({"contents": [{"parts": [{"text": "hi"}]}]}).encode()
POLICY = "name: unchanged\nmodes: {normal: {model: null, fallback_models: [], thinking: null}}\n"


@pytest.mark.parametrize("path", [PATH, STREAM])
def test_calls_whose_callers_left_are_in_the_figures_as_billed(start: Start, path: str) -> None:
    """Beside those that were answered; figures, budget and bill are one."""
    service = start(policy=POLICY + "budget: {per_hour: $50}\n")
    service.wait_for_tick()
    gone = threading.Event()

    async def late(connection: Connection) -> None:
        if path == PATH:
            await service_waits(gone)
            await connection.write(answer("late", prompt=100_000, output=20_000))
        else:
            begun = body_of("one", finish=None, prompt=100_000, output=20_000)
            await sse(begun, after=hang)(connection)

    async def hang(connection: Connection) -> None:
        await connection.reader.read()

    def left() -> None:
        host, port = service.url.removeprefix("http://").split(":")
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(BODY)}\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=GIVE_UP_S) as connection:
            connection.sendall(head.encode() + BODY)
            if path == STREAM:
                assert connection.recv(1 << 16)
            else:
                until(lambda: len(service.script.asked) > before, "it is under way")

    with service.client() as client:
        client.post(PATH, content=BODY)
        service.script.say(late)
        for _ in range(3):
            before = len(service.script.asked)
            left()
        gone.set()
        card = find_card(service.balancer.catalog, MODEL)
        assert card is not None
        one = Usage(prompt_tokens=100_000, output_tokens=20_000).cost_nano_usd(card)
        small = Usage(prompt_tokens=10, output_tokens=5).cost_nano_usd(card)
        billed = (3 * one + small) / 1e9

        def figures() -> tuple[float, float, float]:
            llm = client.get("/api/metrics?window=1h").json()["llm"]
            (budget,) = llm["budgets"]
            return llm["spend_last_hour_usd"], budget["used_usd"], budget["reserved_usd"]

        until(lambda: figures() == pytest.approx((billed, billed, 0.0)), f"{billed} is charged")


async def service_waits(event: threading.Event) -> None:
    """Until the event is set on another thread."""
    import asyncio

    await asyncio.to_thread(event.wait, 20)
