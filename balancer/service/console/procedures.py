"""What to do in an incident: the user's own Markdown files, those that fit its cause.

A file fits an incident when one of the words of its name, such as `latency_p95.md`, `alert.md`
or `emergency.md`, is a word of what is known of it; `always.md` fits all.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ..api.incident_schemas import IncidentShown
from .markdown import to_html

__all__ = ["Procedure", "procedures_for"]

_LARGEST = 200_000
_MOST = 10
_log = logging.getLogger("balancer.service.console")


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """A file that fits: its name and its text as HTML."""

    name: str
    html: Markup


def procedures_for(folder: Path | None, incident: IncidentShown) -> list[Procedure]:
    """The procedures that fit an incident. Blocks."""
    if folder is None:
        return []
    text = f"{incident.cause} {incident.worst} {incident.reason} {incident.key}"
    words = {"always", *re.findall(r"\w+", text.lower())}
    found: list[Procedure] = []
    for path in sorted(folder.glob("*.md")):
        if path.stem.lower() in words and len(found) < _MOST:
            try:
                said = path.read_bytes()[:_LARGEST].decode("utf-8", "replace")
            except OSError as error:
                _log.warning("%s cannot be read: %s", path.name, error.strerror)
                continue
            found.append(Procedure(name=path.stem, html=to_html(said)))
    return found
