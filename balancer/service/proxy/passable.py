"""Paths of the API that no plan governs: which of them go through, where to, and what they are of.

They go upstream as they were written, to the byte: whatever Google adds tomorrow works. So that
nothing but the API of the host that was configured can be reached, a path has to begin with a
version of the API, and no segment of it, however often it is encoded, may be empty, `.` or `..`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from .paths import VERSION, Target, find_target

__all__ = ["Passed", "find_passed", "looks_like_gemini", "of_interaction", "passed_of"]

_WAYS = r"upload|download|resumable/upload"
"""Before the version, where files are sent and fetched."""
_COLLECTIONS = (
    "agents|auth_tokens|batches|cachedContents|corpora|fileSearchStores|files|interactions|models"
    "|openai|operations|tunedModels"
)
"""That are taken without a version too, as clients ask that are told to leave it out."""
_PATH = re.compile(
    rf"/(?:(?P<way>{_WAYS})/)?(?:(?:{VERSION}/)*(?P<version>{VERSION})(?P<rest>(?:/.*)?)"
    rf"|(?P<bare>(?:{_COLLECTIONS})(?:[/:].*)?))"
)
_LIKE = re.compile(
    rf"/(?:(?:{_WAYS})/)?(?:{VERSION}|{_COLLECTIONS})(?:[/:].*)?|//interactions/.*|/ws/.*",
    re.DOTALL,
)
_WRITTEN = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@%/-]+")
"""What stands in a path (RFC 3986, 3.3); parameters after `;` are in none of the API's."""
_VERTEX = re.compile(
    r"/(?:projects/[^/]+(?:/locations/(?P<location>[^/:]+))?|publishers)(?=[/:]|$)"
)
_GENERATES = re.compile(r":(?:generate|streamGenerate)Content/*")
_OF_INTERACTION = re.compile(
    rf"/{VERSION}(?:/projects/[^/:]+/locations/[^/:]+)?/interactions/[^/:%]+(?P<cancel>[/:]cancel)?/?"
)
_LOCATION = re.compile(r"[a-z][a-z0-9-]{0,39}")
_MOST_DECODED = 3
_LONGEST = 4000

_KINDS = {
    "agents": "agents",
    "reasoningEngines": "agents",
    "auth_tokens": "auth_tokens",
    "batches": "batches",
    "batchPredictionJobs": "batches",
    "cachedContents": "caches",
    "corpora": "stores",
    "fileSearchStores": "stores",
    "ragCorpora": "stores",
    "files": "files",
    "interactions": "interactions",
    "models": "models",
    "openai": "openai",
    "openapi": "openai",
    "operations": "operations",
    "tunedModels": "tuning",
    "tuningJobs": "tuning",
}
"""By the collection that a path is in; the last one that is named counts."""
_METHODS = (
    ("embed", "embeddings"),
    ("batch", "batches"),
    ("asyncbatch", "batches"),
    ("count", "counting"),
    ("compute", "counting"),
    ("generate", "generation"),
    ("streamgenerate", "generation"),
    ("predict", "generation"),
    ("rawpredict", "generation"),
    ("streamrawpredict", "generation"),
)
"""By how a method begins, before its collection counts."""
_OF_OPENAI = {
    "embeddings": "embeddings",
    "files": "files",
    "batches": "batches",
    "models": "models",
    "images": "generation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Where a call goes that no plan governs.

    Attributes:
        path: upstream's, as it is to be sent.
        kind: of `balancer.runtime.calls.PASSED_KINDS`.
        model: that it names; "" where it names none.
        vertex: whether it is Vertex AI's.
        location: of Vertex AI; "" is the global one.
        openai: whether its key is sent as OpenAI's clients send it.
    """

    path: str
    kind: str
    model: str = ""
    vertex: bool = False
    location: str = ""
    openai: bool = False


def looks_like_gemini(path: str) -> bool:
    """Whether a path is of the API's kind, passed on or not: nothing else of ours begins so."""
    return _LIKE.fullmatch(path) is not None


def passed_of(target: Target) -> Passed:
    """The same of a method that is known, where no plan governs it."""
    path = target.path(target.model)
    return Passed(
        path=path,
        kind="generation" if target.governed else _kind(path),
        model=target.model or "",
        vertex=target.vertex,
        location=target.location,
        openai=target.openai,
    )


def find_passed(raw: bytes) -> Passed | None:
    """Where a path leads.

    Args:
        raw: as it was written, without the query.

    Returns:
        None for one that is not the API's, or that could be read in two ways.
    """
    path = raw.decode("latin-1")
    if path.startswith("//interactions/"):  # see `paths`
        path = path[1:]
    found = _PATH.fullmatch(path)
    if found is None or len(path) > _LONGEST or not _WRITTEN.fullmatch(path):
        return None
    plain = _decoded(path)
    # Not to be had by an encoding that only the upstream would understand.
    if plain is None or (plain != unquote(path) and governed(plain)):
        return None
    # Nor by a spelling that is nearly the one which a plan governs.
    odd = "%" in path or plain.endswith("/") or found["way"] is not None
    if odd and _GENERATES.fullmatch(plain, plain.rfind(":")):
        return None
    way = "" if found["way"] is None else f"/{found['way']}"
    version, rest = found["version"] or "v1beta", found["rest"]
    if rest is None:
        rest = f"/{found['bare']}"
    vertex = _VERTEX.match(rest)
    location = (vertex and vertex["location"]) or ""
    if location and not _LOCATION.fullmatch(location):
        return None
    named = plain.rpartition("/models/")[2].partition(":")[0] if "/models/" in plain else ""
    return Passed(
        path=f"{way}/{version}{rest}",
        kind="files" if way and "/files" in rest else _kind(rest),
        model=named.partition("/")[0],
        vertex=vertex is not None,
        location="" if location == "global" else location,
        openai="/openai/" in rest,
    )


def governed(path: str) -> bool:
    """Whether a decoded path is one whose calls a plan governs."""
    target = find_target(path)
    return target is not None and target.governed


def of_interaction(passed: Passed, verb: str) -> bool:
    """Whether a call looks at one interaction, deletes it, or cancels it: it belongs to the
    governed call that made it, whose outcome it may tell.
    """
    found = _OF_INTERACTION.fullmatch(passed.path)
    return found is not None and verb in (("POST",) if found["cancel"] else ("GET", "DELETE"))


def _decoded(path: str) -> str | None:
    """Without any encoding; None where a segment leads elsewhere, or there is no end to it."""
    for _ in range(_MOST_DECODED):
        segments = re.split(r"[/\\]", path)
        # A path may end in a slash.
        if any(part in ("", ".", "..") for part in segments[1:-1]) or segments[-1] in (".", ".."):
            return None
        if "\\" in path or not path.isprintable():
            return None
        plain = unquote(path)
        if plain == path:
            return path
        path = plain
    return None


def _kind(rest: str) -> str:
    names = [part.partition(":")[0] for part in rest.split("/")]
    method = rest.rpartition("/")[2].partition(":")[2].lower()
    for prefix, kind in _METHODS:
        if method.startswith(prefix):
            if method.startswith("batchembed"):
                return "embeddings"
            return kind
    kinds = [_KINDS[name] for name in names if name in _KINDS]
    if "openai" in kinds:
        return next((_OF_OPENAI[name] for name in names if name in _OF_OPENAI), "openai")
    return kinds[-1] if kinds else "other"
