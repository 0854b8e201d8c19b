"""The admin API: health, counters, calls, quotas, faults and the clock, behind a bearer token."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from pydantic import ValidationError

from balancer.core.errors import BalancerError, InputError
from balancer.documents import Document
from balancer.schema_errors import explain
from scenarios.schema import UpstreamFault

from .app import GeminiApp
from .headers import bearer_is
from .replies import Gone, Receive, Scope, Send, send_json

__all__ = ["AdminApp"]

_MOST_BODY_BYTES = 64 * 1024
_MOST_CALLS = 1000
_FOREVER_S = 10 * 365 * 86_400.0
_NAME = re.compile(r"/faults/([^/]+)")


class _Problem(Exception):  # noqa: N818  # it is an answer
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class AdminApp:
    """Looks at a mock Gemini and changes its faults while it runs.

    Args:
        gemini: the API it stands beside.
        token: that callers have to send.
    """

    def __init__(self, gemini: GeminiApp, token: str) -> None:
        self._gemini = gemini
        self._token = token.encode()
        self._named = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            code, found = await self._answer(scope, receive)
        except _Problem as problem:
            code, found = problem.code, {"error": str(problem)}
        except BalancerError as error:
            code, found = 400, {"error": str(error)}
        except Gone:
            return
        await send_json(scope, send, code, json.dumps(found).encode())

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Mapping[str, Any]]:
        verb, path = scope["method"], scope["path"]
        if (verb, path) == ("GET", "/health"):
            return self._health()
        if not any(
            name == b"authorization" and bearer_is(value, self._token)
            for name, value in scope["headers"]
        ):
            raise _Problem(401, "expected the header Authorization: Bearer TOKEN")
        if (verb, path) == ("GET", "/counters"):
            return 200, self._counters()
        if (verb, path) == ("GET", "/calls"):
            return 200, self._calls(scope["query_string"].decode("latin-1"))
        if (verb, path) == ("GET", "/faults"):
            return 200, self._faults()
        if (verb, path) == ("GET", "/quotas"):
            return 200, self._quotas()
        if (verb, path) == ("POST", "/clock"):
            return 200, self._clock(await _object(receive))
        if (verb, path) == ("POST", "/faults"):
            self._named += 1
            return 200, self._put(f"added {self._named}", await _object(receive))
        named = _NAME.fullmatch(path)
        if named is not None and verb == "PUT":
            return 200, self._put(unquote(named[1]), await _object(receive))
        if named is not None and verb == "DELETE":
            return 200, self._drop(unquote(named[1]))
        raise _Problem(404, f"there is no {verb} {path}")

    def _health(self) -> tuple[int, Mapping[str, Any]]:
        gemini = self._gemini
        broken = gemini.upstream.site.broken
        return (503 if broken else 200), {
            "status": "degraded" if broken else "ok",
            **({"problem": broken} if broken else {}),
            "scenario": gemini.settings.scenario.scenario,
            "replication": gemini.settings.replication,
            "speed": gemini.settings.speed,
            "epoch": gemini.clock.epoch,
            "now_s": gemini.clock.now_s(),
        }

    def _counters(self) -> Mapping[str, Any]:
        gemini = self._gemini
        counters, upstream = gemini.counters, gemini.upstream
        return {
            "now_s": gemini.clock.now_s(),
            "total": counters.total(),
            "models": counters.models(),
            "in_flight": {name: upstream.in_flight(m) for name, m in upstream.models.items()},
            "refused": {str(code): count for code, count in sorted(counters.refused.items())},
            "other": dict(counters.other),
        }

    def _quotas(self) -> Mapping[str, Any]:
        upstream = self._gemini.upstream
        spending = upstream.spending()
        return {
            "tier": upstream.tier,
            "models": {name: upstream.limits(m)._asdict() for name, m in upstream.models.items()},
            "project": upstream.limits(None)._asdict(),
            "spend_limit": None if spending is None else spending._asdict(),
        }

    def _calls(self, query: str) -> Mapping[str, Any]:
        given = parse_qs(query)
        after = _number(given, "after", 0)
        most = min(_number(given, "limit", _MOST_CALLS), _MOST_CALLS)
        calls = self._gemini.counters.calls(after, most)
        return {"calls": calls, "next": calls[-1]["number"] + 1 if calls else after}

    def _faults(self) -> Mapping[str, Any]:
        return {
            "faults": [
                {
                    **fault.model_dump(mode="json", by_alias=True),
                    "for": _shown(fault.duration),
                    "name": name,
                    "in_force": in_force,
                }
                for name, (fault, in_force) in self._gemini.upstream.site.playing().items()
            ]
        }

    def _put(self, name: str, entry: dict[str, Any]) -> Mapping[str, Any]:
        now_s = self._gemini.clock.now_s()
        name = str(entry.get("name") or name)
        said = {key: value for key, value in entry.items() if (key, value) != ("for", None)}
        given = {"at": now_s, "for": _FOREVER_S, **said, "name": name}
        try:
            fault = UpstreamFault.model_validate(given)
        except ValidationError as error:
            document = Document(name=f"fault {name}", values=given)
            raise explain(error, UpstreamFault, document, InputError) from None
        self._gemini.upstream.site.put(name, fault)
        return {"name": name, "at": fault.at, "for": _shown(fault.duration)}

    def _drop(self, name: str) -> Mapping[str, Any]:
        if not self._gemini.upstream.site.drop(name):
            known = ", ".join(self._gemini.upstream.site.playing()) or "none"
            raise _Problem(404, f"no fault is called {name!r}; playing: {known}")
        return {"name": name}

    def _clock(self, entry: dict[str, Any]) -> Mapping[str, Any]:
        epoch = entry.get("epoch")
        number = isinstance(epoch, int | float) and not isinstance(epoch, bool)
        if not (number and epoch is not None and math.isfinite(epoch)) or set(entry) != {"epoch"}:
            raise _Problem(400, f'found {json.dumps(entry)[:80]}, expected {{"epoch": Unix time}}')
        self._gemini.begin(float(epoch))
        return {"epoch": self._gemini.clock.epoch, "now_s": self._gemini.clock.now_s()}


def _shown(duration_s: float) -> float | None:
    """How long a fault plays; None: until it is dropped."""
    return None if duration_s >= _FOREVER_S else duration_s


def _number(given: Mapping[str, list[str]], name: str, otherwise: int) -> int:
    text = given[name][0] if name in given else str(otherwise)
    if not (text.isdecimal() and len(text) < 16):
        raise _Problem(400, f"{name}: found {text[:40]!r}, expected a whole number from 0")
    return int(text)


async def _object(receive: Receive) -> dict[str, Any]:
    raw = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        raw += message.get("body", b"")
        if len(raw) > _MOST_BODY_BYTES:
            raise _Problem(413, f"the body is longer than {_MOST_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            break
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _Problem(400, f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _Problem(400, f"found {type(found).__name__}, expected a JSON object")
    return found
