"""The live controller of a load test: set up as the scenario says, and noting what it does.

It runs in the process that makes the calls: the service's, or Locust's own where the SDK is
wrapped there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from balancer.core.decisions import Decision
from balancer.core.journal import JournalWriter
from balancer.core.observations import Alert, Observations, Override
from balancer.core.policy import Policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import CallRecord, CallSettings
from scenarios.schema import Scenario
from sim.run.header import run_header, versions
from sim.run.messages import scheduled_messages

from .keyed_draws import KeyedDraws
from .rendezvous import Meeting
from .rows import Call, write_row
from .scene import Scene
from .spending import Guard, GuardedBalancer, with_budget
from .steered_clock import SteeredClock

__all__ = ["CALLS", "JOURNAL", "Governed", "call_settings"]

JOURNAL = "journal.jsonl"
CALLS = "calls.jsonl"


def call_settings(scenario: Scenario) -> CallSettings:
    """What the application does by itself, as the scenario says."""
    clients = scenario.clients
    return CallSettings(
        model=clients.model,
        thinking=clients.thinking,
        timeout_s=clients.timeout,
        retries=clients.retries,
        backoff_initial_s=clients.backoff.initial,
        backoff_factor=clients.backoff.factor,
        backoff_max_s=clients.backoff.max,
        backoff_jitter_s=clients.backoff.jitter,
        honours_retry_delay=clients.honours_retry_delay,
        retry_budget=clients.retry_budget,
        patience_s=clients.patience,
    )


class Governed:
    """A Balancer with the simulator's draws, whose journal and calls are written down.

    Args:
        scene: what is played.
        scenario, policy: of the scene.
        directory: for the journal and the calls; what may be spent stands there, if anything
            may.

    Attributes:
        balancer: not started.
        clock: by which it goes; to be steered.
    """

    __slots__ = (
        "_calls",
        "_directory",
        "_guard",
        "_journal",
        "_messenger",
        "_stream",
        "balancer",
        "clock",
    )

    def __init__(self, scene: Scene, scenario: Scenario, policy: Policy, directory: Path) -> None:
        self.clock = SteeredClock(scene.speed)
        self._directory = directory
        self._guard = Guard.told(directory, policy.catalog, Meeting(directory).stop)
        if self._guard is not None:
            policy = with_budget(policy, self._guard.cap_nano_usd)
        self.balancer = GuardedBalancer(
            policy,
            settings=call_settings(scenario),
            clock=self.clock,
            draws=KeyedDraws(scene.key(scenario)),
        )
        header = run_header(scenario, policy, arm="policy", replication=scene.replication)
        self._stream: TextIO = (directory / JOURNAL).open("w", encoding="utf-8", newline="\n")
        self._calls: TextIO = (directory / CALLS).open("w", encoding="utf-8", newline="\n")
        self._journal = JournalWriter(self._stream, policy, header, versions())
        self.balancer.guard = self._guard
        self.balancer.listeners.ticks.add(self._note_tick)
        self.balancer.listeners.calls.add(self._note_call)
        self._messenger = _Messenger(
            scheduled_messages(scenario, policy.tick_s), self.balancer, policy.tick_s
        )

    def _note_tick(self, observations: Observations, decision: Decision) -> None:
        self._journal.write(observations, decision)

    def _note_call(self, record: CallRecord) -> None:
        if self._guard is not None:
            self._guard.ended(record)
        outcome = record.outcome
        failure = "abandoned" if outcome is None else outcome.kind or ""
        write_row(
            self._calls,
            Call(
                request=-1 if record.index is None else record.index,
                attempt=record.attempt,
                mode=int(record.mode),
                model=record.model,
                started_s=record.started_s,
                ended_s=record.ended_s,
                failure=failure,
                prompt=0 if outcome is None else outcome.prompt_tokens,
                cached=0 if outcome is None else outcome.cached_tokens,
                output=0 if outcome is None else outcome.output_tokens,
                thinking=0 if outcome is None else outcome.thinking_tokens,
                nano_usd=record.nano_usd,
            ),
        )

    def begin(self, epoch: float) -> None:
        """Second 0 is known: the scenario's alerts and orders arrive when they are due."""
        self.clock.steer(epoch)
        self._messenger.start()

    def close(self) -> None:
        """Stop what was started, and complete the files. Again does nothing."""
        self._messenger.stop()
        self.balancer.close()
        self._stream.close()
        self._calls.close()
        if self._guard is not None:
            self._guard.note(self._directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Messenger:
    """Hands alerts and orders to a balancer in time, from a thread."""

    __slots__ = ("_balancer", "_due", "_stop", "_thread", "_tick_s")

    def __init__(
        self, due: Iterable[tuple[float, Alert | Override]], balancer: Balancer, tick_s: float
    ) -> None:
        self._due = list(due)
        self._balancer = balancer
        self._tick_s = tick_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._due and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="messages", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        clock = self._balancer.clock
        for at_s, message in self._due:
            while (wait_s := clock.wall_s(at_s - clock.now_s())) > 0:
                if self._stop.wait(min(wait_s, 1.0)):
                    return
            if isinstance(message, Alert):
                self._balancer.alert(message)
            else:
                until_s = message.until_tick * self._tick_s
                self._balancer.override(message.mode, message.reason, until_s=until_s)

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
