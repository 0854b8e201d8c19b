"""Slack, Teams and a webhook of somebody's own, on 127.0.0.1, as strict as they are."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from tests.waiting import GIVE_UP_S

__all__ = ["MARKER", "Post", "Receiver", "Reply", "receiver"]

MARKER = "KpQ7vXw2Zr9TmB4s"
"""In every address: no log, error or text may show it."""

_SLACK = f"/services/T000/B000/{MARKER}"
_TEAMS = "/workflows/643e69f8/triggers/manual/paths/invoke"
_TEAMS_LIMIT = 28 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One that came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at_s: float
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to do instead of taking the next post.

    Attributes:
        status: to answer; 0: close the connection; -1: hang until the end.
        headers, text: of the answer.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""


class Receiver:
    """What came, and what is to be answered, while `answering` is set."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.posts: list[Post] = []
        self.replies: deque[Reply] = deque()
        self.over = threading.Event()
        self.hanging = threading.Event()
        self.answering = threading.Event()
        self.answering.set()
        self._came = threading.Condition()

    @property
    def slack(self) -> str:
        """Address of the channel, as Slack's is."""
        return f"slack+http://127.0.0.1:{self.port}{_SLACK}"

    @property
    def teams(self) -> str:
        """Address of the channel, as a workflow's is."""
        query = f"api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={MARKER}%2Fx"
        return f"teams+http://127.0.0.1:{self.port}{_TEAMS}?{query}"

    @property
    def hook(self) -> str:
        """Address of a webhook, with user and password."""
        return f"http://user:{MARKER}@127.0.0.1:{self.port}/hook/{MARKER}?key={MARKER}"

    def add(self, post: Post) -> None:
        """Keep what came."""
        with self._came:
            self.posts.append(post)
            self._came.notify_all()

    def wait(self, count: int) -> list[Post]:
        """So many posts, once they have come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.posts) >= count, GIVE_UP_S), self.posts
            return list(self.posts)

    @property
    def taken(self) -> list[Post]:
        """Those that were taken."""
        return [post for post in self.posts if post.status < 300]


def _slack(path: str, body: dict[str, Any]) -> Reply:
    if path != _SLACK:
        return Reply(status=404, text="no_service")
    if not body.get("text"):
        return Reply(status=400, text="no_text")
    try:
        for block in Block.parse_all(body.get("blocks", [])):
            block.validate_json()
    except SlackObjectFormationError:
        return Reply(status=400, text="invalid_blocks")
    return Reply(status=200, text="ok")


def _teams(query: str, body: dict[str, Any], size: int) -> Reply:
    if parse_qs(query).get("sig") != [f"{MARKER}/x"]:
        error = {"error": {"code": "AuthorizationFailed", "message": f"no such sig: {query}"}}
        return Reply(status=401, text=json.dumps(error))
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["type"] == "AdaptiveCard" and card["body"]
    if body["type"] != "message" or size > _TEAMS_LIMIT:
        return Reply(status=413, text=json.dumps({"error": {"code": "RequestEntityTooLarge"}}))
    return Reply(status=202)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Take it, or do as the script says."""
        kept = self.server.receiver
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(raw)
        parts = urlsplit(self.path)
        if kept.replies:
            reply = kept.replies.popleft()
        elif parts.path.startswith("/services/"):
            reply = _slack(parts.path, body)
        elif parts.path.startswith("/workflows/"):
            reply = _teams(parts.query, body, len(raw))
        else:
            reply = Reply(status=200 if parts.path == f"/hook/{MARKER}" else 404)
        kept.add(
            Post(
                path=self.path,
                headers=dict(self.headers.items()),
                body=body,
                at_s=time.monotonic(),
                status=reply.status if reply.status > 0 else 599,
            )
        )
        kept.answering.wait(GIVE_UP_S)
        if reply.status < 0:
            kept.hanging.set()
            kept.over.wait(GIVE_UP_S)
        if reply.status <= 0:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.text.encode())))
        self.end_headers()
        self.wfile.write(reply.text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing on stderr."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is not worth a word."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run one."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.receiver
    finally:
        server.receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join(GIVE_UP_S)
