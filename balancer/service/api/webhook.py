"""`/api/webhooks/datadog/brownout`: takes Datadog's deliveries, and says on GET that it does.

It has a door of its own: deliveries carry the webhook's secret, not the service's token. The
answer is ready in well under a millisecond, because nothing is done here but to judge and to
hand the alert to the balancer's queue; what it leads to happens at the next tick.
"""

from __future__ import annotations

import logging
import time

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ...webhook import WEBHOOK_PATH, Inbox
from ...webhook.verdict import Fate, Verdict
from ..problems import Problem
from ..ticks import tick_of
from .dependencies import Dependencies, refusals
from .examples import WEBHOOK_BODY
from .schemas import WebhookReadiness, WebhookVerdict

__all__ = ["webhook_routes"]

_log = logging.getLogger("balancer.service.webhook")


class _Refusals:
    """Logs that deliveries are refused, once a minute at most: a secret that is wrong in Datadog
    shows nowhere else, and a flood of guesses must not fill the log.
    """

    def __init__(self) -> None:
        self._count = 0
        self._due_s = 0.0

    def add(self, verdict: Verdict) -> None:
        self._count += 1
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        what = "a delivery was" if self._count == 1 else f"{self._count} deliveries were"
        _log.warning("datadog: %s refused (%d): %s", what, verdict.status, verdict.detail)
        self._count, self._due_s = 0, now_s + 60.0


def webhook_routes(dependencies: Dependencies) -> APIRouter:
    """The routes.

    Raises:
        InputError: a secret that is too short, or that no header can carry.
    """
    routes = APIRouter(tags=["webhooks"])
    balancer, refused = dependencies.balancer, _Refusals()
    inbox = Inbox(
        dependencies.settings.webhook_secrets,
        tick_of=lambda at_s: tick_of(balancer, at_s),
        tick_s=lambda: balancer.policy.tick_s,
    )

    @routes.get(WEBHOOK_PATH, responses=refusals(403, 429))
    async def health() -> WebhookReadiness:
        """Whether deliveries are taken."""
        return WebhookReadiness(
            status="ok" if dependencies.settings.webhook_secrets else "no secret"
        )

    @routes.post(
        WEBHOOK_PATH,
        response_model=WebhookVerdict,
        responses=refusals(400, 401, 403, 413, 415, 422, 429)
        | {202: {"model": WebhookVerdict, "description": "It raises or clears an alert"}},
        openapi_extra={"requestBody": WEBHOOK_BODY},
    )
    async def receive(request: Request) -> Response:
        """Take a delivery of Datadog's webhook, with the webhook's secret as its bearer token."""
        verdict = inbox.receive(await request.body(), request.headers, time.time())
        if verdict.fate is Fate.REFUSED:
            refused.add(verdict)
            raise Problem(verdict.status, verdict.detail)
        for alert in verdict.alerts:
            balancer.alert(alert)
        delivery = verdict.delivery
        _log.info(
            "datadog: monitor %s, %s: %s, %s",
            delivery.monitor_id if delivery else "",
            delivery.transition.value if delivery else "",
            verdict.fate.value,
            verdict.detail,
        )
        return JSONResponse(verdict.answer(), status_code=verdict.status)

    return routes
