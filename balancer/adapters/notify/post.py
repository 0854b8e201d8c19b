"""One POST to a channel, and what came of it. Nothing here shows an address.

aiohttp writes no address to a log. Its errors may quote one, so that only their kind is told.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import threading
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from balancer.version import VERSION

from .answers import Answer, read_answer
from .bodies import body_of
from .channels import Channel
from .notice import Message

__all__ = ["new_session", "post"]

_LONGEST_ANSWER = 2048


class _Resolver(AbstractResolver):
    """Looks names up in daemon threads: one that hangs must not hold up the end of a process,
    as those of an executor would.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def settle(result: list[ResolveResult] | OSError) -> None:
            if done.done():  # given up meanwhile
                return
            if isinstance(result, OSError):
                done.set_exception(result)
            else:
                done.set_result(result)

        def look() -> None:
            result: list[ResolveResult] | OSError
            try:
                entries = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
                result = [_result(host, *entry) for entry in entries]
            except OSError as error:
                result = OSError(error.errno, error.strerror)
            # The loop may be closed by now.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result)

        threading.Thread(target=look, name="open-balancer-names", daemon=True).start()
        return await done

    async def close(self) -> None:
        """Nothing is held."""


def _result(
    name: str,
    family: socket.AddressFamily,
    _type: socket.SocketKind,
    proto: int,
    _canonical: str,
    address: tuple[Any, ...],
) -> ResolveResult:
    return ResolveResult(
        hostname=name,
        host=str(address[0]),
        port=int(address[1]),
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST,
    )


def new_session(timeout_s: float) -> aiohttp.ClientSession:
    """A session for posts; inside a running loop.

    Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`). Messages are rare: a
    connection is not kept.

    Args:
        timeout_s: most an attempt may take, all in all.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=_Resolver(), force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        trust_env=True,
        headers={"User-Agent": f"open-balancer/{VERSION}"},
    )


async def post(session: aiohttp.ClientSession, channel: Channel, message: Message) -> Answer:
    """Try to tell a channel, once. Raises nothing but cancellation."""
    try:
        return await _post(session, channel, message)
    except TimeoutError:
        limit_s = session.timeout.total
        return Answer(problem=f"gave no answer within {limit_s:g} s", again=True)
    except aiohttp.ClientConnectorCertificateError:
        return Answer(problem="has a TLS certificate that is not trusted")
    except aiohttp.ClientSSLError:
        return Answer(problem="does not speak TLS as it should; is it https?")
    except aiohttp.ClientConnectorDNSError:
        return Answer(problem="has a host name that is not found", again=True)
    except aiohttp.ClientConnectorError as error:
        code = error.os_error.errno
        why = os.strerror(code) if code is not None else "no connection"
        return Answer(problem=f"cannot be reached: {why}", again=True)
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
        return Answer(problem="closed the connection without an answer", again=True)
    except Exception as error:  # noqa: BLE001 - its text may hold the address: the kind is told
        return Answer(problem=f"could not be asked: {type(error).__name__}")


async def _post(session: aiohttp.ClientSession, channel: Channel, message: Message) -> Answer:
    headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
    if channel.user or channel.password:
        pair = f"{channel.user}:{channel.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    async with session.post(
        # As it was given: signatures are over the escaped form.
        URL(channel.url, encoded=True),
        data=json.dumps(body_of(message, channel.kind)).encode(),
        headers=headers,
        # A redirected POST becomes a GET without a body, and looks like a success.
        allow_redirects=False,
    ) as answer:
        text = ""
        if answer.status >= 300:
            text = (await answer.content.read(_LONGEST_ANSWER)).decode(errors="replace")
        return read_answer(answer.status, text, answer.headers.get("Retry-After"), _secret(channel))


def _secret(channel: Channel) -> str:
    return f"{channel.url} {channel.user} {channel.password}"
