"""LlamaIndex's `GoogleGenAI`."""

from __future__ import annotations

from functools import cache
from typing import Any

from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.google_genai import GoogleGenAI
from pydantic import BaseModel

from .conversation import KEY, MODEL, PROMPT, answer, joined


class Place(BaseModel):
    """A place."""

    city: str


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}."


@cache
def client(url: str) -> Any:
    """One for each address; three attempts by itself."""
    return GoogleGenAI(model=MODEL, api_key=KEY, http_options={"base_url": url})


def called(url: str, *, required: bool) -> Any:
    """The first function that is called, or the text."""
    llm = client(url)
    tool = FunctionTool.from_defaults(weather)
    found = llm.chat_with_tools([tool], user_msg=PROMPT, tool_required=required)
    calls = llm.get_tool_calls_from_response(found, error_on_no_tool_call=False)
    return calls[0].tool_name if calls else None if required else found.message.content


if __name__ == "__main__":
    answer(
        "llama-index-llms-google-genai",
        {
            "plain": lambda url: client(url).complete(PROMPT).text,
            "stream": lambda url: joined(
                chunk.delta for chunk in client(url).stream_complete(PROMPT)
            ),
            "tools": lambda url: called(url, required=False),
            "forced": lambda url: called(url, required=True),
            "schema": lambda url: (
                client(url).structured_predict(Place, PromptTemplate(PROMPT)).model_dump()
            ),
            "retried": lambda url: client(url).complete(PROMPT).text,
        },
    )
