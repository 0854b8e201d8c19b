"""A model that has ended is, in the mock, what serves it."""

from __future__ import annotations

from dataclasses import replace

from sim.days import of_its_day
from sim.mock_gemini.server import MockServer

from .caller import FLASH, HELLO, call, settings

HEIR = "gemini-3.5-flash-lite"


def test_an_ended_model_answers_as_what_serves_it() -> None:
    """Under its name as `modelVersion`, with its thinking; it is listed no more."""
    found = settings(latency=False, scenario={"date": "2026-12-02"})
    dated, policy = of_its_day(found.scenario, found.policy)
    with MockServer(replace(found, scenario=dated, policy=policy)) as server:
        mock = server.addresses
        path = f"/v1beta/models/{FLASH}:generateContent"
        answer = call(mock, path)
        assert (answer.status, answer.json["modelVersion"]) == (200, HEIR)
        for config, status in (({"thinkingBudget": 1024}, 400), ({"thinkingLevel": "LOW"}, 200)):
            body = {**HELLO, "generationConfig": {"thinkingConfig": config}}
            assert call(mock, path, body).status == status
        listed = call(mock, "/v1beta/models?pageSize=1000", verb="GET").json["models"]
        assert f"models/{FLASH}" not in [each["name"] for each in listed]
