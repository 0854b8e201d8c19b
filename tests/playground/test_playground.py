"""Questions to warm workers: the latest wins, shares are bounded, lost workers are replaced."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from balancer.core.errors import InputError
from balancer.policy_file import default_policy, show_policy
from sim.playground import playground as room
from sim.playground.cancelling import SLOTS, SupersededError
from sim.playground.playground import CPU_BURST_S, BusyError, Playground, Who
from sim.playground.values import Subject, Trial

pytestmark = pytest.mark.slow

SCENARIO = """\
scenario: short
title: A short one
teaches: Nothing
source: Made up
duration: 10m
warm_up: 1m
workload: {arrivals: {rate: 3}}
faults:
  - {kind: latency, factor: 4, at: 3m, duration: 3m}
"""
SHORT = Subject(name="short", text=SCENARIO)
EARLIER = Trial(amounts={"thresholds.soft.latency_p95": "8s"})
ME = Who("me", "one")


@asynccontextmanager
async def _playground(size: int = 1) -> AsyncIterator[Playground]:
    found = Playground(size)
    try:
        yield found
    finally:
        found.close()


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await work()

    asyncio.run(whole())


def test_questions_and_answers() -> None:
    """Draw, settle, YAML, impact, mistakes; a lost worker costs nothing but time."""

    async def work() -> None:
        async with _playground() as asked:
            await asked.ready()
            drawn = json.loads(await asked.draw(ME, SHORT, EARLIER))
            assert set(drawn["arms"]) == {"policy", "static", "none"}
            assert drawn["arms"]["policy"]["transitions"][0]["reason"].startswith("soft: ")
            assert all(
                len(line["values"]) <= 1000
                for arm in drawn["arms"].values()
                for line in arm["lines"].values()
            )
            keys = [drawn["arms"][arm]["key"] for arm in ("static", "none")]
            again = json.loads(await asked.draw(ME, SHORT, Trial(), keys))
            assert [again["arms"][arm] for arm in ("static", "none")] == [
                {"key": key} for key in keys
            ]

            settled = await asked.settle(ME, SHORT, EARLIER, Trial())
            assert settled["replications"] == room.REPLICATIONS
            latency = settled["metrics"]["latency_p95_s"]
            assert latency["low"] <= latency["estimate"] <= latency["high"]
            assert set(latency["against"]) == {"ghost", "static", "none"}
            assert latency["against"]["static"]["says"] == "better"
            same = await asked.settle(ME, SHORT, EARLIER, EARLIER)
            assert all(
                each["against"]["ghost"]["says"] == "same" for each in same["metrics"].values()
            )

            assert "latency_p95: 8s" in await asked.yaml(ME, EARLIER)
            whole = Trial(text=show_policy(default_policy()))
            impact = await asked.settle(ME, SHORT, whole, Trial())
            assert impact["metrics"]["cost_usd"]["against"]["ghost"]["says"] == "same"

            with pytest.raises(InputError, match="the library has no scenario"):
                await asked.draw(ME, Subject(name="/etc/passwd"), Trial())
            with pytest.raises(InputError, match="no such number"):
                await asked.draw(ME, SHORT, Trial(amounts={"ladder.hol": "1m"}))

            (worker,) = asked._crew._own
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            assert json.loads(await asked.draw(ME, SHORT, EARLIER)) == drawn
            assert len(asked._free) == SLOTS

    _run(work)


def test_the_latest_question_of_a_tab_wins() -> None:
    """The one before is dropped, whether it runs or waits; other tabs are left alone."""

    async def work() -> None:
        async with _playground() as asked:
            await asked.ready()
            # An hour that would take long to settle, and is dropped in the midst of it.
            stale: list[asyncio.Task[object]] = [
                asyncio.create_task(asked.settle(ME, Subject(name="overload_for_hours"), Trial())),
            ]
            other = asyncio.create_task(asked.draw(Who("me", "two"), SHORT, EARLIER))
            await asyncio.sleep(0)
            stale.append(asyncio.create_task(asked.draw(ME, SHORT, EARLIER)))
            await asyncio.sleep(0)
            latest = await asked.draw(ME, SHORT, Trial())
            found = await asyncio.gather(*stale, return_exceptions=True)
            assert all(isinstance(each, SupersededError) for each in found)
            assert json.loads(latest)["scenario"] == json.loads(await other)["scenario"] == "short"

            gone = asyncio.create_task(asked.draw(ME, SHORT, EARLIER))
            await asyncio.sleep(0)
            asked.cancel(ME)
            with pytest.raises(SupersededError):
                await gone
            assert not asked._latest

    _run(work)


def test_nobody_takes_more_than_a_share() -> None:
    """What is used up comes back with time; others are not concerned."""
    now_s = [0.0]
    asked = Playground(1, now_s=lambda: now_s[0])
    asked._check_share("me")
    asked._spend("me", CPU_BURST_S + 2.0)
    with pytest.raises(BusyError, match="your share of computing time is used up") as refused:
        asked._check_share("me")
    asked._check_share("you")
    now_s[0] += refused.value.wait_s
    asked._check_share("me")


def test_more_questions_at_once_than_there_are_flags_are_refused() -> None:
    """With a word on when to ask again."""

    async def work() -> None:
        async with _playground() as asked:
            asked._free.clear()
            with pytest.raises(BusyError, match="too many questions at once"):
                await asked.draw(ME, SHORT, Trial())

    _run(work)
