"""`open-balancer operator`: looks after policies in a Kubernetes cluster."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from .endings import told
from .options import Workers

__all__ = ["operator"]


def operator(
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Look after this namespace; may be repeated. Without one: all of them.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = None,
    liveness_port: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=65535,
            help="Answer GET /healthz here, for a liveness probe. Without one: nowhere.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Gate BrownoutPolicy resources, roll them out, and take them back after an incident.

    It finds the API server by its pod's service account, or by KUBECONFIG. SIGTERM ends it; what
    was under way is taken up again by the next one.
    """
    with told():
        from ..installation import require

        require(extras=("operator", "sim", "report"))
        import asyncio

        from reports.gate.words import answer
        from scenarios.elsewhere import load_elsewhere

        from ..operator.gating import Gates
        from ..operator.handlers import operate

        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )

        # It tells of each event that it handed on.
        logging.getLogger("kopf").setLevel(logging.WARNING)

        async def run() -> None:
            await operate(
                Gates(answer, workers=workers),
                load_elsewhere,
                namespaces=namespace or (),
                # Kubelets ask at the pod's address.
                liveness=None
                if liveness_port is None
                else f"http://0.0.0.0:{liveness_port}/healthz",
            )

        asyncio.run(run())
