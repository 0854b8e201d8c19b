"""The scripts of the store do what the simulated store does, and say what is wrong in words."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from balancer.fleet.grants import Ask, Leased
from balancer.fleet.redis_store import RedisStore
from balancer.fleet.store import Head, StoreError
from sim.fleet.store import Memory
from tests.waiting import GIVE_UP_S, at_once

from .conftest import Server

T = TypeVar("T")
FORM = "a form"


def run(work: Coroutine[Any, Any, T]) -> T:
    """In a loop of its own."""
    return asyncio.run(work)


def shape(head: Head) -> tuple[object, ...]:
    """What both stores must agree on; places in the stream are each one's own."""
    return (
        head.generation,
        head.form,
        head.tick,
        head.leader,
        head.fence,
        head.accepted,
        bool(head.entry),
    )


def test_a_log_is_begun_appended_to_and_closed_alike(store: Server) -> None:
    """A hundred random steps of three replicas on both."""

    async def both() -> None:
        real, memory, chance = (
            RedisStore(store.url, "a", timeout_s=GIVE_UP_S),
            Memory(),
            random.Random(5),
        )
        numbers = dict.fromkeys("xyz", 0)
        generation = ""
        for step in range(300):
            name = chance.choice("xyz")
            kind = chance.choice(
                ["beat", "beat", "beat", "again", "close", "save", "leave", "found"]
            )
            if kind in ("beat", "again"):
                numbers[name] += kind == "beat"
                asked = (name, FORM if step % 20 else "another", numbers[name], f"part {step}")
                assert shape(await real.beat(*asked, lead_s=1e6)) == shape(
                    memory.beat(*asked, lead_s=1e6)
                ), step
            elif kind == "close":
                heads = (
                    await real.beat(name, FORM, 0, "", lead_s=0.0),
                    memory.beat(name, FORM, 0, "", lead_s=0.0),
                )
                found = await real.parts(heads[0].offset), memory.parts(heads[1].offset)
                assert [part[1:] for part in found[0]] == [part[1:] for part in found[1]]
                offsets = [
                    parts[-1][0] if parts else head.offset
                    for parts, head in zip(found, heads, strict=True)
                ]
                after, fence = heads[0].tick + chance.choice([0, 0, 0, 1]), heads[0].fence
                tick = after + chance.choice([0, 1, 1, 3])
                closed = (
                    await real.close(generation, name, fence, after, tick, offsets[0], f"l{tick}"),
                    memory.close(generation, name, fence, after, tick, offsets[1], f"l{tick}"),
                )
                assert closed[0] == closed[1], step
            elif kind == "save":
                tick = memory.beat(name, FORM, 0, "", lead_s=0.0).tick
                await real.save(generation, tick, f"s{tick}")
                memory.save(generation, tick, f"s{tick}")
            elif kind == "leave":
                fence = memory.beat(name, FORM, 0, "", lead_s=0.0).fence
                await real.leave(name, fence)
                memory.leave(name, fence)
            else:
                tick = memory.beat(name, FORM, 0, "", lead_s=0.0).tick + chance.choice([0, 1])
                log = (generation, f"g{step}", FORM, tick, f"s{step}")
                begun = await real.found(*log), memory.found(*log)
                assert begun[0] == begun[1]
                generation = f"g{step}" if begun[0] else generation
            assert await real.lines(-1, 0.001) == memory.lines(-1)
            assert await real.snapshot() == memory.snapshot()
        await real.disconnect()

    run(both())


def test_leases_are_what_they_are_in_python(store: Server) -> None:
    """Random asks of four owners; both stores by one clock, as near as it matters."""

    async def both() -> None:
        real, memory, chance = (
            RedisStore(store.url, "b", most=3, timeout_s=GIVE_UP_S),
            Memory(),
            random.Random(7),
        )
        memory.pool._most = 3
        spent = dict.fromkeys("wxyz", 0)
        allowed = dict.fromkeys("wxyz", 0)
        # The store begins in quiet: it grants nothing, and learns what is held.
        for number in range(1, 200):
            name = chance.choice("wxyz")
            spent[name] = min(spent[name] + chance.randint(0, 40), max(spent[name], allowed[name]))
            ask = Ask(
                name="all 80000s",
                limit=2**53 - 1 if number > 150 else 10_000,
                window_s=80_000.0,
                spent=spent[name],
                allowed=allowed[name],
                wanted=spent[name] + chance.randint(0, 900),
                recent=chance.randint(0, 9),
            )
            now = await _now(store)
            memory.now_s = now
            if number == 20:
                # Both forget when they began, which ends the quiet.
                store.tell("HSET", "{b}:owners", "", "1")
                memory.pool._began = 1
            asked = number if number % 9 else number - 5
            asks, gone = (ask,) if asked == number else (), number % 50 == 0
            found = await real.lease(name, asked, asks, life_s=1e3, linger_s=10.0, gone=gone)
            expected = memory.lease(name, asked, asks, life_s=1e3, linger_s=10.0, gone=gone)
            assert found == expected, number
            for grant in found.grants:
                allowed[name] = grant.allowed
        await real.disconnect()

    run(both())


