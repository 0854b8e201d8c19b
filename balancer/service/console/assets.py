"""The files that pages load: read once, sent compressed, kept by browsers until they change."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response

from ..problems import Problem

__all__ = ["Assets"]

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_PLAIN = "text/plain; charset=utf-8"
_SMALLEST_TO_PACK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    raw: bytes
    packed: bytes | None
    kind: str
    tag: str


class Assets:
    """Files of the console and of its pages.

    Args:
        folders: by the first part of their addresses; "" is the console's own.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._paths: dict[str, Path] = {}
        for name, folder in folders.items():
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    inner = path.relative_to(folder).as_posix()
                    self._paths[f"{name}/{inner}" if name else inner] = path
        self._files: dict[str, _File] = {}

    def url(self, name: str) -> str:
        """The address of a file, which changes when the file does.

        Raises:
            KeyError: there is none.
        """
        return f"/console/static/{name}?v={self._file(name).tag}"

    def serve(self, name: str, headers: Headers) -> Response:
        """A file.

        Raises:
            Problem: 404.
        """
        if name not in self._paths:
            raise Problem(404, "there is no such file")
        file = self._file(name)
        answer = {
            "cache-control": "public, max-age=31536000, immutable",
            "etag": f'"{file.tag}"',
            "vary": "accept-encoding",
        }
        if file.tag in headers.get("if-none-match", ""):
            return Response(status_code=304, headers=answer)
        packed = file.packed is not None and "gzip" in headers.get("accept-encoding", "")
        if packed:
            answer["content-encoding"] = "gzip"
        content = file.packed if packed else file.raw
        return Response(content, headers=answer, media_type=file.kind)

    def _file(self, name: str) -> _File:
        found = self._files.get(name)
        if found is None:
            path = self._paths[name]
            raw = path.read_bytes()
            large = len(raw) >= _SMALLEST_TO_PACK and path.suffix != ".png"
            found = self._files[name] = _File(
                raw=raw,
                packed=gzip.compress(raw, 9, mtime=0) if large else None,
                kind=_TYPES.get(path.suffix, _PLAIN),
                tag=hashlib.sha256(raw).hexdigest()[:16],
            )
        return found
