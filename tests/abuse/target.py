"""A service to be abused: a process of its own, so that what it takes can be measured."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.service.conftest import KEY, TOKEN
from tests.service.processes import process

from .asking import Answered, ask, head

__all__ = ["AUTHORIZED", "BODY", "PATH", "STREAM", "Target", "Waiting", "a_target", "call"]

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
BODY = b'{"contents": [{"parts": [{"text": "hi"}]}]}'
AUTHORIZED = f"Authorization: Bearer {TOKEN}"
_SECRETS = {
    "GEMINI_API_KEY": KEY,
    "OPEN_BALANCER_WEBHOOK_SECRET": "a-secret-of-the-webhook-for-tests-only",
}
_FILES = 8192
"""That this process may have open: a socket for each caller that it plays."""
_POLICY = """\
baseline: null
budget: {per_hour: $1000}
modes: {normal: {model: null, thinking: null, retries: 0, fallback_models: [], timeout: 5s}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A service.

    Attributes:
        url, port: where it listens.
        pid: of its process.
        client: that has its token.
        log: what it wrote since it was last looked at, by lines.
    """

    url: str
    port: int
    pid: int
    client: httpx.Client
    log: list[str]

    def memory_mb(self) -> float:
        """Resident."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def files(self) -> int:
        """Open ones, sockets among them."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def left_over(self) -> list[str]:
        """What of abused calls is still there, and whether it serves; nothing, after a moment."""
        wrong: list[str] = []
        for _ in range(100):
            wrong = self._wrong()
            if not wrong:
                break
            time.sleep(0.1)
        return [*wrong, *self._crashes()]

    def _wrong(self) -> list[str]:
        status = self.client.get("/api/brownout").json()
        wrong = [
            f"{status[name]} of {name} are left"
            for name in ("in_flight", "waiting", "reserved_usd")
            if status[name]
        ]
        ready = self.client.get("/readyz")
        return wrong if ready.status_code == 200 else [*wrong, f"it is not ready: {ready.text}"]

    def _crashes(self) -> list[str]:
        """What was logged of errors that nobody saw coming, once each."""
        lines = self.log.copy()
        del self.log[: len(lines)]
        found = "".join(lines).split("Traceback (most recent call last):\n")[1:]
        ends = (re.search(r"^\S.*", each, re.MULTILINE) for each in found)
        return sorted({f"it logged a traceback: {end[0]}" for end in ends if end})


@contextmanager
def a_target(folder: Path, upstream: str, *options: str) -> Iterator[Target]:
    """Runs for the time of the block.

    Args:
        folder: for its data.
        upstream: base URL.
        options: of `serve`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, most), most))
    policy = folder / "policy.yaml"
    policy.write_text(_POLICY, encoding="utf-8")
    options = ("--policy", str(policy), *options)
    with process(folder / "data", upstream, *options, **_SECRETS) as (child, client):
        log: list[str] = []
        # Read as it comes: a full pipe would hold the service up.
        reader = threading.Thread(target=lambda: log.extend(child.stderr or ()))
        reader.start()
        try:
            yield Target(
                url=str(client.base_url),
                port=client.base_url.port or 0,
                pid=child.pid,
                client=client,
                log=log,
            )
        finally:
            child.kill()
            reader.join()


def call(path: str = PATH, *lines: str, body: bytes = BODY, verb: str = "POST") -> bytes:
    """A whole request to the proxy."""
    length = f"Content-Length: {len(body)}"
    kind = "Content-Type: application/json"
    return head(AUTHORIZED, kind, length, *lines, path=path, verb=verb) + body


class Waiting:
    """How long others wait meanwhile.

    Attributes:
        seconds: of each that asked.
        failed: what was no answer.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.failed: list[Answered] = []

    @property
    def most_s(self) -> float:
        """The longest."""
        return max(self.seconds, default=0.0)

    def unanswered(self) -> list[str]:
        """Who was not answered, as what fell."""
        return [
            f"somebody else was not answered: {found.status} after {found.seconds:.1f} s"
            for found in self.failed
        ]

    @asynccontextmanager
    async def beside(self, port: int, every_s: float = 0.05) -> AsyncIterator[None]:
        """Ask for `/healthz` again and again for the time of the block."""

        async def watch() -> None:
            while True:
                found = await ask(port, [head("Connection: close")])
                self.seconds.append(found.seconds)
                if found.status != 200:
                    self.failed.append(found)
                await asyncio.sleep(every_s)

        task = asyncio.create_task(watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
