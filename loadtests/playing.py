"""What a Locust process plays: its options, its share of the traffic, and what came of it."""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import gevent
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.runners import MasterRunner

from .bodies import check_chat
from .playable import check_playable
from .player import Player, lag
from .rendezvous import Meeting
from .rows import REQUESTS, Request, write_row
from .scene import Scene
from .senders import HttpSender, Sender, in_words
from .steered_clock import SteeredClock
from .traffic import Planned, plan_traffic, share_of

if TYPE_CHECKING:
    from .governed import Governed

__all__ = ["Playing", "add_options"]

TARGETS = ("proxy", "service", "sdk")

_BEGINS_IN_S = 2.0
_EPOCH_WITHIN_S = 600.0
_SLACK_S = 5.0

logger = logging.getLogger("open-balancer")


def add_options(parser: LocustArgumentParser) -> None:
    """The options of a scenario, each with its environment variable."""
    add = parser.add_argument
    add("--scenario", env_var="OPEN_BALANCER_SCENARIO", default="conversation_overload",
        help="Name in the library, or file")  # fmt: skip
    add("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE",
        help="Change a key of the scenario; may be repeated")  # fmt: skip
    add("--policy", env_var="OPEN_BALANCER_POLICY", default=None, metavar="FILE",
        help="Policy of the controller, for --target sdk")  # fmt: skip
    add("--replication", env_var="OPEN_BALANCER_REPLICATION", type=int, default=0,
        help="Selects every draw, with the scenario's seed")  # fmt: skip
    add("--speed", env_var="OPEN_BALANCER_SPEED", type=float, default=1.0,
        help="Scenario seconds in a second")  # fmt: skip
    add("--target", env_var="OPEN_BALANCER_TARGET", choices=TARGETS, default="proxy",
        help="proxy: Gemini's API; service: /api/ai-chat; sdk: google-genai, wrapped")  # fmt: skip
    add("--api-key", env_var="GEMINI_API_KEY", default="mock-key", is_secret=True,
        help="Sent as Gemini's API key")  # fmt: skip
    add("--probes", type=int, default=40, include_in_web_ui=False,
        help="Calls by which a call's cost is measured, before the first request")  # fmt: skip
    add("--meeting", default=None, include_in_web_ui=False,
        help="Directory in which the processes of a load test meet")  # fmt: skip


