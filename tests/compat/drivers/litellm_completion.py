"""LiteLLM's `completion`, with a model of the Gemini API."""

from __future__ import annotations

import json
from typing import Any

import litellm

from .conversation import KEY, MODEL, PLACE, PROMPT, answer, joined

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": PLACE},
}
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE}}


def ask(url: str, **more: Any) -> Any:
    """Its answer, in OpenAI's form."""
    return litellm.completion(
        model=f"gemini/{MODEL}",
        api_base=url,
        api_key=KEY,
        messages=[{"role": "user", "content": PROMPT}],
        **more,
    )


def text(url: str, **more: Any) -> str:
    """Of the answer."""
    return str(ask(url, **more).choices[0].message.content or "")


def called(url: str, **more: Any) -> Any:
    """The first function that is called, or the text."""
    message = ask(url, tools=[WEATHER], **more).choices[0].message
    return message.tool_calls[0].function.name if message.tool_calls else message.content


def forced(url: str) -> Any:
    """A function must be called."""
    message = ask(url, tools=[WEATHER], tool_choice="required").choices[0].message
    return message.tool_calls[0].function.name if message.tool_calls else None


if __name__ == "__main__":
    answer(
        "litellm",
        {
            "plain": text,
            "stream": lambda url: joined(
                chunk.choices[0].delta.content for chunk in ask(url, stream=True)
            ),
            "tools": called,
            "forced": forced,
            "schema": lambda url: json.loads(text(url, response_format=FORM)),
            "retried": lambda url: text(url, num_retries=2),
        },
    )
