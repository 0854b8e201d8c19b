"""Structured logs, correlated with traces: changes of mode, failed calls, our own troubles.

Never a prompt, an answer or a key: none of them ever reaches this code.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider

from balancer.version import VERSION

__all__ = ["Events", "LogHandler"]

_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL, "FATAL"),
    (logging.ERROR, SeverityNumber.ERROR, "ERROR"),
    (logging.WARNING, SeverityNumber.WARN, "WARN"),
    (logging.INFO, SeverityNumber.INFO, "INFO"),
    (0, SeverityNumber.DEBUG, "DEBUG"),
)

Attribute = str | int | float | bool


class Events:
    """Emits log records by name.

    Args:
        provider: hands them on.
    """

    __slots__ = ("_logger",)

    def __init__(self, provider: LoggerProvider) -> None:
        self._logger = provider.get_logger("open-balancer", VERSION)

    def emit(
        self,
        name: str,
        text: str,
        attributes: Mapping[str, Attribute],
        *,
        level: int = logging.INFO,
        at_ns: int | None = None,
        context: Context | None = None,
    ) -> None:
        """Emit one.

        Args:
            name: of the event, such as "open_balancer.mode.change".
            text: for a person.
            attributes: for a machine.
            level: as in `logging`.
            at_ns: Unix time; None is now.
            context: with the span it belongs to; None is the caller's.
        """
        number, severity = next((n, s) for least, n, s in _SEVERITIES if level >= least)
        self._logger.emit(
            timestamp=time.time_ns() if at_ns is None else at_ns,
            context=context,
            severity_number=number,
            severity_text=severity,
            body=text,
            attributes=dict(attributes),
            event_name=name,
        )


class LogHandler(logging.Handler):
    """Hands on what the project itself logs under "balancer"."""

    def __init__(self, events: Events) -> None:
        super().__init__(logging.INFO)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        try:
            attributes: dict[str, Attribute] = {
                "code.file.path": record.filename,
                "code.line.number": record.lineno,
                "logger.name": record.name,
            }
            if record.exc_info and record.exc_info[0] is not None:
                attributes["exception.type"] = record.exc_info[0].__name__
            self._events.emit(
                "open_balancer.log",
                record.getMessage(),
                attributes,
                level=record.levelno,
                at_ns=int(record.created * 1e9),
            )
        except Exception:  # noqa: BLE001 -- as logging's own handlers do
            self.handleError(record)
