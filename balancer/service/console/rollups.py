"""What was observed, added up by the minute and by the hour, for the metric explorer.

The ticker only keeps the minute's ticks; they are added up and written by the history's thread. A
minute is of wall time, and holds the scenario seconds that it is of. Rows add up, so a minute
that a restart cut in two is two rows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from ...core.decisions import Decision
from ...core.modes import MODES, PRIORITIES
from ...core.observations import Observations, merge_ticks
from ..history import Store
from ..history.tables import ROLLUPS
from .by_key import ByKey, KeyRow

__all__ = ["HOUR_S", "MINUTE_S", "Data", "Rollups", "added", "rows_since"]

MINUTE_S = 60
HOUR_S = 3600
_KEPT_S = {MINUTE_S: 8 * 86_400.0, HOUR_S: 400 * 86_400.0}

Data = dict[str, Any]
"""A row's `data`: scenario seconds, those in each mode (`modes`), `served` by "mode model",
requests by priority, answered and failed requests, the most in flight and waiting, and by key;
JSON throughout."""


class Rollups:
    """Takes in every tick and writes every minute.

    Args:
        store: the history.
        owner: names this service.
        tick_s: length of a tick now; another policy may have another one.
        keys: requests by key.
        now_s: Unix seconds.
    """

    def __init__(
        self,
        store: Store,
        owner: Callable[[], str],
        tick_s: Callable[[], float],
        keys: ByKey,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._owner = owner
        self._tick_s = tick_s
        self._keys = keys
        self._now_s = now_s
        self._lock = threading.Lock()
        self._minute: int | None = None
        self._seen: list[Observations] = []
        self._modes = [0.0] * len(MODES)

    def add(self, observations: Observations, decision: Decision) -> None:
        """Take in a tick; on the ticker."""
        minute = int(self._now_s() // MINUTE_S) * MINUTE_S
        seconds = observations.ticks * self._tick_s()
        with self._lock:
            back = bool(self._seen) and observations.tick <= self._seen[-1].tick
            if self._seen and (minute != self._minute or back):
                self._write()
            self._minute = minute
            self._seen.append(observations)
            self._modes[decision.mode] += seconds

    def flush(self) -> None:
        """Write what there is of the minute under way."""
        with self._lock:
            if self._seen:
                self._write()

    def _write(self) -> None:
        assert self._minute is not None
        work = partial(
            _write,
            at=self._minute,
            owner=self._owner(),
            seen=tuple(self._seen),
            modes=tuple(self._modes),
            keys=self._keys.minute(),
        )
        self._seen.clear()
        self._modes = [0.0] * len(MODES)
        self._store.later(work)


def _write(
    connection: Connection,
    *,
    at: int,
    owner: str,
    seen: tuple[Observations, ...],
    modes: tuple[float, ...],
    keys: dict[str, KeyRow],
) -> None:
    data = _data(seen, modes, keys)
    row = {"at": float(at), "owner": owner, "span_s": MINUTE_S, "data": data}
    connection.execute(insert(ROLLUPS).values(**row))
    _add_to_hour(connection, at, owner, data)
    if at % HOUR_S == 0:
        for span_s, kept_s in _KEPT_S.items():
            old = (ROLLUPS.c.span_s == span_s) & (ROLLUPS.c.at < at - kept_s)
            connection.execute(delete(ROLLUPS).where(old))


def _add_to_hour(connection: Connection, at: int, owner: str, data: Data) -> None:
    hour = float(at - at % HOUR_S)
    place = (ROLLUPS.c.span_s == HOUR_S) & (ROLLUPS.c.at == hour) & (ROLLUPS.c.owner == owner)
    before = connection.execute(select(ROLLUPS.c.data).where(place)).scalar()
    if before is None:
        row = {"at": hour, "owner": owner, "span_s": HOUR_S, "data": data}
        connection.execute(insert(ROLLUPS).values(**row))
    else:
        connection.execute(ROLLUPS.update().where(place).values(data=added([before, data])))


def _data(parts: Sequence[Observations], modes: Sequence[float], keys: dict[str, KeyRow]) -> Data:
    whole = merge_ticks(parts)
    return {
        "seconds": sum(modes),
        "modes": list(modes),
        "served": {
            f"{entry.mode.label} {entry.model}": {
                "started": entry.started,
                "finished": entry.finished,
                "judged": entry.judged,
                "ill": entry.ill,
                "tokens": entry.prompt_tokens + entry.output_tokens + entry.thinking_tokens,
                "nano_usd": entry.nano_usd,
                "latency": {str(index): n for index, n in entry.latency.counts().items()},
            }
            for entry in whole.served
        },
        "priority": {
            each.label: {
                "offered": whole.offered[each],
                "admitted": whole.admitted[each],
                "shed": whole.shed[each],
            }
            for each in PRIORITIES
        },
        "answered": sum(entry.answered.total for entry in whole.requests),
        "failed": sum(entry.failed.total for entry in whole.requests),
        "in_flight": max(part.in_flight for part in parts),
        "waiting": max(part.waiting for part in parts),
        "keys": {
            name: {"requests": row.requests, "refused": row.refused, "nano_usd": row.nano_usd}
            for name, row in keys.items()
        },
    }


def added(rows: Iterable[Data]) -> Data:
    """Rows, or parts of rows, added up: counts add, `in_flight` and `waiting` keep the most."""
    total: Data = {}
    for row in rows:
        _add(total, row)
    return total


def _add(total: Data, row: Data) -> None:
    for name, value in row.items():
        if isinstance(value, dict):
            _add(total.setdefault(name, {}), value)
        elif name not in total:
            total[name] = value
        elif name in ("in_flight", "waiting"):
            total[name] = max(total[name], value)
        elif isinstance(value, list):
            total[name] = [one + other for one, other in zip(total[name], value, strict=True)]
        else:
            total[name] += value


def rows_since(
    store: Store, owner: str, span_s: int, since: float, until: float
) -> list[tuple[float, Data]]:
    """Rows of a span, the oldest first. Blocks.

    Raises:
        StoreError: they cannot be read.
    """
    query = (
        select(ROLLUPS.c.at, ROLLUPS.c.data)
        .where(ROLLUPS.c.owner == owner, ROLLUPS.c.span_s == span_s)
        .where(ROLLUPS.c.at >= since, ROLLUPS.c.at < until)
        .order_by(ROLLUPS.c.at)
    )
    return store.run(lambda connection: [(at, data) for at, data in connection.execute(query)])
