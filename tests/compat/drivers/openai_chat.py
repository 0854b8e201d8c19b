"""OpenAI's own client, on Gemini's path for it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from openai import OpenAI

from .conversation import EMBEDDING, KEY, MODEL, PLACE, PROMPT, answer, joined

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": PLACE},
}
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE}}


@cache
def client(url: str, *, retries: int = 0) -> Any:
    """One for each address."""
    return OpenAI(api_key=KEY, base_url=f"{url}/v1beta/openai/", max_retries=retries)


def ask(url: str, *, retries: int = 0, **more: Any) -> Any:
    """Its answer."""
    messages = [{"role": "user", "content": PROMPT}]
    completions = client(url, retries=retries).chat.completions
    return completions.create(model=MODEL, messages=messages, **more)


def text(url: str, **more: Any) -> str:
    """Of the answer."""
    return str(ask(url, **more).choices[0].message.content or "")


def called(url: str, **more: Any) -> Any:
    """The first function that is called."""
    calls = ask(url, tools=[WEATHER], **more).choices[0].message
    return calls.tool_calls[0].function.name if calls.tool_calls else calls.content


def embedding(url: str) -> str | None:
    """Of a text."""
    found = client(url).embeddings.create(model=EMBEDDING, input=PROMPT)
    return "vector" if found.data[0].embedding else None


if __name__ == "__main__":
    answer(
        "openai",
        {
            "plain": text,
            "stream": lambda url: joined(
                chunk.choices[0].delta.content for chunk in ask(url, stream=True)
            ),
            "tools": called,
            "forced": lambda url: called(url, tool_choice="required"),
            "schema": lambda url: json.loads(text(url, response_format=FORM)),
            "embedding": embedding,
            "retried": lambda url: text(url, retries=2),
        },
    )
