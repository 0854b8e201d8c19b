"""How a driver talks with the command: a call a line, and what came of it in one line back."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

__all__ = ["EMBEDDING", "KEY", "MODEL", "PLACE", "PROMPT", "answer", "joined"]

KEY = "mock-key"
MODEL = os.environ.get("COMPAT_MODEL", "gemini-3.8-flash")
EMBEDDING = "gemini-embedding-001"
PROMPT = "What is the weather in Paris?"
PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
"""Arguments of the function that is offered, and form of the answer that is asked for."""

Call = Callable[[str], Any]
"""Takes the base URL; gives the text, the name of the function called, the object, `vector` for an
embedding, or `file` for one that was sent.
"""


def answer(package: str, calls: Mapping[str, Call]) -> None:
    """Make the calls that standard input names, until it ends.

    Args:
        package: the client, whose version is told first.
        calls: by what is asked for; one that the client does not have is missing.
    """
    # What a library prints is not for the command.
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(line: Mapping[str, Any]) -> None:
        told.write(json.dumps(line) + "\n")
        told.flush()

    say({"version": version(package), "calls": list(calls)})
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.monotonic()
        found: dict[str, Any]
        try:
            got = calls[asked["call"]](asked["url"])
            found = {"got": got if isinstance(got, str | dict | None) else repr(got)}
        except Exception as error:  # noqa: BLE001 - whatever it is, its caller sees it
            found = {"error": f"{type(error).__name__}: {error}"[:400]}
        say({**found, "seconds": time.monotonic() - began})


def joined(texts: Any) -> str:
    """The text of a stream."""
    return "".join(text or "" for text in texts)
