"""Interactions through a wrapped client, and what an upstream says to them, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.genai import types

from balancer.adapters.gemini import Wrapped
from balancer.core.policy import Strategy

from .bench import Bench
from .script import Reply, Script

FLASH, LITE = "gemini-3.6-flash", "gemini-3.5-flash-lite"
FAST = types.HttpOptions(
    retry_options=types.HttpRetryOptions(initial_delay=0.001, max_delay=0.001, jitter=0.0)
)
RETRIES = Strategy(fallback_models=(LITE,), timeout_s=60.0, retries=2)
USAGE = {
    "total_input_tokens": 10,
    "total_output_tokens": 5,
    "total_thought_tokens": 2,
    "total_tokens": 17,
}
TEXT = {"type": "model_output", "content": [{"type": "text", "text": "Hello."}]}
THOUGHT = {"type": "thought", "signature": "c2ln"}
Play = Callable[..., Script]


def made(status: str = "completed", *steps: Any, **members: Any) -> Reply:
    """An interaction."""
    return Reply(body=resource(status, *(steps or (THOUGHT, TEXT)), **members))


def resource(status: str, *steps: Any, **members: Any) -> dict[str, Any]:
    """Its body."""
    found = {"id": "i1", "object": "interaction", "model": FLASH, "status": status}
    over = {} if status in ("in_progress", "queued") else {"steps": list(steps), "usage": USAGE}
    return {**found, **over, **members}


BEGUN = {
    "event_type": "interaction.created",
    "interaction": {"id": "i1", "status": "in_progress"},
    "event_id": "1",
}
THINKS = {
    "event_type": "step.delta",
    "index": 0,
    "delta": {"type": "thought_signature", "signature": "c2ln"},
}
SAYS = {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "Hello."}}


def over(status: str = "completed", **members: Any) -> dict[str, Any]:
    """The last event."""
    ended = {"id": "i1", "status": status, "usage": USAGE, "model": FLASH, **members}
    return {"event_type": "interaction.completed", "interaction": ended}


def stream(*events: Any, then: str = "") -> Reply:
    """A streamed one."""
    return Reply(
        chunks=[*events, *([b"data: [DONE]\n\n"] if events[-1] == over() else [])], then=then
    )


Make = Callable[..., Bench]


def use(here: Bench, method: str, *arguments: Any, **more: Any) -> Any:
    """Call a method of a wrapped client's interactions."""

    async def later(client: Wrapped) -> Any:
        return await getattr(client.aio.interactions, method)(*arguments, **more)

    def now(client: Wrapped) -> Any:
        return getattr(client.interactions, method)(*arguments, **more)

    return here.run(now if here.kind == "sync" else later)


def ask(here: Bench, **more: Any) -> Any:
    """A whole interaction."""
    return use(here, "create", **{"model": FLASH, "input": "Say hello.", **more})


def told(here: Bench, method: str = "create", **more: Any) -> tuple[list[Any], Any]:
    """Events of a streamed one, and how it was served."""
    given = {"model": FLASH, "input": "Say hello."} if method == "create" else {}
    arguments = {**given, "stream": True, **more}
    found: list[Any] = []

    async def later(client: Wrapped) -> Any:
        opened = await getattr(client.aio.interactions, method)(**arguments)
        async with opened as events:
            found.extend([each async for each in events])
        return opened

    def now(client: Wrapped) -> Any:
        with getattr(client.interactions, method)(**arguments) as events:
            found.extend(events)
        return events

    opened = here.run(now if here.kind == "sync" else later)
    return found, getattr(opened, "served", None)


def kinds(events: list[Any]) -> list[str]:
    """What they are."""
    return [getattr(each, "event_type", type(each).__name__) for each in events]
