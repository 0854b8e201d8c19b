"""Streams through the proxy: chunk by chunk, unbuffered, and what ends them early."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from balancer.core.histogram import snap
from balancer.policy_file import parse_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import Clock
from tests.service.conftest import AT_ONCE, Service, Start
from tests.service.test_proxy_plans import BODY, ONCE, RETRIES, failed, only
from tests.service.upstream import Connection, answer, body_of, error, hang, response, sse
from tests.waiting import GIVE_UP_S, until

PATH = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
EVENTS = f"{PATH}?alt=sse"
CHUNKS = [body_of("one ", finish=None, output=1), body_of("two", output=2)]


async def reset(connection: Connection) -> None:
    """Hang up in the middle."""
    connection.writer.transport.abort()


async def end(connection: Connection) -> None:
    """End the stream as if it were complete."""
    await connection.write(b"0\r\n\r\n")


def events(content: bytes) -> list[Any]:
    """Values of the events."""
    return [json.loads(part[6:]) for part in content.split(b"\r\n\r\n") if part]


def test_events_pass_byte_by_byte_and_are_recorded(service: Service) -> None:
    """Usage is the last chunk's, which is a running total."""
    service.script.say(sse(*CHUNKS))
    with service.client() as client:
        found = client.post(EVENTS, json=BODY)
    assert found.content == b"".join(
        b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in CHUNKS
    )
    assert found.headers["content-type"] == "text/event-stream"
    assert found.headers["x-open-balancer-mode"] == "normal"
    entry = only(service)
    assert (entry.finished, entry.failed, entry.output_tokens) == (1, 0, 2)
    assert entry.ttft.total == 1


def test_a_chunk_arrives_before_the_next_one_is_made(service: Service) -> None:
    """Nothing is held back."""
    go_on = asyncio.Event()

    async def wait(connection: Connection) -> None:
        await go_on.wait()
        await sse(CHUNKS[1])(Connection(connection.reader, _headless(connection)))

    service.script.say(sse(CHUNKS[0], after=wait))
    with service.client() as client, client.stream("POST", EVENTS, json=BODY) as found:
        parts = found.iter_raw()
        first = next(parts)
        assert events(first) == [CHUNKS[0]]
        service.loop.call_soon_threadsafe(go_on.set)
        assert events(b"".join(parts)) == [CHUNKS[1]]


def _headless(connection: Connection) -> Any:
    """A writer that leaves out a second response head."""

    class Writer:
        def write(self, data: bytes) -> None:
            if not data.startswith(b"HTTP/1.1"):
                connection.writer.write(data)

        async def drain(self) -> None:
            await connection.writer.drain()

    return Writer()


def test_an_array_streams_too(service: Service) -> None:
    """Without alt=sse Gemini sends one JSON array."""
    body = json.dumps(CHUNKS, indent=1).encode()
    service.script.say(response(200, body, "Content-Type: application/json"))
    with service.client() as client:
        found = client.post(PATH, json=BODY)
    assert found.content == body
    entry = only(service)
    assert (entry.finished, entry.failed, entry.output_tokens) == (1, 0, 2)


@pytest.mark.parametrize(
    "first",
    [
        error(503, "UNAVAILABLE"),
        sse({"error": {"code": 503, "status": "UNAVAILABLE", "message": "no"}}),
        sse(after=reset),
        sse(),
    ],
    ids=["a status", "an error as first chunk", "a reset", "nothing at all"],
)
def test_what_fails_before_the_first_chunk_is_made_anew(start: Start, first: Any) -> None:
    """On the next model, and the caller sees nothing of it."""
    service = start(policy=RETRIES)
    service.script.say(first, sse(*CHUNKS))
    with service.client() as client:
        found = client.post(EVENTS, json=BODY)
    assert events(found.content) == CHUNKS
    assert "gemini-2.5-flash-lite" in service.script.asked[1].path


@pytest.mark.parametrize(
    ("chunks", "after", "kind"),
    [
        (CHUNKS[:1], end, "cut"),
        ([CHUNKS[0], {"error": {"code": 503, "status": "UNAVAILABLE"}}], end, "overloaded"),
        (CHUNKS[:1], reset, "reset"),
        ([body_of("", finish="MAX_TOKENS")], end, "empty"),
    ],
)
def test_what_goes_wrong_later_is_passed_on_and_recorded(
    start: Start, chunks: list[Any], after: Any, kind: str
) -> None:
    """Once begun, a stream is never made anew."""
    service = start(policy=RETRIES)
    service.script.say(sse(*chunks, pause_s=0.05, after=after))
    with service.client() as client:
        found = client.post(EVENTS, json=BODY)
    assert events(found.content)[: len(chunks)] == chunks
    assert len(service.script.asked) == 1
    assert failed(only(service)) == {kind: 1}


