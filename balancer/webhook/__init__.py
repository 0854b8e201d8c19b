"""Datadog's webhook, without a web framework: bytes, headers and the time in, a verdict out.

A route hands what it got to `Inbox.receive` and answers with the verdict's status; the alerts
in it go to the controller. Everything here is the standard library and the core.
"""

from .delivery import PAYLOAD, WEBHOOK_PATH, Delivery, Transition, read_delivery
from .inbox import LIFETIME_S, Inbox
from .verdict import Verdict

__all__ = [
    "LIFETIME_S",
    "PAYLOAD",
    "WEBHOOK_PATH",
    "Delivery",
    "Inbox",
    "Transition",
    "Verdict",
    "read_delivery",
]
