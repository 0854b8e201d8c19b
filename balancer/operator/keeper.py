"""Looks after one resource: looks, decides, remembers, acts, and looks again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import aiohttp

from ..core.errors import BalancerError, InputError, PolicyError
from .asked import Asked, read_asked
from .cluster import Cluster, ClusterError
from .complete import CompletePolicy, complete
from .decisions import Decision, GateAsked, Seen, decide, refuse
from .gating import GateBroke
from .memory import Gated, Memory, Outcome, status_of, time_of
from .own_scenarios import CheckScenario, OwnScenario, Unfit, read_scenarios
from .replicas import ask_all

__all__ = ["Keeper", "RunGate", "Times"]

logger = logging.getLogger("balancer.operator")

RunGate = Callable[[GateAsked], Awaitable[tuple[Outcome, str]]]
"""A verdict and its words, or `GateBroke`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds between two looks.

    Attributes:
        settled: where nothing is about to change.
        busy: during a rollout and probation.
        first_retry: after the first failure; each further one doubles it.
        last_retry: at most.
    """

    settled: float = 60.0
    busy: float = 10.0
    first_retry: float = 5.0
    last_retry: float = 60.0


class Keeper:
    """See the module.

    Args:
        namespace, name: of the resource.
        cluster: where it is.
        replicas: a session for asking them.
        run_gate: decides whether a policy may replace another.
        check_scenario: one of those that a gate is run on.
        now: the time.
        times: between looks.
    """

    def __init__(
        self,
        namespace: str,
        name: str,
        *,
        cluster: Cluster,
        replicas: aiohttp.ClientSession,
        run_gate: RunGate,
        check_scenario: CheckScenario,
        now: Callable[[], datetime],
        times: Times,
    ) -> None:
        self._namespace, self._name = namespace, name
        self._cluster = cluster
        self._replicas = replicas
        self._run_gate = run_gate
        self._check_scenario = check_scenario
        self._now = now
        self._times = times
        self._failures = 0
        self._generation = -1
        self._wake = asyncio.Event()
        self._asked_gate: GateAsked | None = None
        self._gate: asyncio.Task[tuple[Outcome, str]] | None = None

    def wake(self, generation: int) -> None:
        """Look at once, if the spec is another one. A status that changes was written here."""
        if generation != self._generation:
            self._generation = generation
            self._wake.set()

    async def run(self) -> None:
        """Look after the resource until cancelled."""
        try:
            while True:
                self._wake.clear()
                wait_s = await self._round_or_later()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait_s)
        finally:
            await self._stop_gate()

    async def _round_or_later(self) -> float:
        try:
            decision = await self._round()
        except ClusterError as error:
            logger.warning("%s/%s: %s", self._namespace, self._name, error)
            return self._later()
        except Exception:
            # A bug of ours must not end the watch over a policy on probation.
            logger.exception("%s/%s: this round failed", self._namespace, self._name)
            return self._later()
        if decision is not None and decision.trouble:
            return self._later()
        if self._gate is None:
            self._failures = 0
        busy = decision is not None and decision.busy
        return self._times.busy if busy else self._times.settled

    def _later(self) -> float:
        """Seconds until the next try."""
        wait_s = self._times.first_retry * 2.0 ** min(self._failures, 30)
        self._failures += 1
        return min(wait_s, self._times.last_retry)

    async def _round(self) -> Decision | None:
        """One look and what follows from it; None where there is no resource."""
        resource = await self._cluster.resource(self._namespace, self._name)
        if resource is None:
            return None
        before = resource.get("status") or {}
        memory = Memory.of(before)
        said: dict[str, Any] = {}
        asked: Asked | None = None
        found = self._found()
        try:
            asked = read_asked(resource)
        except InputError as error:
            decision = refuse(memory, "SpecRefused", str(error))
        else:
            seen = await self._look(asked)
            if isinstance(found, Gated):
                memory = replace(memory, gate=found)
            elif found:
                seen = replace(seen, gate_trouble=found)
            decision = decide(asked, memory, seen, self._now())
            said = _said(decision, seen)
        status = status_of(
            before,
            generation=resource["metadata"].get("generation", 0),
            memory=decision.memory,
            conditions=decision.conditions,
            said=said,
            now=self._now(),
        )
        if any(before.get(key) != value for key, value in status.items()):
            await self._cluster.put_status(self._namespace, self._name, status)
            self._tell(before, status)
        if found:
            self._asked_gate = self._gate = None
        if decision.write is not None and asked is not None:
            await self._cluster.write_document(
                self._namespace, asked.target.document, decision.write.text, owner=self._name
            )
        # One that broke is tried again in a later round.
        await self._keep_gating(None if found and isinstance(found, str) else decision.gate)
        return decision

    async def _look(self, asked: Asked) -> Seen:
        """See what is asked for, what is in force, and how the replicas are."""
        document = await self._cluster.document(self._namespace, asked.target.document)
        addresses = await self._cluster.addresses(
            self._namespace, asked.target.service, asked.target.port
        )
        replicas = await ask_all(self._replicas, addresses)
        candidate, refusal = await self._candidate(asked, document.owner)
        in_force = _read(document.text, asked.target.document.name)
        scenarios, unfit = await self._scenarios(asked)
        return Seen(
            candidate=candidate,
            refusal=refusal,
            in_force=in_force or next((each.policy for each in replicas if each.policy), None),
            replicas=replicas,
            no_replica=f"no replica is ready behind the Service {asked.target.service!r}",
            scenarios=scenarios,
            unfit=unfit,
        )

    async def _scenarios(
        self, asked: Asked
    ) -> tuple[tuple[OwnScenario, ...], tuple[str, str] | None]:
        """Scenarios of one's own, or a reason and a message why there are none."""
        own = asked.own_scenarios
        if own is None:
            return (), None
        texts = await self._cluster.texts(self._namespace, own.name)
        try:
            # In a thread: other resources are looked after while files are read.
            found = await asyncio.to_thread(read_scenarios, own, texts, self._check_scenario)
        except Unfit as unfit:
            return (), (unfit.reason, str(unfit))
        return found, None

    async def _candidate(
        self, asked: Asked, owner: str
    ) -> tuple[CompletePolicy | None, tuple[str, str]]:
        """The policy that is asked for, or a reason and a message why it is none."""
        other = owner not in ("", self._name)
        if other and await self._cluster.resource(self._namespace, owner) is not None:
            return None, (
                "TargetTaken",
                f"the BrownoutPolicy {owner!r} writes to the ConfigMap "
                f"{asked.target.document.name!r}; give each policy its own",
            )
        text, where = asked.policy, "spec.policy"
        if asked.source is not None:
            found = await self._cluster.document(self._namespace, asked.source)
            if found.text is None:
                return None, ("NoDocument", f"spec.policyFrom: {found.problem}")
            text, where = found.text, f"{asked.source.name}/{asked.source.key}"
        assert text is not None
        try:
            return complete(text, where, self._name), ("", "")
        except PolicyError as error:
            return None, ("PolicyRefused", str(error))

    # --- gates --------------------------------------------------------------------------

    def _found(self) -> Gated | str:
        """What the gate found, or why nothing; "" while it runs, or where there is none."""
        asked = self._asked_gate
        if asked is None or self._gate is None or not self._gate.done():
            return ""
        try:
            verdict, words = self._gate.result()
        except (BalancerError, GateBroke, OSError) as error:
            return str(error)
        return Gated(
            candidate=asked.candidate.digest,
            baseline=asked.baseline.digest,
            asked=asked.digest,
            verdict=verdict,
            words=words,
            at=time_of(self._now()),
        )

    async def _keep_gating(self, asked: GateAsked | None) -> None:
        """Let the gate run that is asked for, and no other."""
        if asked == self._asked_gate:
            return
        await self._stop_gate()
        if asked is not None:
            self._asked_gate = asked
            self._gate = asyncio.create_task(_verdict(self._run_gate, asked))
            self._gate.add_done_callback(lambda _: self._wake.set())

    async def _stop_gate(self) -> None:
        gate, self._gate, self._asked_gate = self._gate, None, None
        if gate is not None and not gate.done():
            gate.cancel()
            await asyncio.wait((gate,))

    def _tell(self, before: dict[str, Any], status: dict[str, Any]) -> None:
        """Log the conditions that have changed."""
        earlier = {each["type"]: each for each in before.get("conditions") or ()}
        for each in status["conditions"]:
            was = earlier.get(each["type"], {})
            if (was.get("status"), was.get("reason")) != (each["status"], each["reason"]):
                logger.info(
                    "%s/%s: %s is %s (%s): %s",
                    self._namespace,
                    self._name,
                    each["type"],
                    each["status"],
                    each["reason"],
                    each["message"],
                )


async def _verdict(run_gate: RunGate, asked: GateAsked) -> tuple[Outcome, str]:
    return await run_gate(asked)


def _read(text: str | None, where: str) -> CompletePolicy | None:
    """The policy of a target's document; one that no replica can read is not in force."""
    if text is None:
        return None
    try:
        return complete(text, where, where)
    except PolicyError:
        return None


def _said(decision: Decision, seen: Seen) -> dict[str, Any]:
    """What a reader of the status wants to see at once."""
    held = decision.write or seen.in_force
    following = sum(
        replica.policy is not None and held is not None and replica.policy.digest == held.digest
        for replica in seen.replicas
    )
    return {
        "policy": _named(seen.candidate),
        "inForce": _named(held),
        "replicas": f"{following}/{len(seen.replicas)}",
    }


def _named(policy: CompletePolicy | None) -> dict[str, str] | None:
    return None if policy is None else {"name": policy.name, "digest": policy.digest}