@pytest.mark.parametrize("path", [EVENTS, PATH])
def test_a_stream_that_breaks_off_says_so_at_its_end(service: Service, path: str) -> None:
    """Clients take a stream that just ends for complete; an error they raise."""

    async def begin_array(connection: Connection) -> None:
        data = b"[" + json.dumps(CHUNKS[0]).encode()
        await connection.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n" % (len(data), data)
        )
        # Time for the proxy to take it up: an abort drops what has not arrived.
        await asyncio.sleep(0.05)
        await reset(connection)

    service.script.say(sse(CHUNKS[0], pause_s=0.05, after=reset) if "sse" in path else begin_array)
    with service.client() as client:
        found = client.post(path, json=BODY)
    last = (events(found.content) if "sse" in path else json.loads(found.content))[-1]
    assert last["error"]["code"] == 503


def test_a_deadline_ends_a_stream_with_an_error(start: Start) -> None:
    """504, after what came in time."""
    service = start(policy=ONCE.replace("retries: 0", "retries: 0, timeout: 2s"))
    service.script.say(sse(CHUNKS[0], after=hang))
    with service.client() as client:
        found = client.post(EVENTS, json=BODY)
    first, last = events(found.content)
    assert (first, last["error"]["code"]) == (CHUNKS[0], 504)
    assert failed(only(service)) == {"timeout": 1}


def test_a_caller_who_reads_slowly_gets_all_of_it_and_is_no_sign_of_illness(start: Start) -> None:
    """Beyond the plan's deadline, from an upstream that is done in no time but for the reading."""
    clock = Clock(speed=20.0)
    policy = parse_policy(ONCE.replace("retries: 0", "retries: 0, timeout: 60s"))
    service = start(balancer=Balancer(policy, clock=clock, settings=AT_ONCE))
    text = "x" * (1 << 20)
    service.script.say(sse(*[body_of(text, finish=None, output=1)] * 32, body_of("y", output=2)))
    with service.client() as client, client.stream("POST", EVENTS, json=BODY) as found:
        parts = found.iter_raw()
        read = [next(parts)]
        begun_s = clock.now_s()
        until(lambda: clock.now_s() > begun_s + 75.0, "the deadline would be over")
        aged = [entry.ages for seen in service.seen for entry in seen.served]
        read += parts
    assert sum(map(len, read)) > 32 << 20
    assert b"error" not in read[-1]
    entry = only(service)
    assert (entry.finished, entry.failed) == (1, 0)
    minute = snap(60.0)
    assert all(index < minute for ages in [entry.latency, *aged] for index in ages.counts())
    assert any(ages.total for ages in aged)


def test_a_caller_who_leaves_a_stream_takes_the_call_along(service: Service) -> None:
    """The upstream is hung up on."""
    service.script.say(sse(CHUNKS[0], after=hang))
    with service.client() as client, client.stream("POST", EVENTS, json=BODY) as found:
        next(found.iter_raw())
    service.run(asyncio.wait_for(service.script.hung_up.wait(), GIVE_UP_S))
    entry = only(service)
    assert (entry.started, entry.failed) == (1, 0)
    assert service.balancer.status().in_flight == 0


@pytest.mark.parametrize("path", [EVENTS, PATH])
def test_a_static_answer_streams_as_the_caller_expects(start: Start, path: str) -> None:
    """One event, or an array of one."""
    service = start(
        policy=ONCE.replace("retries: 0", "shed: {normal: 100%, low: 100%}, static_fallback: Soon.")
    )
    service.wait_for_tick()
    with service.client() as client:
        found = client.post(path, json=BODY)
    (chunk,) = events(found.content) if "sse" in path else json.loads(found.content)
    assert chunk["candidates"][0]["content"]["parts"] == [{"text": "Soon."}]


def test_many_streams_at_once_do_not_mix(service: Service) -> None:
    """Each caller gets its own."""

    async def echo(connection: Connection) -> None:
        name = service.script.asked[-1].headers["x-name"]
        await sse(body_of(name, finish=None), body_of(name), pause_s=0.01)(connection)

    service.script.say(echo)

    async def ask(client: httpx.AsyncClient, name: str) -> bool:
        found = await client.post(EVENTS, json=BODY, headers={"x-name": name})
        texts = [
            event["candidates"][0]["content"]["parts"][0]["text"] for event in events(found.content)
        ]
        return texts == [name, name]

    async def all_of_them() -> list[bool]:
        async with httpx.AsyncClient(base_url=service.url, timeout=GIVE_UP_S) as client:
            return await asyncio.gather(*(ask(client, f"n{i}") for i in range(40)))

    assert all(asyncio.run(all_of_them()))


def test_a_unary_call_after_a_stream_finds_the_connection_in_order(service: Service) -> None:
    """What was left of one answer does not reach another caller."""
    service.script.say(sse(*CHUNKS), answer("next"))
    with service.client() as client:
        client.post(EVENTS, json=BODY)
        found = client.post("/v1beta/models/gemini-2.5-flash:generateContent", json=BODY)
    assert found.json()["candidates"][0]["content"]["parts"][0]["text"] == "next"
