"""What an answer holds: tokens, caps, thinking, usage and bill, to the token."""

from __future__ import annotations

import json
from typing import Any

import pytest

from balancer.core.pricing import cost_nano_usd
from balancer.prices import default_catalog
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer

from .caller import FLASH, HELLO, PRO, call, settings

EVENTS = f"/v1beta/models/{FLASH}:streamGenerateContent?alt=sse"


def asking(*, system: str = "", **config: Any) -> dict[str, Any]:
    """A body with settings, and an instruction."""
    body: dict[str, Any] = {**HELLO, "generationConfig": config}
    if system:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    return body


def answers(*bodies: Any, **how: Any) -> list[Any]:
    """Answers of one mock to some bodies, one after the other; every one asks as request 7 does."""
    with MockServer(settings(latency=False, **how)) as mock:
        return [call(mock.addresses, body=each, headers=SEVENTH).json for each in bodies]


SEVENTH = {"x-open-balancer-request": "7", "x-open-balancer-attempt": "0"}


def usage(answer: Any) -> tuple[int, int, int]:
    """Prompt, answer and thinking; total is their sum, and what is nothing is left out."""
    found = answer["usageMetadata"]
    counts = (
        found["promptTokenCount"],
        found.get("candidatesTokenCount", 0),
        found.get("thoughtsTokenCount", 0),
    )
    assert found["totalTokenCount"] == sum(counts)
    assert 0 not in found.values()
    return counts


def test_thinking_and_answer_share_the_cap() -> None:
    """Thinking comes first: what it leaves is the answer, or nothing, which is billed as well."""
    free, capped, full = answers(
        asking(), asking(maxOutputTokens=10_000), asking(maxOutputTokens=1)
    )
    prompt, wanted, thought = usage(free)
    assert wanted > 0 < thought
    assert usage(capped) == usage(free)
    tight = thought + wanted // 2
    (cut,) = answers(asking(maxOutputTokens=tight))
    assert usage(cut) == (prompt, tight - thought, thought)
    assert cut["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert usage(full) == (prompt, 0, 1)
    (candidate,) = full["candidates"]
    assert candidate["content"] == {"role": "model"}
    assert candidate["finishReason"] == "MAX_TOKENS"
    assert "candidatesTokenCount" not in full["usageMetadata"]


def test_a_thinking_budget_bounds_thoughts_and_nothing_else() -> None:
    """0 is off; in either spelling."""
    free, less, off, snake = answers(
        asking(),
        asking(thinkingConfig={"thinkingBudget": 100}),
        asking(thinkingConfig={"thinkingBudget": 0}),
        asking(thinkingConfig={"include_thoughts": True, "thinking_budget": 100}),
    )
    prompt, wanted, thought = usage(free)
    assert thought > 100
    assert usage(less) == usage(snake) == (prompt, wanted, 100)
    assert usage(off) == (prompt, wanted, 0)
    assert [part.get("thought", False) for part in snake["candidates"][0]["content"]["parts"]] == [
        True,
        False,
    ]
    assert len(less["candidates"][0]["content"]["parts"]) == 1


def test_an_instruction_to_be_brief_is_followed() -> None:
    """By the scenario's factor; another instruction changes nothing."""
    scenario = {"upstream": {"concise_factor": 0.25}}
    plain, brief, other = answers(
        asking(), asking(system="Answer concisely."), asking(system="Be kind."), scenario=scenario
    )
    assert usage(brief)[1] == pytest.approx(usage(plain)[1] / 4, abs=1)
    assert usage(other)[1] == usage(plain)[1]


def test_a_stream_s_usage_is_a_running_total() -> None:
    """Which ends at what the whole answer has; its texts are the whole answer's."""
    (whole,) = answers(asking())
    with MockServer(settings(latency=False)) as mock:
        chunks = call(mock.addresses, EVENTS, headers=SEVENTH).events
    counts = [usage(chunk) for chunk in chunks]
    assert len(chunks) > 1
    assert counts == sorted(counts)
    assert counts[-1] == usage(whole)
    texts = [chunk["candidates"][0]["content"]["parts"][-1]["text"] for chunk in chunks]
    assert "".join(texts) == whole["candidates"][0]["content"]["parts"][-1]["text"]


def test_the_same_requests_get_the_same_answers() -> None:
    """In the same order or by their number; another seed or replication gives others."""

    def played(**how: Any) -> list[bytes]:
        with MockServer(settings(latency=False, **how)) as mock:
            return [call(mock.addresses).body for _ in range(3)]

    first = played()
    assert len(set(first)) == 3
    assert played() == first
    assert played(replication=1) != first
    assert played(scenario={"seed": 9}) != first


def test_an_answer_in_json_keeps_to_its_schema() -> None:
    """So that applications can be tried out whole."""
    schema = {
        "type": "OBJECT",
        "properties": {"name": {"type": "STRING"}, "count": {"type": "INTEGER"}},
        "required": ["name", "count"],
    }
    (answer,) = answers(asking(responseMimeType="application/json", responseSchema=schema))
    said = json.loads(answer["candidates"][0]["content"]["parts"][0]["text"])
    assert isinstance(said["name"], str)
    assert isinstance(said["count"], int)


@pytest.mark.parametrize("model", [FLASH, PRO])
def test_the_bill_is_that_of_the_price_table(model: str) -> None:
    """Thinking as output; a change of prices shows in the bill and not in the usage."""
    with MockServer(settings({"kind": "price", "factor": 3}, latency=False)) as mock:
        where: Addresses = mock.addresses
        prompt, answered, thought = usage(
            call(where, f"/v1beta/models/{model}:generateContent").json
        )
        total = Admin(where.admin_url, where.token).counters()["total"]
    price = default_catalog().card(model).price
    assert total["bill_nano_usd"] == 3 * cost_nano_usd(price, prompt, 0, answered, thought)
    assert (total["prompt_tokens"], total["output_tokens"], total["thinking_tokens"]) == (
        prompt,
        answered,
        thought,
    )
