"""The operator itself: kopf watches the resources, and each has its keeper.

There are no finalizers: a resource can be deleted while no operator runs, and the policy that it
put in force stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import aiohttp
import kopf

from ..core.errors import InputError
from .asked import GROUP, PLURAL, VERSION
from .cluster import Cluster
from .keeper import Keeper, RunGate, Times
from .own_scenarios import CheckScenario

__all__ = ["log_in", "operate"]

logger = logging.getLogger("balancer.operator")


def log_in(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo:
    """Where the API server is, and who we are: a pod's service account, or KUBECONFIG.

    Raises:
        InputError: there is neither.
    """
    try:
        found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(
            settings=settings
        )
    except (OSError, KeyError, TypeError, kopf.LoginError) as error:
        raise InputError(f"cannot be read: {error!r}", where="KUBECONFIG") from None
    if found is None:
        raise InputError(
            "found neither a service account nor a kubeconfig: run the operator in a cluster, or "
            "set KUBECONFIG"
        )
    return found


async def operate(
    run_gate: RunGate,
    check_scenario: CheckScenario,
    *,
    namespaces: Collection[str],
    liveness: str | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    times: Times | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Look after all resources until a signal, or `stop`.

    Args:
        run_gate: decides whether a policy may replace another.
        check_scenario: one of those that a gate is run on.
        namespaces: that are looked after; empty: all.
        liveness: URL to be served for a liveness probe.
        now: the time.
        times: between looks.
        stop: ends it.

    Raises:
        InputError: there is no way to the API server, or it has no such resources.
        ClusterError: it does not answer, or refuses.
    """
    settings = kopf.OperatorSettings()
    # The CRD is there before the operator is, and events say nothing that conditions do not.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    registry = kopf.OperatorRegistry()
    async with (
        Cluster(lambda: log_in(settings)) as cluster,
        aiohttp.ClientSession() as replicas,
    ):
        await cluster.check(namespaces)
        logger.info("looks after policies in %s", ", ".join(namespaces) or "all namespaces")
        keepers: dict[tuple[str, str], tuple[Keeper, asyncio.Task[None]]] = {}

        def keeper_of(namespace: str, name: str) -> Keeper:
            if (namespace, name) not in keepers:
                keeper = Keeper(
                    namespace,
                    name,
                    cluster=cluster,
                    replicas=replicas,
                    run_gate=run_gate,
                    check_scenario=check_scenario,
                    now=now,
                    times=times or Times(),
                )
                keepers[namespace, name] = keeper, asyncio.create_task(keeper.run())
            return keepers[namespace, name][0]

        async def end(key: tuple[str, str]) -> None:
            _, task = keepers.pop(key)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        @kopf.on.login(registry=registry)
        def _login(**_: Any) -> kopf.ConnectionInfo:
            return log_in(settings)

        @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
        async def _seen(**seen: Any) -> None:
            namespace, name = key = seen["namespace"], seen["name"]
            if seen["type"] == "DELETED":
                if key in keepers:
                    await end(key)
                logger.info("%s/%s was deleted; its policy stays in force", namespace, name)
                return
            keeper_of(namespace, name).wake(seen["meta"].get("generation", 0))

        @kopf.on.cleanup(registry=registry)
        async def _stop(**_: Any) -> None:
            for key in list(keepers):
                await end(key)

        await kopf.operator(
            registry=registry,
            settings=settings,
            standalone=True,
            namespaces=tuple(namespaces),
            clusterwide=not namespaces,
            liveness_endpoint=liveness,
            stop_flag=stop,
        )
