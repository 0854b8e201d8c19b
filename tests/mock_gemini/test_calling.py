"""What answers beside one text: calls of functions, stop sequences, candidates, embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from balancer.core.catalog import Catalog
from balancer.policy_file import default_policy
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer

from .caller import FLASH, HELLO, call, settings
from .models import THIRD, TWO

SIGNING = THIRD.name
GENERATE = "/v1beta/models/{}:generateContent"
SCHEMA = {
    "type": "OBJECT",
    "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER", "minimum": 2}},
    "required": ["city", "days"],
}
FUNCTIONS = [
    {
        "functionDeclarations": [
            {"name": "weather", "parameters": SCHEMA},
            {"name": "time", "parametersJsonSchema": {"type": "object", "properties": {}}},
        ]
    }
]


def asking(mode: str | None = None, *allowed: str, **config: Any) -> dict[str, Any]:
    """A request with functions."""
    found: dict[str, Any] = {**HELLO, "tools": FUNCTIONS, "generationConfig": config}
    if mode is not None:
        calling = {"mode": mode, **({"allowedFunctionNames": list(allowed)} if allowed else {})}
        found["toolConfig"] = {"functionCallingConfig": calling}
    return found


def strict(**more: Any) -> Any:
    """Settings whose models are those of the tests."""
    played = settings(latency=False, **more)
    policy = default_policy()
    cards = {card.name: card for card in policy.catalog.cards} | {
        card.name: card for card in (TWO, THIRD)
    }
    catalog = Catalog(dated=policy.catalog.dated, cards=tuple(cards.values()))
    return replace(played, policy=replace(policy, catalog=catalog))


@pytest.fixture(scope="module")
def mock() -> Iterator[Addresses]:
    """One that calls a function in half of the cases in which it may."""
    with MockServer(strict(call_share=0.5)) as server:
        yield server.addresses


def part(answer: Any) -> Any:
    """The last part of the first candidate."""
    return answer["candidates"][0]["content"]["parts"][-1]


def test_a_forced_call_is_made_with_arguments_that_fit(mock: Addresses) -> None:
    """Of the function that is allowed, or named."""
    forced = call(mock, body=asking("ANY")).json
    assert part(forced) == {
        "functionCall": {"name": "weather", "args": {"city": "what is asked", "days": 2}}
    }
    assert forced["candidates"][0]["finishReason"] == "STOP"
    assert part(call(mock, body=asking("ANY", "time")).json)["functionCall"] == {
        "name": "time",
        "args": {},
    }
    named = {**asking("ANY"), "contents": [{"parts": [{"text": "Call time, please."}]}]}
    assert part(call(mock, body=named).json)["functionCall"]["name"] == "time"


@pytest.mark.parametrize("query", ["?alt=sse", ""])
def test_a_call_is_streamed_in_one_chunk(mock: Addresses, query: str) -> None:
    """With its usage."""
    path = GENERATE.format(FLASH).replace("generate", "streamGenerate") + query
    reply = call(mock, path, asking("ANY"))
    (chunk,) = reply.events if query else reply.json
    assert part(chunk)["functionCall"]["name"] == "weather"
    assert chunk["usageMetadata"]["candidatesTokenCount"] > 0


def test_a_model_that_signs_its_calls_wants_them_back_signed(mock: Addresses) -> None:
    """In the running turn."""
    path = GENERATE.format(SIGNING)
    made = part(call(mock, path, asking("ANY")).json)
    assert made["thoughtSignature"]
    result = {"functionResponse": {"name": "weather", "response": {"sky": "blue"}}}
    for sent, status in ((made, 200), ({"functionCall": made["functionCall"]}, 400)):
        turn = [
            *HELLO["contents"],
            {"role": "model", "parts": [sent]},
            {"role": "user", "parts": [result]},
        ]
        reply = call(mock, path, {**asking(), "contents": turn})
        assert reply.status == status
    assert "missing a thought_signature" in reply.error["message"]


def test_calls_that_may_be_made_are_made_in_the_declared_share(mock: Addresses) -> None:
    """Evenly; none where none is allowed, and none in answer to a function."""

    def made(body: dict[str, Any]) -> int:
        replies = [
            call(mock, body=body, headers={"x-open-balancer-request": str(index)}).json
            for index in range(40)
        ]
        return sum("functionCall" in part(reply) for reply in replies)

    assert abs(made(asking("AUTO")) - 20) <= 1
    assert made(asking("NONE")) == 0
    result = {"functionResponse": {"name": "time", "response": {}}}
    turn = [
        *HELLO["contents"],
        {"role": "model", "parts": [{"functionCall": {"name": "time", "args": {}}}]},
        {"role": "user", "parts": [result]},
    ]
    assert made({**asking(), "contents": turn}) == 0


def test_a_cap_can_tear_a_call(mock: Addresses) -> None:
    """As it tears a text; the answer is then of no use."""
    torn = call(mock, body=asking("ANY", maxOutputTokens=3, thinkingConfig={"thinkingBudget": 0}))
    (candidate,) = torn.json["candidates"]
    assert candidate["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert "parts" not in candidate["content"]


def test_a_stop_sequence_ends_the_answer_and_the_bill(mock: Addresses) -> None:
    """Where it would stand, without it."""
    seventh = {"x-open-balancer-request": "7"}
    admin = Admin(mock.admin_url, mock.token)
    whole = call(mock, body=HELLO, headers=seventh).json
    stopped = call(
        mock, body={**HELLO, "generationConfig": {"stopSequences": [". "]}}, headers=seventh
    ).json
    first = part(whole)["text"].partition(". ")[0]
    assert part(stopped)["text"] == first
    assert stopped["candidates"][0]["finishReason"] == "STOP"
    assert stopped["usageMetadata"]["candidatesTokenCount"] == -(-len(first) // 4)
    longer, shorter = admin.calls()[-2:]
    assert 0 < shorter["bill_nano_usd"] < longer["bill_nano_usd"]


def test_several_candidates_come_and_are_billed(mock: Addresses) -> None:
    """Whole and streamed."""
    seventh = {"x-open-balancer-request": "7"}
    one = call(mock, body=HELLO, headers=seventh).json
    asked = {**HELLO, "generationConfig": {"candidateCount": 3}}
    three = call(mock, body=asked, headers=seventh).json
    texts = [each["content"]["parts"][0]["text"] for each in three["candidates"]]
    assert len(set(texts)) == 3
    assert [each["index"] for each in three["candidates"]] == [0, 1, 2]
    count = one["usageMetadata"]["candidatesTokenCount"]
    assert three["usageMetadata"]["candidatesTokenCount"] == 3 * count
    path = GENERATE.format(FLASH).replace("generate", "streamGenerate") + "?alt=sse"
    chunks = call(mock, path, asked, headers=seventh).events
    streamed = [
        "".join(chunk["candidates"][place]["content"]["parts"][0]["text"] for chunk in chunks)
        for place in range(3)
    ]
    assert streamed == texts
    assert chunks[-1]["usageMetadata"]["candidatesTokenCount"] == 3 * count


def test_embeddings_are_made(mock: Addresses) -> None:
    """One, and several; the same for the same text."""
    path = "/v1beta/models/gemini-embedding-001:{}"
    content = {"parts": [{"text": "The sky."}]}
    one = call(mock, path.format("embedContent"), {"content": content, "outputDimensionality": 8})
    values = one.json["embedding"]["values"]
    assert len(values) == 8
    assert sum(value * value for value in values) == pytest.approx(1.0, abs=1e-5)
    batch = {"requests": [{"content": content}, {"content": {"parts": [{"text": "The sea."}]}}]}
    several = call(mock, path.format("batchEmbedContents"), batch).json["embeddings"]
    assert [len(each["values"]) for each in several] == [3072, 3072]
    assert several[0] != several[1]
    assert call(mock, path.format("embedContent"), {}).status == 400
    assert call(mock, path.format("batchEmbedContents"), {"requests": []}).status == 400
    assert call(mock, f"/v1/models/{FLASH}:embedContent", {"content": content}).status == 404


def test_a_cache_belongs_to_the_model_that_first_used_it(mock: Addresses) -> None:
    """For want of a way to make one."""
    body = {**HELLO, "cachedContent": "cachedContents/sky"}
    assert call(mock, body=body).status == 200
    other = call(mock, GENERATE.format(SIGNING), body)
    assert (other.status, other.error["status"]) == (400, "INVALID_ARGUMENT")
    assert "has to be the same" in other.error["message"]
    assert call(mock, body=body).status == 200


def test_lenient_takes_what_gemini_refuses() -> None:
    """And says nothing."""
    odd = {**HELLO, "generationConfig": {"temperature": 3}, "nonsense": 1}
    with MockServer(strict(lenient=True)) as server:
        assert call(server.addresses, body=odd).status == 200
    with MockServer(strict()) as server:
        assert call(server.addresses, body=odd).status == 400
