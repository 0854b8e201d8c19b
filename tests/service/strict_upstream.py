"""A scripted upstream that refuses what Gemini refuses, and notes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from balancer.wire import bare_model
from sim.mock_gemini.bodies import read_body
from sim.mock_gemini.refusals import Refusal
from sim.mock_gemini.strict import check
from tests.service.upstream import Connection, Script, answer, error, response
from tests.wire.valid_requests import CARDS

__all__ = ["StrictUpstream"]

_KNOWN = {card.name: card for card in CARDS}
_MODEL = re.compile(r"models/([^:?]+):")


@dataclass(slots=True)
class StrictUpstream:
    """Answers a script's requests.

    Attributes:
        script: whose requests they are.
        ill: every request that is valid fails with 503.
        refused: why requests were refused, each with the model it was for.
        models: that were called.
    """

    script: Script
    ill: bool = False
    refused: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.script.say(self._answer)

    async def _answer(self, connection: Connection) -> None:
        asked = self.script.asked[-1]
        found = _MODEL.search(asked.path)
        name = bare_model(found[1] if found else "")
        self.models.append(name)
        refusal = next(self._refusals(name, asked.json), None)
        if refusal is not None:
            self.refused.append(f"{name}: {refusal.message}")
            await connection.write(response(400, refusal.body(), "Content-Type: application/json"))
        elif self.ill:
            await connection.write(error(503, "UNAVAILABLE", "overloaded"))
        else:
            await connection.write(answer("hello"))

    @staticmethod
    def _refusals(name: str, body: Any) -> Iterator[Refusal]:
        try:
            read_body(body, _KNOWN[name])
            check(body, _KNOWN[name])
        except Refusal as refusal:
            yield refusal
