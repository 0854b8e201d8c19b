"""Why an export failed, in words for a user.

The exporters say it to their loggers only, often several times over. What they say in this
thread is kept here instead; what they say in other threads, for an application's own telemetry,
goes where it always goes.
"""

from __future__ import annotations

import logging
import re
import threading
from types import TracebackType
from typing import Self

from .secrecy import without_secrets

__all__ = ["Reasons", "in_words"]

_EXPORTERS = "opentelemetry.exporter.otlp."
_SAYS_NOTHING = "due to timeout, max retries or shutdown"

_KNOWN = (
    (r"Connection refused", "connection refused: nothing listens there"),
    (r"Failed to resolve|DNS resolution|Name or service not known", "there is no such host"),
    (
        r"Failed parsing HTTP/2|HTTP/2 client preface|Trying to connect an http1",
        "it does not speak gRPC; the other protocol is http/protobuf",
    ),
    (
        r"BadStatusLine|RemoteDisconnected|Connection aborted|BadStatus",
        "it does not speak HTTP/1.1; the other protocol is grpc",
    ),
    (
        r"(code: 401|UNAUTHENTICATED|code: 403|PERMISSION_DENIED)",
        "it does not accept our key ({}); see OTEL_EXPORTER_OTLP_HEADERS",
    ),
    (r"(code: 404|code: 405|UNIMPLEMENTED)", "there is no OTLP at this address ({})"),
    (r"timed out|DEADLINE_EXCEEDED|Timeout", "it did not answer in time"),
    (r"error (Service Unavailable|Too Many Requests|Bad Gateway)", "it is not ready ({})"),
    (r"code: (\d+, reason: [^.]*)", "it answers {}"),
    (_SAYS_NOTHING, "it is not there, or does not answer in time"),
)


class Reasons:
    """Hears, inside a `with` block and in its thread, what exporters say."""

    def __init__(self) -> None:
        self._said = ""
        self._thread = 0
        self._loggers: list[logging.Logger] = []

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        loggers = list(logging.root.manager.loggerDict.items())
        self._loggers = [
            logger
            for name, logger in loggers
            if isinstance(logger, logging.Logger) and name.startswith(_EXPORTERS)
        ]
        for logger in self._loggers:
            # First of all: one of their own drops what they said already.
            logger.filters.insert(0, self.filter)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for logger in self._loggers:
            logger.removeFilter(self.filter)

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter.filter`."""
        if record.thread != self._thread:
            return True
        message = record.getMessage()
        if _SAYS_NOTHING not in message or not self._said:
            self._said = message
        return False

    def why(self, error: BaseException | None = None) -> str:
        """What was heard since the last time this was asked, without secrets.

        Args:
            error: that the exporter raised.
        """
        message, self._said = self._said, ""
        words = in_words(message if error is None else f"{type(error).__name__}: {error}")
        return without_secrets(words)


def in_words(message: str) -> str:
    """What an exporter said, for a user."""
    for pattern, words in _KNOWN:
        match = re.search(pattern, message)
        if match is not None:
            code = match[1] if match.re.groups else ""
            return words.format(code.replace("code: ", "HTTP ").replace(", reason:", ""))
    return message or "the exporter does not say why"
