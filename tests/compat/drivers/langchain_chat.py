"""LangChain's `ChatGoogleGenerativeAI`."""

from __future__ import annotations

from functools import cache
from typing import Any

from langchain_google_genai import ChatGoogleGenerativeAI
from pydantic import BaseModel

from .conversation import KEY, MODEL, PROMPT, answer, joined


class Place(BaseModel):
    """A place."""

    city: str


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}."


@cache
def client(url: str, **more: Any) -> Any:
    """One for each address; six attempts unless it is told otherwise."""
    return ChatGoogleGenerativeAI(model=MODEL, api_key=KEY, base_url=url, **more)


def called(message: Any) -> Any:
    """The first function that is called."""
    return message.tool_calls[0]["name"] if message.tool_calls else None


def tools(url: str) -> Any:
    """A function is offered."""
    found = client(url).bind_tools([weather]).invoke(PROMPT)
    return called(found) or found.text


if __name__ == "__main__":
    answer(
        "langchain-google-genai",
        {
            "plain": lambda url: client(url).invoke(PROMPT).text,
            "stream": lambda url: joined(chunk.text for chunk in client(url).stream(PROMPT)),
            "tools": tools,
            "forced": lambda url: called(
                client(url).bind_tools([weather], tool_choice="any").invoke(PROMPT)
            ),
            "schema": lambda url: (
                client(url)
                .with_structured_output(Place, method="json_schema")
                .invoke(PROMPT)
                .model_dump()
            ),
            "retried": lambda url: client(url, max_retries=3).invoke(PROMPT).text,
        },
    )
