"""Google's own client for Python."""

from __future__ import annotations

import asyncio
import io
import time
from functools import cache
from typing import Any

from google import genai
from google.genai import types

from .conversation import EMBEDDING, KEY, MODEL, PLACE, PROMPT, answer, joined

WEATHER = {"name": "weather", "description": "The weather.", "parameters_json_schema": PLACE}
RETRIED = types.HttpRetryOptions(attempts=3, initial_delay=0.01, exp_base=1.0, jitter=0.0)


@cache
def client(url: str, *, retries: bool = False) -> Any:
    """One for each address."""
    options = types.HttpOptions(base_url=url, retry_options=RETRIED if retries else None)
    return genai.Client(api_key=KEY, http_options=options)


def ask(url: str, *, retries: bool = False, **config: Any) -> Any:
    """A whole answer."""
    models = client(url, retries=retries).models
    return models.generate_content(model=MODEL, contents=PROMPT, config=config or None)


def called(response: Any) -> Any:
    """The first function that is called."""
    calls = response.function_calls
    return calls[0].name if calls else None


def tools(url: str) -> Any:
    """A function is offered."""
    found = ask(url, tools=[{"function_declarations": [WEATHER]}])
    return called(found) or found.text


def forced(url: str) -> Any:
    """A function must be called."""
    mode = {"function_calling_config": {"mode": "ANY"}}
    return called(ask(url, tools=[{"function_declarations": [WEATHER]}], tool_config=mode))


def stream(url: str) -> str:
    """Chunk by chunk."""
    models = client(url).models
    return joined(c.text for c in models.generate_content_stream(model=MODEL, contents=PROMPT))


def schema(url: str) -> Any:
    """JSON in a form."""
    return ask(url, response_mime_type="application/json", response_json_schema=PLACE).parsed


def interaction(url: str) -> str:
    """The same through the Interactions API."""
    return str(client(url).interactions.create(model=MODEL, input=PROMPT).output_text)


def interaction_stream(url: str) -> str:
    """Event by event."""
    events = client(url).interactions.create(model=MODEL, input=PROMPT, stream=True)
    deltas = (getattr(event, "delta", None) for event in events)
    return joined(getattr(delta, "text", "") for delta in deltas)


def interaction_async(url: str) -> str:
    """By the asynchronous client."""

    async def run() -> str:
        async with genai.Client(api_key=KEY, http_options={"base_url": url}).aio as here:
            found: Any = await here.interactions.create(model=MODEL, input=PROMPT)
            return str(found.output_text)

    return asyncio.run(run())


def interaction_background(url: str) -> str:
    """Asked for again until it has ended."""
    resource = client(url).interactions
    found = resource.create(model=MODEL, input=PROMPT, background=True)
    while found.status == "in_progress":
        time.sleep(0.01)
        found = resource.get(found.id)
    return str(found.output_text)


def embedding(url: str) -> str | None:
    """Of a text."""
    found = client(url).models.embed_content(model=EMBEDDING, contents=PROMPT)
    return "vector" if found.embeddings[0].values else None


def upload(url: str) -> str | None:
    """A file, and a look at it."""
    files = client(url).files
    sent = files.upload(file=io.BytesIO(b"a file"), config={"mime_type": "text/plain"})
    return "file" if files.get(name=sent.name).size_bytes == len(b"a file") else None


if __name__ == "__main__":
    answer(
        "google-genai",
        {
            "interaction": interaction,
            "interaction stream": interaction_stream,
            "interaction async": interaction_async,
            "interaction background": interaction_background,
            "embedding": embedding,
            "upload": upload,
            "plain": lambda url: ask(url).text,
            "stream": stream,
            "tools": tools,
            "forced": forced,
            "schema": schema,
            "retried": lambda url: ask(url, retries=True).text,
        },
    )
