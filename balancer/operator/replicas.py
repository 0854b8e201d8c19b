"""What a replica says of itself: its policy and its incidents. It is asked, never told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from ..core.errors import PolicyError
from .complete import CompletePolicy, complete

__all__ = ["Incident", "Replica", "ask", "ask_all"]

DEADLINE_S = 5.0
_MOST_INCIDENTS = 50
_LARGEST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An episode of hard or emergency brownout.

    Attributes:
        number: at its replica.
        opened_at: by the replica's clock.
        cause: who wanted the mode: controller, alert or override.
        text: what happened, in words.
    """

    number: int
    opened_at: datetime
    cause: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One process of the target.

    Attributes:
        address: host and port.
        policy: that it follows; None where it did not say, or not so that we understand.
        since: when it began to, by its own clock.
        refuses: what it has against its policy file; "": nothing.
        incidents: the newest first.
        problem: why it could not be asked; "": it answered.
    """

    address: str
    policy: CompletePolicy | None = None
    since: datetime | None = None
    refuses: str = ""
    incidents: tuple[Incident, ...] = ()
    problem: str = ""


async def ask_all(session: aiohttp.ClientSession, addresses: Sequence[str]) -> tuple[Replica, ...]:
    """Ask replicas at the same time, in the order given."""
    return tuple(await asyncio.gather(*(ask(session, address) for address in addresses)))


async def ask(session: aiohttp.ClientSession, address: str) -> Replica:
    """Ask a replica; whatever goes wrong is its `problem`.

    Args:
        session: for all replicas.
        address: host and port.
    """
    try:
        async with asyncio.timeout(DEADLINE_S):
            status = await _json(session, f"http://{address}/api/brownout")
            page = await _json(session, f"http://{address}/api/incidents?limit={_MOST_INCIDENTS}")
        said = status["policy"]
        return Replica(
            address=address,
            policy=complete(said["text"], address, said["name"]),
            since=datetime.fromisoformat(said["since"]),
            refuses=said["file_problem"],
            incidents=tuple(_incident(each) for each in page["incidents"]),
        )
    except TimeoutError:
        problem = f"does not answer within {DEADLINE_S:g} s"
    except aiohttp.ClientResponseError as error:
        problem = f"answers {error.status} to {error.request_info.url.path}"
    except (aiohttp.ClientError, OSError) as error:
        problem = f"does not answer: {error}"
    except PolicyError as error:
        problem = f"follows a policy that this release does not understand: {error}"
    except (KeyError, TypeError, ValueError, RecursionError):
        problem = "answers, but not as open-balancer serve does"
    return Replica(address=address, problem=problem)


async def _json(session: aiohttp.ClientSession, url: str) -> Any:
    # A replica answers itself; where else it leads is nobody's business here.
    async with session.get(url, allow_redirects=False, raise_for_status=True) as answer:
        body = bytearray()
        async for piece in answer.content.iter_any():
            body += piece
            if len(body) > _LARGEST_BYTES:
                raise ValueError("too large")
        return json.loads(body)


def _incident(said: dict[str, Any]) -> Incident:
    return Incident(
        number=said["id"],
        opened_at=datetime.fromisoformat(said["opened_at"]),
        cause=said["cause"],
        text=f"{said['title']}: {said['reason']}",
    )
