"""Instructor over google-genai: by a function that must be called, and by a schema."""

from __future__ import annotations

from functools import cache
from typing import Any

import instructor
from google import genai
from pydantic import BaseModel

from .conversation import KEY, MODEL, PROMPT, answer


class Place(BaseModel):
    """A place."""

    city: str


@cache
def client(url: str, mode: Any) -> Any:
    """One for each address and mode."""
    google = genai.Client(api_key=KEY, http_options={"base_url": url})
    return instructor.from_genai(google, mode=mode)


def ask(url: str, mode: Any, form: Any = Place, **more: Any) -> Any:
    """An answer, in a form."""
    found = client(url, mode).create(
        model=MODEL,
        messages=[{"role": "user", "content": PROMPT}],
        response_model=form,
        **more,
    )
    return found.model_dump() if isinstance(found, Place) else found


def streamed(url: str) -> Any:
    """An object, piece by piece."""
    pieces = client(url, instructor.Mode.GENAI_STRUCTURED_OUTPUTS).create_partial(
        model=MODEL, messages=[{"role": "user", "content": PROMPT}], response_model=Place
    )
    return [piece.city for piece in pieces][-1] or ""


if __name__ == "__main__":
    answer(
        "instructor",
        {
            "plain": lambda url: ask(url, instructor.Mode.GENAI_TOOLS, None).text,
            "stream": streamed,
            "forced": lambda url: "weather" if ask(url, instructor.Mode.GENAI_TOOLS) else None,
            "schema": lambda url: ask(url, instructor.Mode.GENAI_STRUCTURED_OUTPUTS),
            "retried": lambda url: ask(
                url, instructor.Mode.GENAI_STRUCTURED_OUTPUTS, max_retries=3
            ),
        },
    )
