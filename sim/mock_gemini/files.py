"""Files of one play, sent by the resumable protocol: a call that begins, and those with the bytes.

What they hold is not kept, and no model reads it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from balancer.wire.members import member

from .bodies import parse
from .headers import Headers
from .refusals import Refusal, invalid_argument, no_such_page
from .replies import Header, Receive, Scope, Send, send_json

if TYPE_CHECKING:
    from .app import GeminiApp

__all__ = ["Files"]

_PATH = re.compile(r"(?P<upload>/upload)?(?:/v\d\w*)*/files(?:/(?P<name>[a-z0-9-]+))?/?")
_MOST = 1000


class Files:
    """Files that can be asked for again, and uploads under way.

    Args:
        app: whose counters and limits it shares.
    """

    __slots__ = ("_app", "_begun", "_files", "_named")

    def __init__(self, app: GeminiApp) -> None:
        self._app = app
        self._begun: OrderedDict[str, tuple[dict[str, Any], Any, int]] = OrderedDict()
        self._files: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._named = 0

    @staticmethod
    def is_path(path: str) -> bool:
        """Whether a path is one of this API's."""
        return _PATH.fullmatch(path) is not None

    @staticmethod
    def needs_key(query: bytes) -> bool:
        """Whether a request has to show a key; who holds an upload URL was given it."""
        return b"upload_id=" not in query

    async def answer(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, whose key was checked.

        Raises:
            Refusal: what is wrong with it.
            Gone: the client has left.
        """
        found = _PATH.fullmatch(scope["path"])
        assert found is not None
        verb, name = scope["method"], found["name"]
        more: list[Header] = []
        said: dict[str, Any]
        if found["upload"] and verb in ("POST", "PUT") and not name:
            raw = await self._app.read(headers, receive)
            more, said = self._upload(bytes(raw), scope)
        elif verb == "GET" and not found["upload"]:
            said = self._find(name) if name else {"files": list(self._files.values())}
        elif verb == "DELETE" and name:
            self._find(name)
            del self._files[name]
            said = {}
        else:
            raise no_such_page(scope["path"])
        self._app.counters.other["files"] += 1
        await send_json(scope, send, 200, json.dumps(said).encode(), more)

    def _find(self, name: str) -> dict[str, Any]:
        if name not in self._files:
            raise Refusal(404, "NOT_FOUND", f"File {name[:80]!r} not found.")
        return self._files[name]

    def _upload(self, raw: bytes, scope: Scope) -> tuple[list[Header], dict[str, Any]]:
        said = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        command = {each.strip() for each in said.get("x-goog-upload-command", "").split(",")}
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if "start" in command:
            return self._start(parse(raw) if raw else {}, said, scope), {}
        name = query.get("upload_id", [""])[0]
        if name not in self._begun:
            raise Refusal(404, "NOT_FOUND", "There is no such upload.")
        resource, digest, size = self._begun[name]
        if said.get("x-goog-upload-offset", str(size)) != str(size):
            raise invalid_argument(f"The upload goes on at {size} bytes.")
        digest.update(raw)
        size += len(raw)
        if "finalize" not in command:
            self._begun[name] = (resource, digest, size)
            return [(b"x-goog-upload-status", b"active")], {}
        del self._begun[name]
        hashed = base64.b64encode(digest.digest()).decode()
        file = {**resource, "sizeBytes": str(size), "sha256Hash": hashed, "state": "ACTIVE"}
        _keep(self._files, name, file)
        return [(b"x-goog-upload-status", b"final")], {"file": file}

    def _start(self, body: dict[str, Any], said: dict[str, str], scope: Scope) -> list[Header]:
        self._named += 1
        name = f"mock-file-{self._named}"
        given = member(body, "file")
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        host = f"{scope['scheme']}://{said.get('host', '')}"
        resource: dict[str, Any] = {
            "name": f"files/{name}",
            "mimeType": said.get("x-goog-upload-header-content-type", "application/octet-stream"),
            "createTime": at,
            "updateTime": at,
            "uri": f"{host}/v1beta/files/{name}",
        }
        shown = member(given, "displayName")
        if isinstance(shown, str):
            resource["displayName"] = shown
        _keep(self._begun, name, (resource, hashlib.sha256(), 0))
        query = f"upload_id={name}&upload_protocol=resumable"
        url = f"{host}{scope['path']}?{query}".encode()
        return [(b"x-goog-upload-status", b"active"), (b"x-goog-upload-url", url)]


def _keep(kept: OrderedDict[str, Any], name: str, value: Any) -> None:
    """The oldest is forgotten first."""
    kept[name] = value
    if len(kept) > _MOST:
        kept.popitem(last=False)
