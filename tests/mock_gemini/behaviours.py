"""What google-genai makes of the mock's answers and faults, of whichever version is installed.

    python -m tests.mock_gemini.behaviours URL ADMIN_URL TOKEN KIND

plays every fault, makes a whole call and a streamed one under each, and prints what its caller
sees as one line of JSON. KIND is `sync`, `httpx` or `aiohttp`. It is a command because versions 2
and 3 cannot live in one environment.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import warnings
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

from google import genai
from google.genai import types

from sim.mock_gemini.admin_client import Admin

__all__ = ["FAULTS", "KINDS"]

KINDS = ("sync", "httpx", "aiohttp")
MODEL = "gemini-2.5-flash"
KEY = "mock-key"
ASKED: dict[str, Any] = {"model": MODEL, "contents": "Hello, model!"}
TIMEOUT_MS = 60_000
"""Of calls that come to an end by themselves, however busy the machine is."""
HANG_MS = 600
"""Of those that hang: nothing ends them but this."""

FAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "overloaded": {"kind": "error", "error": "overloaded"},
    "overloaded inside": {"kind": "error", "error": "overloaded", "where": "inside"},
    "internal": {"kind": "error", "error": "internal"},
    "quota of a minute": {"kind": "error", "error": "quota_minute"},
    "quota of a day": {"kind": "error", "error": "quota_day"},
    "reset": {"kind": "error", "error": "reset"},
    "reset inside": {"kind": "error", "error": "reset", "where": "inside"},
    "malformed": {"kind": "error", "error": "malformed"},
    "malformed inside": {"kind": "error", "error": "malformed", "where": "inside"},
    "cut": {"kind": "cut"},
    "hang": {"kind": "hang"},
    "hang inside": {"kind": "hang", "where": "inside"},
}

Seen = dict[str, Any]


def _timeouts_ms(fault: str) -> list[int]:
    """To be tried in turn, until the chunks that come before a hang are in time."""
    known = FAULTS[fault]
    if known.get("kind") != "hang":
        return [TIMEOUT_MS]
    return [HANG_MS << doubled for doubled in range(7 if "where" in known else 1)]


def _how(timeout_ms: int) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(http_options=types.HttpOptions(timeout=timeout_ms))


def _told(error: BaseException) -> Seen:
    """An error as its caller can tell it from others."""
    found: Seen = {"error": type(error).__name__}
    code = getattr(error, "code", None)
    if isinstance(code, int):
        found["code"] = code
        details = getattr(error, "details", None)
        if isinstance(details, Mapping):
            inner = details.get("error", details)
            found["details"] = inner.get("details", [])
            found["message"] = inner.get("message")
        response = getattr(error, "response", None)
        found["retry_after"] = "retry-after" in dict(getattr(response, "headers", {}))
    return found


def _of(response: types.GenerateContentResponse) -> Seen:
    """An answer, or a chunk of one."""
    usage = response.usage_metadata
    candidate = (response.candidates or [types.Candidate()])[0]
    return {
        "text": response.text or "",
        "finish": candidate.finish_reason.value if candidate.finish_reason else None,
        "prompt": usage.prompt_token_count if usage else None,
        "output": usage.candidates_token_count if usage else None,
        "thinking": usage.thoughts_token_count if usage else None,
        "total": usage.total_token_count if usage else None,
    }


def _stream(chunks: list[Seen], error: BaseException | None) -> Seen:
    last = chunks[-1] if chunks else {"finish": None}
    found = {**last, "chunks": len(chunks), "text": "".join(chunk["text"] for chunk in chunks)}
    return found if error is None else {**found, **_told(error)}


def _options(url: str, kind: str) -> types.HttpOptions:
    # Gemini, and so the mock, refuses deadlines below ten seconds; the SDK keeps this header.
    options = types.HttpOptions(
        base_url=url, timeout=TIMEOUT_MS, headers={"X-Server-Timeout": "10"}
    )
    if kind == "httpx":
        httpx = import_module("httpx" if genai.__version__.startswith("2.") else "httpx2")
        options.async_client_args = {"transport": httpx.AsyncHTTPTransport()}
    return options


def _sync(client: genai.Client, told: Callable[[str], object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in FAULTS:
        told(name)
        timeouts_ms = _timeouts_ms(name)
        try:
            whole = _of(client.models.generate_content(**ASKED, config=_how(timeouts_ms[0])))
        except Exception as error:  # noqa: BLE001  # what it is, is the question
            whole = _told(error)
        chunks: list[Seen] = []
        broken: BaseException | None = None
        for timeout_ms in timeouts_ms:
            try:
                for chunk in client.models.generate_content_stream(
                    **ASKED, config=_how(timeout_ms)
                ):
                    chunks.append(_of(chunk))  # noqa: PERF401  # what came before an error counts
            except Exception as error:  # noqa: BLE001
                broken = error
            if chunks:
                break
        found[name] = {"whole": whole, "stream": _stream(chunks, broken)}
    told("none")
    chat = client.chats.create(model=MODEL)
    found["calls"] = {
        "count": client.models.count_tokens(**ASKED).total_tokens,
        "get": client.models.get(model=MODEL).name,
        "list": [model.name for model in client.models.list(config={"page_size": 2})],
        "chat": [bool(chat.send_message("Hello").text), bool(chat.send_message("Again").text)],
    }
    return found


async def _async(client: Any, told: Callable[[str], object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in FAULTS:
        told(name)
        timeouts_ms = _timeouts_ms(name)
        try:
            whole = _of(await client.models.generate_content(**ASKED, config=_how(timeouts_ms[0])))
        except Exception as error:  # noqa: BLE001
            whole = _told(error)
        chunks: list[Seen] = []
        broken: BaseException | None = None
        for timeout_ms in timeouts_ms:
            try:
                async for chunk in await client.models.generate_content_stream(
                    **ASKED, config=_how(timeout_ms)
                ):
                    chunks.append(_of(chunk))  # noqa: PERF401  # what came before an error counts
            except Exception as error:  # noqa: BLE001
                broken = error
            if chunks:
                break
        found[name] = {"whole": whole, "stream": _stream(chunks, broken)}
    told("none")
    chat = client.chats.create(model=MODEL)
    listed = await client.models.list(config={"page_size": 2})
    count = await client.models.count_tokens(**ASKED)
    found["calls"] = {
        "count": count.total_tokens,
        "get": (await client.models.get(model=MODEL)).name,
        "list": [model.name async for model in listed],
        "chat": [bool((await chat.send_message(text)).text) for text in ("Hello", "Again")],
    }
    return found


def _main(url: str, admin_url: str, token: str, kind: str) -> None:
    warnings.simplefilter("ignore")
    admin = Admin(admin_url, token)
    # The SDK waits 1 + randint(0, 9) s before it hides a lost connection: not here.
    random.randint = lambda low, _high: low  # type: ignore[assignment]

    def told(name: str) -> None:
        for other in admin.faults():
            admin.drop_fault(other)
        if FAULTS[name]:
            admin.put_fault(name, FAULTS[name])

    client = genai.Client(api_key=KEY, http_options=_options(url, kind))
    if kind == "sync":
        found = _sync(client, told)
    else:
        work: Callable[[], Awaitable[dict[str, Any]]] = lambda: _async(client.aio, told)  # noqa: E731

        async def run() -> dict[str, Any]:
            try:
                return await work()
            finally:
                await client.aio.aclose()

        found = asyncio.run(run())
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
