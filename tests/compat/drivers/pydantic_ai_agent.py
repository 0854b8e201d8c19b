"""Pydantic AI's `Agent`."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider

from .conversation import KEY, MODEL, PROMPT, answer, joined


class Place(BaseModel):
    """A place."""

    city: str


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}."


def agent(url: str, **more: Any) -> Any:
    """An agent of its own for every call, as each has an event loop of its own."""
    model = GoogleModel(MODEL, provider=GoogleProvider(api_key=KEY, base_url=url))
    return Agent(model, **more)


def streamed(url: str) -> str:
    """Chunk by chunk."""

    async def run() -> str:
        async with agent(url).run_stream(PROMPT) as result:
            return joined([text async for text in result.stream_text(delta=True)])

    return asyncio.run(run())


def made(url: str, **more: Any) -> Any:
    """What a run comes to."""
    found = agent(url, **more).run_sync(PROMPT).output
    return found.model_dump() if isinstance(found, Place) else found


def forced(url: str) -> Any:
    """Its form of output by a function that must be called."""
    return "weather" if made(url, output_type=ToolOutput(Place, name="weather")) else None


if __name__ == "__main__":
    answer(
        "pydantic-ai-slim",
        {
            "plain": made,
            "stream": streamed,
            "tools": lambda url: made(url, tools=[weather]),
            "forced": forced,
            "schema": lambda url: made(url, output_type=NativeOutput(Place)),
        },
    )
