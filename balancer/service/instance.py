"""A name of this service that outlives its process: of its data directory."""

from __future__ import annotations

import logging
import re
import uuid
from pathlib import Path

__all__ = ["owner_of"]

_FILE = "owner"
_log = logging.getLogger("balancer.service")


def owner_of(data: Path) -> str:
    """The name of a data directory, made when it is first asked for. Blocks.

    Several services may share a database; by this they know their own rows after a restart.
    Where it cannot be kept, it is of this process only.
    """
    path = data / _FILE
    try:
        name = path.read_text(encoding="ascii").strip()
        if re.fullmatch(r"[0-9a-f]{32}", name):
            return name
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read (%s); it is made anew", path, type(error).__name__)
    new_name = uuid.uuid4().hex
    try:
        data.mkdir(parents=True, exist_ok=True)
        path.write_text(new_name + "\n", encoding="ascii")
    except OSError as error:
        _log.warning("%s cannot be kept: %s", path, error.strerror)
    return new_name
