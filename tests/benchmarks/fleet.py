"""`python -m tests.benchmarks.fleet`: the figures of docs/explanation/fleet.md, in some minutes.

What is simulated is the same every time. What the store costs is its own count of processor time,
on a redis-server that is started here; a call is a ratio within one run.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from balancer.core.policy import BudgetLimit
from balancer.fleet import Fleet
from balancer.fleet.grants import Ask
from balancer.fleet.pool import Pool
from balancer.fleet.redis_store import RedisStore
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, CallSettings, Outcome
from balancer.runtime.ledger import Ledger
from sim.fleet.actor import Spending
from sim.fleet.world import World
from tests.fleet.conftest import SERVER, Server
from tests.fleet.test_many_keys import Replica, policy, usable
from tests.waiting import until

REPLICAS = 50
SECONDS = 60
CALLS_PER_S = 4
OWNERS, LIMITS = 8, 1000
_TURNS = 400
_CALLS = 100


def main() -> None:
    """Print a line each."""
    # What replicas say of themselves where a machine is busy is no figure.
    logging.getLogger("balancer.fleet").setLevel(logging.CRITICAL)
    for name, figure in chain(simulated(), calls(), on_a_store()):
        sys.stdout.write(f"{name}: {figure}\n")
        sys.stdout.flush()


def simulated() -> Iterator[tuple[str, str]]:
    """Skew, take-over, and what is usable of a budget."""
    made = World(default_policy(), seed=1)
    for number in range(REPLICAS):
        made.join(ahead_s=(number % 5) * 0.5)
    made.run(60.0)
    made.check()
    yield f"decision skew, {REPLICAS} replicas", f"{made.skew_s:.2f} s, ticks of 1 s"
    made = World(default_policy(), seed=1)
    for number in range(5):
        made.join(ahead_s=(number % 5) * 0.5)
    made.run(20.0)
    worst = 0
    for _ in range(20):
        (leader,) = [actor for actor in made.actors if actor.member.leads]
        before = len(made.gaps)
        made.kill(leader)
        made.run(8.0)
        worst = max(worst, *made.gaps[before:])
        made.join()
        made.run(5.0)
    made.check()
    yield "take-over after the leader is killed, worst of 20", f"{worst} ticks"
    steady = Spending(limit=1_000_000, window_s=300.0, worst=1_000, calls_per_s=1.0)
    made = World(default_policy(), seed=1, spending=steady)
    for number in range(20):
        made.join(ahead_s=(number % 5) * 0.5)
    made.run(300.0)
    before = made.truth.total
    made.run(600.0)
    made.check()
    share = (made.truth.total - before) / (2 * steady.limit)
    yield "usable, 20 replicas, over two windows", f"{share:.1%}, overshoot 0"
    found = usable(2_000, 50)
    yield "usable of each of 50 limits, of 2,000", f"{min(found):.1%} to {max(found):.1%}"
    found = usable(100_000, 50)
    yield "usable of each of 50 limits, of 100,000", f"{min(found):.1%} to {max(found):.1%}"


def calls() -> Iterator[tuple[str, str]]:
    """A call on a budget that is leased, over one on a budget of its own."""
    limits = policy(1)
    leased = Replica(limits, Pool())
    own = Ledger(limits)
    card = default_policy().catalog.card("gemini-2.5-flash")
    best = [float("inf")] * 2
    for _ in range(_TURNS):
        for place, ledger in enumerate((own, leased.ledger)):
            began = time.perf_counter()
            for _ in range(_CALLS):
                claim = ledger.reserve(
                    card, prompt_tokens=100, cap_tokens=100, thinking_tokens=0, key="k0"
                )
                if claim is not None:
                    ledger.settle(claim, 10)
            best[place] = min(best[place], time.perf_counter() - began)
    more_us = 1e6 * (best[1] - best[0]) / _CALLS
    yield (
        "money of a call, leased over own",
        f"{best[1] / best[0]:.2f} times, {more_us:.1f} µs more",
    )


def on_a_store() -> Iterator[tuple[str, str]]:
    """What a redis-server does for a fleet, by its own count."""
    if SERVER is None:
        yield "store", "not measured: no redis-server or valkey-server on this machine"
        return
    with tempfile.TemporaryDirectory(prefix="fleet") as home:
        server = Server(Path(home))
        try:
            with together(server) as made:
                before, began_s = busy_s(server), time.monotonic()
                call(made)
                used = (busy_s(server) - before) / (time.monotonic() - began_s)
                memory = info(server, "memory")["used_memory"] / 1e6
            yield (
                f"store, {REPLICAS} replicas at a tick a second",
                f"{used:.1%} of a core, {memory:.1f} MB",
            )
            server.tell("FLUSHALL")
            each_s = asyncio.run(lease_s(server))
            yield (
                f"store, a lease that is taken or told, {OWNERS} owners a limit",
                f"{1e6 * each_s:.0f} µs",
            )
        finally:
            server.stop()


@contextmanager
def together(server: Server) -> Iterator[list[Balancer]]:
    """Replicas with one budget."""
    limits = replace(default_policy(), budgets=(BudgetLimit(usd=100.0, window_s=3600.0),), rules=())
    with ExitStack() as stack:
        made = [
            stack.enter_context(
                Balancer(
                    limits,
                    settings=CallSettings(model="gemini-2.5-flash"),
                    fleet=Fleet(
                        url=server.url, replica=f"r{each}", replicas=REPLICAS, timeout_s=5.0
                    ),
                )
            )
            for each in range(REPLICAS)
        ]
        until(lambda: all(_in(each) for each in made), "they are together")
        yield made


def call(made: list[Balancer]) -> None:
    """Calls of all for the time that is measured."""
    for turn in range(SECONDS * CALLS_PER_S):
        ends_s = time.monotonic() + 1.0 / CALLS_PER_S
        for balancer in made:
            request = balancer.request(asked=Asked(prompt_tokens=500, output_cap_tokens=400))
            attempt = request.start()
            if attempt is not None:
                attempt.finish(Outcome(prompt_tokens=500, output_tokens=100 + turn))
            request.close()
        time.sleep(max(0.0, ends_s - time.monotonic()))


def _in(balancer: Balancer) -> bool:
    standing = balancer.status().fleet
    return standing is not None and standing.replicas == REPLICAS and standing.leased


def info(server: Server, section: str) -> dict[str, Any]:
    """What the server says of itself."""
    import redis

    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        found: dict[str, Any] = client.info(section)
    return found


def busy_s(server: Server) -> float:
    """Processor time of the server so far."""
    found = info(server, "cpu")
    return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


async def lease_s(server: Server) -> float:
    """Processor time of one limit in a question: taken first, and then told twice."""
    store = RedisStore(server.url, "bench", timeout_s=60.0)
    before = busy_s(server)
    asked = 0
    for number in range(1, 4):
        for owner in range(OWNERS):
            asks = [
                Ask(
                    name=f"key k{limit} 3600s",
                    limit=10**9,
                    window_s=3600.0,
                    spent=1000 * (number - 1),
                    allowed=0,
                    wanted=1000 * number,
                    recent=0,
                )
                for limit in range(LIMITS)
            ]
            await store.lease(f"o{owner}", number, asks, life_s=60.0, linger_s=60.0)
            asked += LIMITS
    await store.disconnect()
    return (busy_s(server) - before) / asked


if __name__ == "__main__":
    main()
