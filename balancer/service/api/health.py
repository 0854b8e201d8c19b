"""`GET /healthz` and `GET /readyz`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from .dependencies import Dependencies
from .examples import ALIVE, READINESS, with_examples
from .integration_schemas import IntegrationHealth
from .integration_views import integrations
from .schemas import ModeName, mode_name

__all__ = ["health_routes"]


_SAVED = ("state", "budget")
"""Without these on the disk a restart would not go on from where this process was."""
_MOST_NAMED = 10
"""Most withdrawn edits that are named."""


class Alive(BaseModel):
    """The process answers."""

    model_config = with_examples(ALIVE)

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether calls are served as the policy says, and what is wrong if not."""

    model_config = with_examples(READINESS)

    ready: bool
    mode: ModeName
    bypass: str = Field(description="Reason of the kill switch; empty: it is off")
    problems: dict[str, str]
    integrations: dict[str, IntegrationHealth] = Field(
        description="What runs beside the service: datadog_poll, datadog_mirror, telemetry, notify"
    )


def health_routes(dependencies: Dependencies) -> APIRouter:
    """The routes; open to all, because load balancers ask without a token."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz")
    async def health() -> Alive:
        """The process is alive."""
        return Alive()

    @routes.get("/readyz", responses={503: {"model": Readiness, "description": "Not ready"}})
    async def ready(response: Response) -> Readiness:
        """Calls are served.

        A history that is broken or has lost entries, a controller that fails open, a project that
        the upstream has closed, edits that it refused, the kill switch, and trouble with Datadog
        or telemetry are named and are no reason to take the service out of rotation: calls go
        through. While its state or its hard budget cannot be written, it is not ready for new
        traffic: a restart would not know of it. What comes all the same is served, within the
        budget in memory.
        From the signal that stops the service on it is not ready either, and takes no new call.
        """
        status = dependencies.balancer.status()
        problems = dict.fromkeys(status.problems, "broken: calls go through unchanged")
        unsaved = [name for name in _SAVED if name in status.problems]
        for name in unsaved:
            problems[name] = (
                "cannot be written: calls go through unchanged, budgets go on by memory"
            )
        if status.budget_loss:
            problems["budget_loss"] = status.budget_loss
        if status.closed:
            problems["project_closed"] = "; ".join(status.closed)
        if status.withdrawn:
            problems["edits_withdrawn"] = "; ".join(status.withdrawn[:_MOST_NAMED])
        if dependencies.store.problem:
            problems["history"] = dependencies.store.problem
        if dependencies.policies.file_problem:
            problems["policy_file"] = dependencies.policies.file_problem
        fleet = status.fleet
        if fleet is not None and (fleet.place == "alone" or fleet.problem):
            problems["fleet"] = ": ".join(filter(None, (fleet.place, fleet.problem)))
        serving = status.running or bool(status.problems)
        if not serving:
            problems["ticker"] = "not started"
        if dependencies.stopping.begun:
            problems["stopping"] = "calls under way are finished, no new ones are taken"
        serving = serving and not unsaved and not dependencies.stopping.begun
        if not serving:
            response.status_code = 503
        return Readiness(
            ready=serving,
            mode=mode_name(status.mode),
            bypass=status.bypass,
            problems=problems,
            integrations=integrations(dependencies.integrations),
        )

    return routes