class Playing:
    """The part of one Locust process.

    Args:
        environment: Locust's, with its options parsed.

    Attributes:
        workers: how many play.
        prepared: of a master: names of the workers that know what to play.
        clock: of the scenario.
        longest_wait_s: wall seconds after which a request is given up.

    Raises:
        InputError: a scenario that cannot be played.
    """

    def __init__(self, environment: Environment) -> None:
        options = environment.parsed_options
        assert options is not None
        self._target: str = options.target
        self._api_key: str = options.api_key
        self._scene = Scene(
            source=options.scenario,
            overrides=tuple(options.overrides),
            policy_file=options.policy,
            replication=options.replication,
            speed=options.speed,
        )
        self._meeting = Meeting(Path(options.meeting)) if options.meeting else None
        self._scenario, self._policy = self._scene.load()
        if self._target == "sdk":
            check_playable(self._scenario, self._policy)
        elif self._target == "service":
            check_chat(self._scenario)
        leads = isinstance(environment.runner, MasterRunner)
        self._traffic = () if leads else plan_traffic(self._scenario, self._scene.replication)
        self._probes: int = options.probes
        self._environment = environment
        self._governed: Governed | None = None
        if self._target == "sdk" and not leads:
            self._governed = self._make_governed()
        self._share: Mapping[str, Any] | None = None
        self._rows: list[Request] = []
        self._sink: TextIO | None = None
        self._over = 0
        self.workers = 1
        self.prepared: set[str] = set()
        self.clock = SteeredClock(self._scene.speed)
        patience_s = self._scenario.clients.patience
        self.longest_wait_s = self.clock.wall_s(patience_s) + _SLACK_S

    @property
    def has_parent(self) -> bool:
        """Whether `open-balancer load` started this process."""
        return self._meeting is not None

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to play."""
        stopped = self._meeting is not None and self._meeting.stopped()
        return stopped or self._over >= self.workers

    def _make_governed(self) -> Governed:
        """The controller of the SDK's calls, in this process."""
        from .governed import Governed

        if self._meeting is not None:
            directory = self._meeting.directory
        else:
            directory = Path(tempfile.mkdtemp(prefix="open-balancer-"))
            logger.info("the controller's journal is written to %s", directory)
        return Governed(self._scene, self._scenario, self._policy, directory)

    def own_epoch(self) -> float | None:
        """When second 0 is, where this process decides it; None where others do."""
        return None if self._meeting is not None else time.time() + _BEGINS_IN_S

    @property
    def begun(self) -> bool:
        """Whether this process was told its share."""
        return self._share is not None

    def told(self, share: Mapping[str, Any]) -> None:
        """Which share of the traffic is to be played, and when second 0 is."""
        self._share = share

    def one_finished(self) -> None:
        """A worker has played its share."""
        self._over += 1

    def play(self, session: FastHttpSession) -> None:
        """Play the share of this process."""
        while self._share is None:
            gevent.sleep(0.01)
        share = self._share
        sender = self._sender(session)
        epoch = share["epoch"]
        if epoch is None:
            epoch = self._meet(sender)
            if epoch is None:
                return
        self.clock.steer(epoch)
        if self._governed is not None:
            self._governed.begin(epoch)
        requests = share_of(self._traffic, share["worker"], share["workers"])
        places = self._scenario.clients.concurrency
        player = Player(
            requests,
            send=sender.send,
            note=self._note,
            clock=self.clock,
            spawn=gevent.spawn,
            sleep=gevent.sleep,
            places=None if places is None else max(1, places // share["workers"]),
            patience_s=self._scenario.clients.patience,
        )
        player.play(
            patience_s=self._scenario.clients.patience + _SLACK_S * self._scene.speed,
            stopped=lambda: self._meeting is not None and self._meeting.stopped(),
        )
        self._tell(requests)
        self.one_finished()

    def _sender(self, session: FastHttpSession) -> Sender:
        if self._governed is None:
            return HttpSender(
                session,  # type: ignore[arg-type]  # of which we use what `Session` says
                self._scenario,
                chat=self._target == "service",
                api_key=self._api_key,
            )
        from .sdk_sender import SdkSender

        self._governed.balancer.start()
        return SdkSender(
            self._governed.balancer,
            self._scenario,
            url=session.base_url or "",
            api_key=self._api_key,
            count=self._count,
        )

    def _count(self, name: str, took_s: float, error: Exception | None) -> None:
        hook: Any = self._environment.events.request
        hook.fire(
            request_type="SDK",
            name=name,
            response_time=took_s * 1e3,
            response_length=0,
            exception=error,
            context={},
        )

    def _meet(self, sender: Sender) -> float | None:
        """Measure what a call costs, say so, and wait for second 0; None where no call succeeds."""
        assert self._meeting is not None
        self._sink = (self._meeting.directory / REQUESTS).open("w", encoding="utf-8")
        try:
            call_s = self._probe(sender)
        except Exception as error:  # noqa: BLE001  # of whichever client; Locust would try for ever
            self._meeting.failed("locust", f"the first call failed: {in_words(error)}")
            return None
        self._meeting.ready("locust", call_s=call_s)
        return self._meeting.wait_for_epoch(_EPOCH_WITHIN_S, sleep=gevent.sleep)

    def _probe(self, sender: Sender) -> float:
        """Wall seconds that a call takes which the upstream answers at once."""
        times = []
        for _ in range(self._probes):
            began = time.perf_counter()
            sender.probe()
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    def _note(self, row: Request) -> None:
        self._rows.append(row)
        if self._sink is not None:
            write_row(self._sink, row)

    def _tell(self, requests: tuple[Planned, ...]) -> None:
        found = lag(self._rows)
        logger.info(
            "played %d of %d requests; they were sent late by %.3f s (median) and %.3f s (P95) "
            "of the scenario's time, at most by %.3f s",
            len(self._rows), len(requests), found.p50_s, found.p95_s, found.max_s,
        )  # fmt: skip

    def close(self) -> None:
        """Stop the controller, if it is in this process, and complete the files."""
        if self._governed is not None:
            self._governed.close()
        if self._sink is not None:
            self._sink.close()
            self._sink = None
