"""What came of a call, and whether its caller is as well off as without us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Seen", "as_well", "seen"]

_SHED = "the service sheds load to stay up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a call.

    Attributes:
        word: "text", "call", "object", "vector", "file", "static", "shed", "nothing" or "error".
        error: what the client raised; "" for nothing.
        requests: that reached the upstream.
        models: that it was asked for.
        seconds: that it took.
    """

    word: str
    error: str = ""
    requests: int = 0
    models: frozenset[str] = frozenset()
    seconds: float = 0.0


def seen(found: Mapping[str, Any], asked: Mapping[str, int], static: str | None) -> Seen:
    """Read what a driver said.

    Args:
        found: its line.
        asked: requests that reached the upstream meanwhile, by model.
        static: the text that stands in for an answer.
    """
    error, got = found.get("error", ""), found.get("got")
    if error:
        word = "shed" if _SHED in error else "error"
    elif isinstance(got, dict):
        word = "object"
    elif got == "weather":
        word = "call"
    elif got in ("vector", "file"):
        word = got
    elif got is not None and got == static:
        word = "static"
    else:
        word = "text" if got else "nothing"
    return Seen(
        word=word,
        error=error,
        requests=sum(asked.values()),
        models=frozenset(model for model, count in asked.items() if model and count),
        seconds=float(found.get("seconds", 0.0)),
    )


def as_well(call: str, here: Seen, direct: Seen) -> bool:
    """Whether a call through us came to no less than directly, but for shedding.

    Args:
        call: what was asked for.
        here: through us.
        direct: without us.
    """
    if here.word == "shed":
        return True
    if direct.word == "error":
        return here.word != "error" or _kind(here) == _kind(direct)
    # A function that is only offered may be called or not, and the static answer is a text.
    if call == "tools" and {here.word, direct.word} <= {"text", "call", "static"}:
        return True
    return here.word == direct.word or (here.word == "static" and direct.word == "text")


def _kind(found: Seen) -> str:
    return found.error.partition(":")[0]
