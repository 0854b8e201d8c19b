"""A scenario's traffic for Locust: `locust -f loadtests/locustfile.py --host URL`.

`open-balancer load` starts this with everything else that a test needs. By itself it sends
the scenario's requests to whatever answers at the host: a proxy (or Gemini, or a mock of it),
or the service's own API. One user of each worker plays that worker's share of the arrivals at
their exact times (an open loop), so the number of users says nothing about the load.

Locust patches the standard library on import, so this runs in a process of its own.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import gevent
from locust import FastHttpUser, LoadTestShape, events, runners, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from balancer.core.errors import BalancerError
from loadtests.playing import Playing, add_options

__all__ = ["ScenarioShape", "ScenarioUser"]

_PARENT = os.getppid()
_AGAIN_S = 0.1

# Workers are silent while they plan their traffic, which takes a busy machine longer than Locust's
# three seconds.
runners.HEARTBEAT_LIVENESS = 60


def _options(parser: LocustArgumentParser, **_: Any) -> None:
    add_options(parser)


def _init(environment: Environment, **_: Any) -> None:
    try:
        playing = Playing(environment)
    except BalancerError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)  # which Locust lets through, where it would log an error and go on
    environment.playing = playing  # type: ignore[attr-defined]  # as Locust's guide does
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        runner.register_message("finished", lambda **_: playing.one_finished())
        runner.register_message("prepared", lambda msg, **_: playing.prepared.add(msg.node_id))
    elif isinstance(runner, WorkerRunner):
        runner.register_message("begin", lambda msg, **_: playing.told(msg.data))
        gevent.spawn(_say_prepared, runner, playing)


def _say_prepared(runner: WorkerRunner, playing: Playing) -> None:
    """Again and again, as the master may not listen yet, until it says what this worker plays."""
    while not playing.begun:
        runner.send_message("prepared")
        gevent.sleep(_AGAIN_S)


def _test_start(environment: Environment, **_: Any) -> None:
    playing = _playing(environment)
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        # Locust takes workers for ready before they know what to play.
        while any(
            worker.id not in playing.prepared and worker.state != runners.STATE_MISSING
            for worker in runner.clients.all
        ):
            gevent.sleep(_AGAIN_S)
        workers = sorted(worker.id for worker in runner.clients.all)
        for place, worker in enumerate(workers):
            share = {"worker": place, "workers": len(workers), "epoch": playing.own_epoch()}
            runner.send_message("begin", share, client_id=worker)
        playing.workers = len(workers)
    elif not isinstance(runner, WorkerRunner):
        playing.told({"worker": 0, "workers": 1, "epoch": playing.own_epoch()})


def _quitting(environment: Environment, **_: Any) -> None:
    _playing(environment).close()


def _playing(environment: Environment) -> Playing:
    found: Playing = environment.playing  # type: ignore[attr-defined]
    return found


_hooks: Any = events  # without types for their listeners
_hooks.init_command_line_parser.add_listener(_options)
_hooks.init.add_listener(_init)
_hooks.test_start.add_listener(_test_start)
_hooks.quitting.add_listener(_quitting)


class ScenarioShape(LoadTestShape):
    """One user a worker, until every worker has played its share."""

    def tick(self) -> tuple[int, float] | None:
        """Users and spawn rate, or None at the end."""
        assert self.runner is not None
        playing = _playing(self.runner.environment)
        orphaned = playing.has_parent and os.getppid() != _PARENT
        if playing.finished or orphaned:
            return None
        return playing.workers, float(playing.workers)


class ScenarioUser(FastHttpUser):
    """Plays the share of one worker."""

    abstract = False
    concurrency = 100_000
    host = "http://127.0.0.1:8080"

    def __init__(self, environment: Environment) -> None:
        playing = _playing(environment)
        self.network_timeout = self.connection_timeout = playing.longest_wait_s
        super().__init__(environment)

    @task
    def play(self) -> None:
        """Play everything, then wait to be stopped."""
        playing = _playing(self.environment)
        playing.play(self.client)
        if isinstance(self.environment.runner, WorkerRunner):
            self.environment.runner.send_message("finished")
        while True:
            gevent.sleep(1.0)
