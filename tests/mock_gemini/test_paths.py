"""Every form of a path that clients build, and what is refused at the door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sim.mock_gemini.server import Addresses, MockServer

from .caller import FLASH, HELLO, PRO, call, settings

FORMS = (
    f"/v1/models/{FLASH}",
    f"/v1beta/models/{FLASH}",
    f"/models/{FLASH}",
    f"/v1beta/models/{FLASH}/v1beta/models/{FLASH}",
    f"/v1/projects/p/locations/us-central1/publishers/google/models/{FLASH}",
    f"/v1/publishers/google/models/{FLASH}",
)
GENERATE = f"/v1/models/{FLASH}:generateContent"


@pytest.fixture(scope="module")
def mock() -> Iterator[Addresses]:
    """Without waits and faults."""
    with MockServer(settings(latency=False, max_body_bytes=10_000)) as server:
        yield server.addresses


def test_a_dated_version_is_the_model_it_is_one_of(mock: Addresses) -> None:
    """An unknown name is none."""
    for name in (f"{FLASH}-001", f"{FLASH}-preview-09-2025"):
        found = call(mock, f"/v1beta/models/{name}:generateContent")
        assert (found.status, found.json["modelVersion"]) == (200, FLASH)
    assert call(mock, f"/v1beta/models/{FLASH}-or-so:generateContent").status == 404


@pytest.mark.parametrize("form", FORMS)
def test_a_model_is_found_under_every_form_of_its_path(mock: Addresses, form: str) -> None:
    """Whole, as events, as one array, counted and looked at."""
    whole = call(mock, f"{form}:generateContent").json
    assert whole["candidates"][0]["finishReason"] == "STOP"
    assert whole["modelVersion"] == FLASH
    events = call(mock, f"{form}:streamGenerateContent?alt=sse")
    assert events.headers["content-type"].startswith("text/event-stream")
    array = call(mock, f"{form}:streamGenerateContent").json
    for chunks in (events.events, array):
        assert [
            chunk["candidates"][0].get("finishReason") for chunk in chunks if chunk is chunks[-1]
        ] == ["STOP"]
        assert all("finishReason" not in chunk["candidates"][0] for chunk in chunks[:-1])
    assert call(mock, f"{form}:countTokens").json["totalTokens"] == 8
    assert call(mock, form, verb="GET").json["name"] == f"models/{FLASH}"


@pytest.mark.parametrize("prefix", ["/v1", "/v1beta", ""])
def test_models_are_listed_page_by_page(mock: Addresses, prefix: str) -> None:
    """Each once, with what a client asks of a model."""
    names, token = [], ""
    while True:
        page = call(mock, f"{prefix}/models?pageSize=3&pageToken={token}", verb="GET").json
        assert len(page["models"]) <= 3
        names += [model["name"] for model in page["models"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert len(names) == len(set(names)) > 3
    assert f"models/{FLASH}" in names
    assert {"inputTokenLimit", "outputTokenLimit", "supportedGenerationMethods", "thinking"} <= set(
        page["models"][0]
    )


def test_the_key_may_stand_in_the_query(mock: Addresses) -> None:
    """Or in the header; without one nobody is served."""
    assert call(mock, f"{GENERATE}?key=mock-key", key=None).status == 200
    assert call(mock, key=None).status == 403
    for refused in (call(mock, key="other"), call(mock, f"{GENERATE}?key=other", key=None)):
        assert (refused.status, refused.error["status"]) == (400, "INVALID_ARGUMENT")
        assert refused.error["details"][0]["reason"] == "API_KEY_INVALID"


def config(**members: Any) -> dict[str, Any]:
    """A body with a generationConfig."""
    return {**HELLO, "generationConfig": members}


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        (GENERATE, b"{", 400, "Invalid JSON payload"),
        (GENERATE, b"[]", 400, "Root element must be a message"),
        (GENERATE, b'{"contents": NaN}', 400, "Invalid JSON payload"),
        (GENERATE, {}, 400, "contents is not specified"),
        (GENERATE, {"contents": 5}, 400, "found int"),
        (GENERATE, {"contents": [{"role": "robot", "parts": [{"text": "x"}]}]}, 400, "valid role"),
        (GENERATE, config(maxOutputTokens=0), 400, "must be positive"),
        (GENERATE, config(maxOutputTokens="many"), 400, "TYPE_INT32"),
        (GENERATE, config(thinkingConfig={"thinkingLevel": "LOW"}), 400, "level is not supported"),
        (GENERATE, config(thinkingConfig={"thinkingBudget": 99_999}), 400, "between 1 and 24576"),
        (
            f"/v1/models/{PRO}:generateContent",
            config(thinkingConfig={"thinking_budget": 0}),
            400,
            "only works in thinking mode",
        ),
        (
            "/v1/models/gemini-3.1-pro-preview:generateContent",
            config(thinkingConfig={"thinkingBudget": 1, "thinkingLevel": "LOW"}),
            400,
            "only set only one",
        ),
        (GENERATE, json.dumps(HELLO).encode() + b" " * 10_000, 400, "exceeds the limit"),
        ("/v1/models/gemini-9:generateContent", HELLO, 404, "models/gemini-9 is not found"),
        (f"/v1/models/{FLASH}:tuneModel", HELLO, 404, "was not found"),
        ("/v1/files", HELLO, 404, "was not found"),
    ],
)
def test_what_gemini_would_refuse_is_refused_in_its_words(
    mock: Addresses, path: str, body: Any, status: int, says: str
) -> None:
    """With a status for programs and a message for people."""
    refused = call(mock, path, body)
    assert (refused.status, refused.error["code"]) == (status, status)
    assert refused.error["status"] == {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}[status]
    assert says in refused.error["message"]


def test_a_deadline_below_ten_seconds_is_refused(mock: Addresses) -> None:
    """The header that the SDK makes of its timeout."""
    refused = call(mock, headers={"X-Server-Timeout": "3"})
    assert refused.status == 400
    assert "deadline 3s is too short. Minimum allowed deadline is 10s" in refused.error["message"]
    assert call(mock, headers={"X-Server-Timeout": "10"}).status == 200
