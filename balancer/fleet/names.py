"""Names of replicas: as people give and read them, and as the store knows them.

The store remembers a replica by its name: the number of its last part and of its last question,
and what it may spend. A process that is started again under the name of one before it counts from
1, has spent nothing and has nothing leased, so that must not be what the store remembers. It is
another replica there: its name has a mark behind it that no other start of a process has. People
see the name without it.
"""

from __future__ import annotations

import os
import secrets
import socket

__all__ = ["made_up", "shown", "stored"]

_MARK = "~"
"""In no name that is given: see `balancer.fleet.settings.Fleet`."""


def made_up() -> str:
    """A name for a process that was given none, unlike that of any other, now or later."""
    host = "".join(c if c.isalnum() or c in "-." else "-" for c in socket.gethostname())[:40]
    return f"{host or 'replica'}-{os.getpid()}-{secrets.token_hex(3)}"


def stored(name: str) -> str:
    """A name for the store, unlike that of any start of a process, now or later."""
    return f"{name}{_MARK}{secrets.token_hex(6)}"


def shown(name: str) -> str:
    """What people see of a name in the store."""
    return name.partition(_MARK)[0]
