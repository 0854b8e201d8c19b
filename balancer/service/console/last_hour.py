"""The last hour of the service's journal, as a journal of its own that a run can read."""

from __future__ import annotations

import re
from pathlib import Path

from ...runtime.balancer import Balancer

__all__ = ["last_hour"]

_HOUR_S = 3600.0
_TICK = re.compile(rb'\{"tick":(\d{1,18}),')


def last_hour(balancer: Balancer) -> str | None:
    """The header and the ticks of the last scenario hour; None where there is no journal. Blocks.

    Only of the current file: one before it may be of another policy. The line that is just being
    written is left out.
    """
    current = balancer.status().journal
    if not current:
        return None
    oldest = balancer.now_tick - int(_HOUR_S / balancer.policy.tick_s)
    kept: list[bytes] = []
    try:
        with Path(current).open("rb") as file:
            kept.append(file.readline())
            for line in file:
                found = _TICK.match(line)
                if (found is None or int(found[1]) > oldest) and line.endswith(b"\n"):
                    kept.append(line)
    except OSError:
        return None
    return b"".join(kept).decode() if len(kept) > 1 else None
