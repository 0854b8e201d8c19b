"""Plays a scenario in wall time: starts what it takes, waits for the end, stops everything.

Mock, service and Locust are processes of their own. When all of them have said that they are
ready, second 0 of the scenario is set a moment ahead, the same for all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from balancer.core.errors import BalancerError
from balancer.core.journal import Entry
from balancer.core.policy import Policy
from balancer.core.pricing import NANO_USD
from balancer.journal_file import open_journal
from scenarios.schema import Scenario
from sim.mock_gemini.process import spawn as spawn_mock

from .bodies import check_chat
from .children import Child
from .fates import FATES, FateCollector
from .governed import CALLS, JOURNAL
from .playable import check_playable
from .rendezvous import Meeting
from .rows import REQUESTS, Call, Fate, Request, read_rows
from .scene import Scene
from .spending import Spending, spent_nano_usd
from .traffic import Planned, plan_traffic

__all__ = [
    "LOCUSTFILE",
    "LoadTestError",
    "Played",
    "Target",
    "Upstream",
    "check",
    "play",
    "wait_until_ready",
]

Target = Literal["proxy", "service", "sdk"]
Upstream = Literal["mock", "gemini"]

LOCUSTFILE = Path(__file__).with_name("locustfile.py")

_READY_WITHIN_S = 600.0
_BEGINS_IN_S = 1.0
_LATE_S = 120.0
_NAP_S = 0.05
_REAL_PROBES = 3


class LoadTestError(BalancerError):
    """A load test that could not be played to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of playing a scenario.

    Attributes:
        scene, scenario, policy: that were played.
        target, upstream: through what, and against what.
        traffic: what should have been sent.
        requests, calls, fates: what was noted down, see `loadtests.rows`.
        journal: ticks of the live controller.
        call_s: wall seconds of a call that is answered at once, measured before second 0.
        spent_nano_usd: against the real API, at most.
    """

    scene: Scene
    scenario: Scenario
    policy: Policy
    target: Target
    upstream: Upstream
    traffic: tuple[Planned, ...]
    requests: tuple[Request, ...]
    calls: tuple[Call, ...]
    fates: tuple[Fate, ...]
    journal: tuple[Entry, ...]
    call_s: float
    spent_nano_usd: int = 0


def play(
    scene: Scene,
    *,
    target: Target,
    work: Path,
    out: Path | None = None,
    spend: Spending | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], object] | None = None,
) -> Played:
    """Play a scenario.

    Args:
        scene: what to play.
        target: what the requests are sent to: the service's proxy, its own API, or google-genai
            wrapped in Locust's process.
        work: an empty directory for what the processes note down.
        out: directory for Locust's own report; None writes none.
        spend: against the real API, and at most so much; None plays against a mock.
        progress: called with seconds played and seconds in all.
        say: takes a sentence about what the compression of time costs here, before it begins.

    Raises:
        InputError: a scenario that cannot be played.
        LoadTestError: a process died, or did not come to its end in time.
    """
    scenario, policy, traffic = check(scene, target)
    meeting = Meeting(work)
    with ExitStack() as stack:
        mock = fates = None
        if spend is None:
            mock = stack.enter_context(
                spawn_mock(
                    scene.source,
                    overrides=scene.overrides,
                    policy=scene.policy_file,
                    replication=scene.replication,
                    speed=scene.speed,
                )
            )
            upstream, api_key = mock.addresses.url, mock.addresses.api_key
            fates = stack.enter_context(FateCollector(mock.admin, work))
        else:
            upstream, api_key = spend.url, spend.api_key
            spend.tell(work)
        url, served = upstream, None
        if target != "sdk":
            told = {"scene": scene.plain(), "meeting": str(work), "upstream": upstream}
            served = stack.enter_context(
                Child(
                    "loadtests.target", log=work / "target.log", told={**told, "api_key": api_key}
                )
            )
            url = str(wait_until_ready(meeting, "target", served)["url"])
        locust = stack.enter_context(
            Child(
                "locust",
                _locust_words(scene, target, url, work, out, spend),
                log=work / "locust.log",
                environment={**os.environ, "GEMINI_API_KEY": api_key},
            )
        )
        call_s = float(wait_until_ready(meeting, "locust", locust)["call_s"])
        if say is not None:
            say(_cost_of_speed(call_s, scene.speed))
        epoch = time.time() + _BEGINS_IN_S
        if mock is not None and fates is not None:
            mock.admin.set_clock(epoch)
            fates.begin()
        meeting.set_epoch(epoch)
        others = [served] if served is not None else []
        try:
            _await_end(scene, scenario, epoch, locust, others, progress)
        finally:
            meeting.stop()
    spent = 0 if spend is None else spent_nano_usd(work)
    requests = read_rows([work / REQUESTS], Request)
    if len(requests) < len(traffic):
        raise LoadTestError(_cut_short(len(requests), len(traffic), spend, spent))
    return Played(
        scene=scene,
        scenario=scenario,
        policy=policy,
        target=target,
        upstream="mock" if spend is None else "gemini",
        traffic=traffic,
        requests=tuple(requests),
        calls=tuple(read_rows([work / CALLS], Call)),
        fates=tuple(read_rows([work / FATES], Fate)) if fates is not None else (),
        journal=tuple(open_journal(work / JOURNAL)),
        call_s=call_s,
        spent_nano_usd=spent,
    )


def check(scene: Scene, target: Target) -> tuple[Scenario, Policy, tuple[Planned, ...]]:
    """Scenario, policy and traffic of a scene that can be played live through a target.

    Raises:
        InputError: it cannot.
    """
    scenario, policy = scene.load()
    check_playable(scenario, policy)
    if target == "service":
        check_chat(scenario)
    return scenario, policy, plan_traffic(scenario, scene.replication)


def _cost_of_speed(call_s: float, speed: float) -> str:
    return (
        f"A call that is answered at once takes {call_s * 1e3:.1f} ms here; at speed {speed:g} "
        f"that is {call_s * speed * 1e3:.0f} ms of the scenario's time on every latency."
    )


def _cut_short(sent: int, planned: int, spend: Spending | None, spent_nano_usd: int) -> str:
    if spend is None:
        return f"only {sent:,} of {planned:,} requests came to their end"
    return (
        f"the spend cap of ${spend.cap_usd:g} ended the test after {sent:,} of {planned:,} "
        f"requests, with at most ${spent_nano_usd / NANO_USD:.4f} spent; raise it, or play less: "
        "--set duration=5m --set workload.arrivals.rate=1"
    )


def _locust_words(
    scene: Scene,
    target: Target,
    url: str,
    work: Path,
    out: Path | None,
    spend: Spending | None,
) -> list[str]:
    words = ["--headless", "--only-summary", "--locustfile", str(LOCUSTFILE), "--host", url]
    words += ["--scenario", scene.source, "--target", target, "--meeting", str(work)]
    words += ["--replication", str(scene.replication), "--speed", repr(scene.speed)]
    for override in scene.overrides:
        words += ["--set", override]
    if scene.policy_file is not None:
        words += ["--policy", scene.policy_file]
    if spend is not None:
        words += ["--probes", str(_REAL_PROBES)]
    if out is not None:
        words += ["--html", str(out / "locust.html"), "--csv", str(out / "locust")]
    return words


def wait_until_ready(meeting: Meeting, name: str, child: Child) -> dict[str, Any]:
    """What a process told when it was ready.

    Raises:
        LoadTestError: it died, cannot begin, or was not ready in time.
    """
    until = time.monotonic() + _READY_WITHIN_S
    while (told := meeting.who_is_ready(name)) is None:
        if (why := meeting.why_not(name)) is not None:
            raise LoadTestError(why)
        if child.exit_code is not None:
            raise LoadTestError(
                f"{name} ended before it was ready, with exit code {child.exit_code}:\n"
                f"{child.last_words()}"
            )
        if time.monotonic() > until:
            raise LoadTestError(
                f"{name} was not ready within {_READY_WITHIN_S:g} s:\n{child.last_words()}"
            )
        time.sleep(_NAP_S)
    return told


def _await_end(
    scene: Scene,
    scenario: Scenario,
    epoch: float,
    locust: Child,
    others: list[Child],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Wait until Locust has played everything.

    Raises:
        LoadTestError: a process died, or it took too long.
    """
    longest_s = (scenario.duration + scenario.clients.patience) / scene.speed + _LATE_S
    total = int(scenario.duration)
    while locust.exit_code is None:
        for other in others:
            if other.exit_code is not None:
                raise LoadTestError(
                    f"{other.name} ended while the scenario was played, with exit code "
                    f"{other.exit_code}:\n{other.last_words()}"
                )
        since_s = time.time() - epoch
        if since_s > longest_s:
            raise LoadTestError(
                f"Locust did not come to its end within {longest_s:g} s:\n{locust.last_words()}"
            )
        if progress is not None:
            progress(max(0, min(total, int(since_s * scene.speed))), total)
        locust.wait(0.25)
    # Locust exits with 1 where requests failed, as some scenarios mean them to.
    if locust.exit_code not in (0, 1):
        raise LoadTestError(
            f"Locust ended with exit code {locust.exit_code}:\n{locust.last_words()}"
        )
