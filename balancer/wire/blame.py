"""Whose fault a failed call is: the one place that decides, for the wrapper and the proxy.

The upstream's: 429, 5xx, a hang, a lost connection, an answer that nobody can use. The caller's
(`rejected`): a 4xx to the request as it was written, and an answer cut to nothing by the caller's
own limit. Ours (`edited`): a 4xx to a request that a plan had changed. The owner's (`closed`): a
project that no call can open, the service's own key refused among them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .answers import Answer
from .asked import Asked
from .edits import Edits
from .failures import UpstreamError
from .members import member

__all__ = ["Sent", "project_of", "remedy", "shape_of"]

_ABOUT_KEY = re.compile(
    r"API_KEY_|ACCESS_TOKEN_|api[ _-]?key|unregistered callers|credential|are blocked|access token",
    re.IGNORECASE,
)
"""What Google says of a key that it refuses: not valid, expired, leaked, restricted, missing."""

_REMEDIES = (
    (r"\bspend|\bcap\b", "raise the project's spend cap, or wait for the next billing period"),
    ("bill|payment|prepa|credit|depleted", "put the project's billing in order"),
    (
        "SERVICE_DISABLED|has not been used|disabled|not enabled|enable it",
        "enable the API in the project",
    ),
)
_NO_EDITS = Edits()
_MEMBER = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
_MOST_MEMBERS = 40
_MOST_ENTRIES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A call as it was sent, as far as that says whose fault a failure is.

    Attributes:
        asked: what its caller asked for.
        change: what the plan made of it.
        changed: whether anything that was sent differs from what the caller wrote.
        own_key: whether it went with the service's key, and not with its caller's.
    """

    asked: Asked
    change: Edits = _NO_EDITS
    changed: bool = False
    own_key: bool = False

    def refused(self, error: UpstreamError) -> str:
        """Kind of a call that was refused: of `balancer.core.observations.FAILURES`."""
        if error.kind != "rejected":
            return error.kind
        # A key's refusal has nothing to do with what a plan changed. A bare 403 may be about one
        # model or one file, and closes nothing.
        if _about_key(error):
            return "closed" if self.own_key else "rejected"
        return "edited" if self.changed else "rejected"

    def failure(self, answer: Answer) -> str | None:
        """Kind of an answer that failed, likewise; None for one that did not."""
        if answer.error is not None:
            return self.refused(answer.error)
        if (
            answer.failure == "empty"
            and answer.finish_reason == "MAX_TOKENS"
            and self.asked.output_cap_tokens is not None
            and self.change.output_cap_tokens is None
        ):
            return "rejected"
        return answer.failure


def _about_key(error: UpstreamError) -> bool:
    said = f"{error.reason} {error.message}"
    return error.code == 401 or (error.code in (400, 403) and _ABOUT_KEY.search(said) is not None)


def remedy(error: UpstreamError) -> str:
    """What the owner of a closed project has to do."""
    if _about_key(error):
        return "give the service a key that the upstream accepts"
    for words, what in _REMEDIES:
        if re.search(words, f"{error.reason} {error.message}", re.IGNORECASE):
            return what
    return "its owner must see to it in the provider's console"


def project_of(key: str | bytes) -> str:
    """A name for the project of an API key that does not give the key away."""
    raw = key.encode() if isinstance(key, str) else key
    return f"key {hashlib.sha256(raw).hexdigest()[:8]}" if raw else ""


def shape_of(body: Any) -> str:
    """Names of the members that a request has, and nothing of what they hold.

    Args:
        body: JSON value of generateContent or streamGenerateContent.
    """
    names: set[str] = set()
    for name in _names(body):
        value = member(body, name)
        if name == "contents":
            turns = [part for turn in _list(value) for part in _list(member(turn, "parts"))]
            names |= {f"part.{inner}" for part in turns[-_MOST_ENTRIES:] for inner in _names(part)}
        elif name == "tools":
            names |= {f"tools.{inner}" for tool in _list(value) for inner in _names(tool)}
        elif name in ("generationConfig", "toolConfig"):
            names |= _settings(value)
        else:
            names.add(name)
    return " ".join(sorted(names)[:_MOST_MEMBERS])


def _settings(value: Any) -> set[str]:
    """Names in a configuration, and in those that stand in it."""
    names: set[str] = set()
    for name in _names(value):
        inner = _names(member(value, name)) if name.endswith("Config") else []
        names |= {f"{name}.{last}" for last in inner} or {name}
    return names


def _names(value: Any) -> list[str]:
    """Names of members, in camelCase, as far as they look like some."""
    if not isinstance(value, Mapping):
        return []
    names = [str(name) for name, held in value.items() if held is not None][:_MOST_ENTRIES]
    return [_camel(name) for name in names if _MEMBER.fullmatch(name)]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value[-_MOST_ENTRIES:]
    return [] if value is None else [value]
