"""Spans and log records that wait to be sent, bounded; what does not fit is counted.

The callers' side is one append. A receiver that is away or slow fills the boxes and costs
nothing else.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Generic, TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

__all__ = ["Box", "LogBox", "SpanBox"]

Item = TypeVar("Item")


class Box(Generic[Item]):
    """A bounded first-in first-out of things to send.

    Args:
        most: how many wait at most; later ones are dropped.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[Item] = deque()
        self._drops = count()
        self._dropped = 0

    def put(self, item: Item) -> None:
        """Add one, or count it as dropped."""
        if len(self._items) >= self._most:
            # A step of the counter is atomic, an addition would not be.
            self._dropped = next(self._drops) + 1
        else:
            self._items.append(item)

    def take(self, most: int) -> list[Item]:
        """The oldest, which leave."""
        batch: list[Item] = []
        while len(batch) < most:
            try:
                batch.append(self._items.popleft())
            except IndexError:
                break
        return batch

    def __len__(self) -> int:
        """How many wait."""
        return len(self._items)

    @property
    def dropped(self) -> int:
        """How many did not fit, since the start."""
        return self._dropped


class SpanBox(SpanProcessor):
    """Finished spans that were sampled."""

    def __init__(self, most: int) -> None:
        self.box: Box[ReadableSpan] = Box(most)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing yet."""

    def on_end(self, span: ReadableSpan) -> None:
        """See `Box.put`."""
        if span.context is not None and span.context.trace_flags.sampled:
            self.box.put(span)

    def shutdown(self) -> None:
        """Whoever sends empties the box."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whoever sends empties the box."""
        return True


class LogBox(LogRecordProcessor):
    """Log records."""

    def __init__(self, most: int) -> None:
        self.box: Box[ReadableLogRecord] = Box(most)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """See `Box.put`."""
        self.box.put(
            ReadableLogRecord(
                log_record=log_record.log_record,
                resource=log_record.resource or Resource.get_empty(),
                instrumentation_scope=log_record.instrumentation_scope,
                limits=log_record.limits,
            )
        )

    def shutdown(self) -> None:
        """Whoever sends empties the box."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whoever sends empties the box."""
        return True
