"""What telemetry is of: the service and this replica of it."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping

from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from balancer.version import VERSION

__all__ = ["DEFAULT_SERVICE", "new_resource"]

DEFAULT_SERVICE = "open-balancer"


def new_resource(
    service: str | None = None,
    more: Mapping[str, str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Resource:
    """The resource of this process.

    `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go before the defaults. The instance id
    is unique: two replicas that report under the same one overwrite each other in Datadog.

    Args:
        service: name; None is the environment's, or "open-balancer".
        more: attributes to add.
        environment: variables.
    """
    declared = dict(OTELResourceDetector().detect().attributes)
    name = service or environment.get("OTEL_SERVICE_NAME") or declared.pop("service.name", None)
    attributes = {
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
        "service.version": VERSION,
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        **declared,
        **(more or {}),
        "service.name": str(name or DEFAULT_SERVICE),
    }
    return Resource.create(attributes)
