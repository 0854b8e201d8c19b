"""The OpenAPI document, with examples as they are.

FastAPI leaves every null out of its document, also where an example shows one. Here null means
"unknown" or "no more" and is a member that is always there, so it is put back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

__all__ = ["Described"]


class Described(FastAPI):
    """An application whose models' examples are shown whole."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        document = super().openapi()
        schemas = document["components"]["schemas"]
        for model in _models(BaseModel):
            more = model.model_config.get("json_schema_extra")
            if model.__name__ in schemas and isinstance(more, dict):
                schemas[model.__name__]["examples"] = more["examples"]
        return document


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Ours, of all that there are."""
    for model in base.__subclasses__():
        if model.__module__.startswith(f"{__package__}."):
            yield model
        yield from _models(model)
