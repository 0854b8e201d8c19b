"""All requests' bodies together are bounded: who does not fit may try again, and nobody hangs."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.service.bodies import Bodies
from balancer.service.bounds import Bounds
from balancer.service.proxy.answers import Refusal
from balancer.service.proxy.reading import read_body
from tests.service.conftest import KEY, Start
from tests.service.upstream import answer
from tests.waiting import GIVE_UP_S, until

MOST = 1000
PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
PIECES = st.lists(st.integers(0, 700), min_size=1, max_size=5)


@given(
    callers=st.lists(st.tuples(PIECES, st.booleans(), st.booleans()), min_size=1, max_size=8),
    chance=st.randoms(use_true_random=False),
)
def test_whatever_comes_in_whatever_order_no_more_is_held_than_the_bound(
    callers: list[tuple[list[int], bool, bool]], chance: object
) -> None:
    """Each body is taken whole, or refused with what to do; nothing is left over."""
    bodies = Bodies(MOST)

    async def call(pieces: list[int], declared: bool, leaves: bool) -> str:
        waiting = list(pieces)

        async def receive() -> dict[str, object]:
            for _ in range(chance.randrange(4)):  # type: ignore[attr-defined]
                await asyncio.sleep(0)
            assert bodies.size <= MOST
            if leaves and len(waiting) == 1:
                raise ConnectionResetError
            piece = bytes(waiting.pop(0))
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

        headers = {b"content-length": b"%d" % sum(pieces)} if declared else {}
        try:
            with bodies.one() as held:
                body = await read_body(receive, headers, MOST, held)
                assert held.size == len(body) == sum(pieces)
                await asyncio.sleep(0)
                assert bodies.size <= MOST
        except Refusal as refusal:
            told = (refusal.status, (b"retry-after", b"1") in refusal.headers)
            return "refused" if told in ((503, True), (413, False)) else "told nothing"
        except ConnectionResetError:
            return "left"
        return "taken"

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(call(*each) for each in callers))

    found = asyncio.run(all_of_them())
    assert bodies.size == 0
    assert "told nothing" not in found
    if sum(sum(pieces) for pieces, *_ in callers) <= MOST:
        assert "refused" not in found


def head(length: int, path: str = PATH) -> bytes:
    """Of a request with a body."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"x-goog-api-key: {KEY}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_bodies_that_do_not_fit_are_refused_at_once_and_taken_when_there_is_room(
    start: Start,
) -> None:
    """Over connections: two hold all there is, the third is told so, and is served after them."""
    service = start(largest_body=40_000, bounds=Bounds(bodies_size=100_000))
    service.script.say(*[answer("hi")] * 3)
    text = b'{"contents": [{"parts": [{"text": "%s"}]}]}' % (b"x" * 39_000)
    bodies = service.app.state.dependencies.gateway.bodies
    with ExitStack() as stack:

        def connected() -> socket.socket:
            made = socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])))
            made.settimeout(GIVE_UP_S)
            return stack.enter_context(made)

        slow = [connected(), connected()]
        for each in slow:
            each.sendall(head(len(text)) + text[:-1])
        until(lambda: bodies.size == 2 * (len(text) - 1), "both are here")
        with service.client() as client:
            refused = client.post(PATH, content=text, headers={"x-goog-api-key": KEY})
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert "hold as much as is taken at once (100,000 bytes)" in refused.text
            assert refused.json()["error"]["status"] == "UNAVAILABLE"
            for each in slow:
                each.sendall(text[-1:])
                assert each.recv(12) == b"HTTP/1.1 200"
            until(lambda: bodies.size == 0, "nothing is held")
            assert client.post(PATH, content=text, headers={"x-goog-api-key": KEY}).is_success


@pytest.mark.parametrize("declared", [True, False])
def test_the_api_s_bodies_count_too(start: Start, declared: bool) -> None:
    """One bound for all that comes in."""
    service = start(largest_body=10, bounds=Bounds(bodies_size=1000))
    text = b'{"mode": "hard", "reason": "%s"}' % (b"x" * 2000)
    with service.client(headers={"content-type": "application/json"}) as client:
        content = text if declared else iter([text[:500], text[500:]])
        refused = client.put("/api/brownout", content=content)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