async def _now(store: Server) -> float:
    import redis

    with redis.Redis(unix_socket_path=str(store.socket)) as client:
        answer: Any = client.time()
    seconds, micros = answer
    return float(seconds) + float(micros) / 1e6


def test_a_lease_that_nobody_prolongs_is_charged_in_full_and_corrected(store: Server) -> None:
    """By the store's own clock."""

    async def charged() -> None:
        real = RedisStore(store.url, "c", timeout_s=GIVE_UP_S)

        async def ask(owner: str, number: int, spent: int, allowed: int, wanted: int) -> Leased:
            asked = Ask(
                name="all 60s", limit=1000, window_s=60.0, spent=spent, allowed=allowed,
                wanted=wanted, recent=0,
            )  # fmt: skip
            return await real.lease(owner, number, (asked,), life_s=0.01, linger_s=0.01)

        await ask("a", 1, 0, 0, 0)
        store.tell("HSET", "{c}:owners", "", "1")
        (had,) = (await ask("a", 2, 0, 0, 40)).grants
        assert had.allowed == 40
        # Its lease ends by the store's clock: asked for, until it has.
        for number in range(1, 10_000):
            (other,) = (await ask("b", number, 0, 0, 0)).grants
            if other.settled:
                break
        assert (other.settled, other.leased) == (40, 0)
        (back,) = (await ask("a", 3, 25, 40, 25)).grants
        assert (back.allowed, back.settled, back.leased) == (25, 25, 0)
        await real.disconnect()

    run(charged())


def failing(url: str) -> StoreError:
    """What a store that is wrong is told to be."""

    async def ask() -> StoreError:
        store = RedisStore(url, "p", timeout_s=GIVE_UP_S)
        try:
            await store.found("", "g", FORM, 1, "snapshot")
        except StoreError as error:
            return error
        finally:
            await store.disconnect()
        raise AssertionError("it answered")

    return run(ask())


def test_a_store_that_is_away_says_so_within_its_deadline(tmp_path: Path) -> None:
    """And gives away no address, which may hold a password."""
    error = failing("redis://:secret@127.0.0.1:1/0")
    assert error.kind == "away"
    assert "secret" not in str(error)


def test_a_wrong_password_is_told(store: Server) -> None:
    """Whether there is none, or another one."""
    store.tell("CONFIG", "SET", "requirepass", "right")
    assert failing(store.url).kind == "password"
    assert failing(f"{store.url}?password=wrong").kind == "password"


def test_a_store_that_can_only_be_read_is_told(store: Server) -> None:
    """A replica of Redis: whoever gives its address meant the primary's."""
    store.tell("REPLICAOF", "127.0.0.1", "1")
    error = failing(store.url)
    assert error.kind == "read-only", error


def test_a_user_who_may_not_do_it_is_told(store: Server) -> None:
    """What the store said is in the message."""
    store.tell("ACL", "SETUSER", "poor", "on", ">secret", "~*", "+ping")
    assert failing(f"{store.url}?username=poor&password=secret").kind == "permission"


def test_a_store_without_memory_is_told(store: Server) -> None:
    """It is named as such, and not as away."""

    async def fill() -> StoreError:
        real = RedisStore(store.url, "p", timeout_s=GIVE_UP_S)
        await real.found("", "g", FORM, 1, "snapshot")
        store.tell("CONFIG", "SET", "maxmemory", "1")
        try:
            await real.beat("r", FORM, 1, "a part", lead_s=0.0)
        except StoreError as error:
            return error
        finally:
            await real.disconnect()
        raise AssertionError("it took it")

    assert run(fill()).kind == "memory"


def test_a_port_without_tls_is_told(tmp_path: Path) -> None:
    """`rediss://` to a port that speaks plainly."""

    async def plain() -> StoreError:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(b"-ERR this is no TLS\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        store = RedisStore(f"rediss://127.0.0.1:{port}", "p", timeout_s=GIVE_UP_S)
        try:
            await store.beat("r", FORM, 0, "", lead_s=1.0)
        except StoreError as error:
            return error
        finally:
            await store.disconnect()
            server.close()
        raise AssertionError("it answered")

    assert run(plain()).kind == "tls"


def test_a_store_that_hangs_is_left_in_time(store: Server) -> None:
    """CLIENT PAUSE: every call ends at its deadline."""

    async def paused() -> None:
        real = RedisStore(store.url, "p", timeout_s=0.3)
        store.tell("CLIENT", "PAUSE", f"{GIVE_UP_S * 1000:.0f}", "ALL")
        with at_once(), pytest.raises(StoreError, match="does not answer"):
            await real.beat("r", FORM, 0, "", lead_s=1.0)
        await real.disconnect()

    run(paused())
