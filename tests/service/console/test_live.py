"""Streams: shared, bounded, and over when nobody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from balancer.service.console.live import Live, event, html
from balancer.service.problems import Problem
from tests.waiting import GIVE_UP_S


async def _next(stream: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(stream), GIVE_UP_S)


def test_messages_have_the_form_of_server_sent_events() -> None:
    """Every line of a text is one of data."""
    assert html("<b>\n</b>") == b"data: <b>\ndata: </b>\n\n"
    assert event("point", {"a": 1}) == b'event: point\ndata: {"a":1}\n\n'


def test_all_viewers_get_what_is_drawn_once() -> None:
    """At a tick."""

    async def look() -> None:
        live, drawn = Live(), []

        def draw() -> bytes:
            drawn.append(1)
            return b"%d" % len(drawn)

        live.add("view", draw)
        streams = [live.watch("view") for _ in range(50)]
        first = await asyncio.gather(*(_next(stream) for stream in streams))
        assert set(first) == {b"1"}
        waiting = [asyncio.create_task(_next(stream)) for stream in streams]
        live.tick()
        assert set(await asyncio.gather(*waiting)) == {b"2"}
        live.close()

    asyncio.run(look())


def test_a_slow_viewer_gets_the_newest_and_holds_nobody_up() -> None:
    """What it did not read in time is gone."""

    async def look() -> None:
        live, number = Live(), [0]

        def draw() -> bytes:
            number[0] += 1
            return b"%d" % number[0]

        live.add("view", draw)
        slow, fast = live.watch("view"), live.watch("view")
        assert {*await asyncio.gather(_next(slow), _next(fast))} == {b"1"}
        for expected in (b"2", b"3", b"4"):
            waiting = asyncio.create_task(_next(fast))
            live.tick()
            assert await waiting == expected
        assert await _next(slow) == b"4"
        live.close()

    asyncio.run(look())


def test_nothing_is_drawn_for_nobody() -> None:
    """A tick without viewers costs nothing, and a closed service streams nothing."""

    async def look() -> None:
        live, drawn = Live(), []
        live.add("view", lambda: drawn.append(1) or b"")  # type: ignore[func-returns-value]
        live.tick()
        await asyncio.sleep(0)
        assert drawn == []
        stream = live.watch("view")
        await _next(stream)
        waiting = asyncio.create_task(_next(stream))
        await asyncio.sleep(0)
        live.close()
        with pytest.raises(StopAsyncIteration):
            await waiting
        with pytest.raises(Problem):
            live.watch("view")
        with pytest.raises(Problem):
            live.watch("other")

    asyncio.run(look())


def test_a_view_that_cannot_be_drawn_stops_no_other() -> None:
    """Its page grows stale; the others go on."""

    async def look() -> None:
        live = Live()

        def fail() -> bytes:
            raise ValueError("broken")

        live.add("broken", fail)
        live.add("whole", lambda: b"whole")
        broken, whole = live.watch("broken"), live.watch("whole")
        lost = asyncio.create_task(_next(broken))
        assert await _next(whole) == b"whole"
        lost.cancel()
        live.close()

    asyncio.run(look())
