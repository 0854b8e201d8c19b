"""The store of a fleet in Redis 7 or Valkey: streams, and scripts that each do one step whole.

Every call has a deadline, whatever the network does, and nothing is tried twice in here: who asks
knows what may be asked again. All keys begin with the fleet's prefix in braces, so that they are
in one slot of a cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis import exceptions as wrong
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .grants import Ask, Grant, Leased
from .store import AWAY, Head, StoreError

__all__ = ["RedisStore", "explain"]

KEPT_LINES = 300
"""Lines kept before the newest snapshot, for those who are a little behind."""

MOST_PARTS = 10_000
"""Parts that are read at once."""

_LARGEST = 2**53 - 1
"""Numbers of a script are exact up to here: nine million dollars."""

_UNAUTHORIZED = ("NOAUTH", "WRONGPASS", "unauthenticated", "username-password pair")

# As redis-py says it of a connection that was open, whichever of the two noticed first.
_HUNG_UP = ("closed by server", "while reading from", "while writing to")
_MAYBE_TLS = "; if this port speaks TLS, the URL begins with rediss://"

_SCRIPTS = ("beat", "close", "found", "save", "leave", "lease")


class RedisStore:
    """See `balancer.fleet.store.Store`.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with user and password.
        prefix: that the fleet's keys begin with.
        timeout_s: within which every call ends.
        most: replicas that a share of the budget is set aside for.
    """

    def __init__(self, url: str, prefix: str, *, timeout_s: float = 0.5, most: int = 20) -> None:
        self._timeout_s = timeout_s
        self._most = most
        self._prefix = f"{{{prefix}}}:"
        self._client = self._made(url, timeout_s)
        # Whoever waits for lines has a connection of its own, and a longer breath.
        self._waiting = self._made(url, None)
        home = Path(__file__).parent
        self._scripts = {
            name: self._client.register_script((home / f"{name}.lua").read_text(encoding="utf-8"))
            for name in _SCRIPTS
        }

    @staticmethod
    def _made(url: str, timeout_s: float | None) -> Any:  # its answers have no exact types
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            max_connections=4,
        )

    def _keys(self, *names: str) -> list[str]:
        return [self._prefix + name for name in names]

    async def _run(self, name: str, keys: Sequence[str], *args: str | int) -> Any:
        return await self._within(self._scripts[name](keys=list(keys), args=args), self._timeout_s)

    async def _within(self, call: Awaitable[Any], timeout_s: float) -> Any:
        try:
            async with asyncio.timeout(timeout_s):
                return await call
        except (wrong.RedisError, OSError, TimeoutError, ValueError) as error:
            raise explain(error, timeout_s) from None

    async def beat(self, replica: str, form: str, number: int, part: str, *, lead_s: float) -> Head:
        """See `Store.beat`."""
        generation, found, tick, offset, leader, fence, accepted, entry = await self._run(
            "beat",
            self._keys("head", "parts", "leader", "fence", f"seen:{replica}"),
            replica,
            form,
            number,
            part,
            round(lead_s * 1000),
        )
        return Head(
            generation=generation,
            form=found,
            tick=int(tick),
            offset=offset,
            leader=leader,
            fence=int(fence),
            accepted=int(accepted),
            entry=entry,
        )

    async def parts(self, offset: str) -> list[tuple[str, str, int, str]]:
        """See `Store.parts`."""
        found = await self._within(
            self._client.xrange(
                self._keys("parts")[0], min=f"({offset}" if offset else "-", count=MOST_PARTS
            ),
            self._timeout_s,
        )
        return [
            (entry, values["replica"], int(values["number"]), values["part"])
            for entry, values in found
        ]

    async def close(
        self, generation: str, replica: str, fence: int, after: int, tick: int, offset: str,
        line: str,
    ) -> bool:  # fmt: skip
        """See `Store.close`."""
        return bool(
            await self._run(
                "close",
                self._keys("head", "parts", "log", "leader"),
                *(generation, replica, fence, after, tick, offset, line),
            )
        )

    async def lines(self, after: int, wait_s: float) -> list[str]:
        """See `Store.lines`."""
        log = self._keys("log")[0]
        found = await self._within(
            self._waiting.xread({log: f"{after + 1}-0"}, block=max(1, round(wait_s * 1000))),
            wait_s + self._timeout_s,
        )
        return [values["line"] for _, entries in found or () for _, values in entries]

    async def snapshot(self) -> str:
        """See `Store.snapshot`."""
        key = self._keys("snapshot")[0]
        return str(await self._within(self._client.hget(key, "text"), self._timeout_s) or "")

    async def save(self, generation: str, tick: int, snapshot: str) -> None:
        """See `Store.save`."""
        keys = self._keys("head", "log", "snapshot")
        await self._run("save", keys, generation, tick, snapshot, KEPT_LINES)

    async def found(
        self, before: str, generation: str, form: str, tick: int, snapshot: str
    ) -> bool:
        """See `Store.found`."""
        keys = self._keys("head", "parts", "log", "leader", "snapshot")
        return bool(await self._run("found", keys, before, generation, form, tick, snapshot))

    async def leave(self, replica: str, fence: int) -> None:
        """See `Store.leave`."""
        await self._run("leave", self._keys("leader"), replica, fence)

    async def lease(
        self,
        owner: str,
        number: int,
        asks: Sequence[Ask],
        *,
        life_s: float,
        linger_s: float,
        gone: bool = False,
    ) -> Leased:
        """See `Store.lease`."""
        place, *values = await self._run(
            "lease",
            self._keys("owners", "budget:"),
            owner,
            round(life_s * 1000),
            round(linger_s * 1000),
            int(gone),
            self._most,
            number,
            *(value for ask in asks for value in _arguments(ask)),
        )
        numbers = list(map(int, values))
        return Leased(
            grants=tuple(
                Grant(name=ask.name, allowed=allowed, settled=settled, leased=leased)
                for ask, allowed, settled, leased in zip(
                    asks, numbers[::3], numbers[1::3], numbers[2::3], strict=True
                )
            ),
            place=place == "1",
        )

    async def disconnect(self) -> None:
        """Drop the connections."""
        for client in (self._client, self._waiting):
            try:
                async with asyncio.timeout(self._timeout_s):
                    await client.aclose()
            except (wrong.RedisError, OSError, TimeoutError):
                continue


def _arguments(ask: Ask) -> tuple[str | int, ...]:
    return (
        ask.name,
        min(ask.limit, _LARGEST),
        round(ask.window_s * 1000),
        ask.spent,
        ask.allowed,
        ask.wanted,
        ask.recent,
    )


def explain(error: Exception, timeout_s: float) -> StoreError:
    """What went wrong in words for whoever runs the fleet. No address: it may hold a password."""
    text = str(error)
    if isinstance(error, wrong.AuthenticationError | wrong.AuthorizationError) or any(
        sign in text for sign in _UNAUTHORIZED
    ):
        return StoreError(
            "the store refuses user or password: set OPEN_BALANCER_FLEET to a URL with the right "
            "ones, such as redis://:PASSWORD@HOST:6379",
            "password",
        )
    if isinstance(error, wrong.NoPermissionError) or text.startswith("NOPERM"):
        return StoreError(
            "the store's user may not do what a fleet needs (keys of the prefix; streams, hashes, "
            f"scripts): {text}",
            "permission",
        )
    if isinstance(error, wrong.ReadOnlyError) or "READONLY" in text:
        return StoreError(
            "the store can only be read: give the fleet the address of the primary",
            "read-only",
        )
    if isinstance(error, wrong.OutOfMemoryError) or text.startswith("OOM"):
        return StoreError(f"the store has no memory left: {text}", "memory")
    if "SSL" in text or "certificate" in text or "TLS" in text:
        return StoreError(
            "no TLS connection to the store: check that it speaks TLS on this port (rediss://) and "
            f"that its certificate is trusted: {text}",
            "tls",
        )
    if isinstance(error, wrong.BusyLoadingError):
        return StoreError("the store is loading its data", "loading")
    if isinstance(error, wrong.ResponseError):
        return StoreError(f"the store refuses a command: {text}", "refused")
    if isinstance(error, TimeoutError | wrong.TimeoutError):
        return StoreError(f"the store does not answer within {timeout_s:g} s", AWAY)
    hint = _MAYBE_TLS if any(sign in text for sign in _HUNG_UP) else ""
    return StoreError(f"the store cannot be reached: {text or type(error).__name__}{hint}", AWAY)
