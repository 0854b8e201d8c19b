"""The model a caller asks for, through the proxy under the default policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from balancer.core.modes import Mode
from balancer.runtime import clock
from tests.service.conftest import Service, serving
from tests.service.upstream import answer
from tests.wire.models_asked import ASKED, DOWN, as_normal

RAW = json.dumps(
    {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"maxOutputTokens": 50},
    }
).encode()


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests: nothing fails in them."""
    with serving(tmp_path_factory.mktemp("normal"), policy=as_normal(Mode.NORMAL)) as service:
        service.script.say(answer("hello"))
        yield service


@pytest.fixture(scope="module")
def soft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same, as in soft."""
    with serving(tmp_path_factory.mktemp("soft"), policy=as_normal(Mode.SOFT)) as service:
        service.script.say(answer("hello"))
        yield service


def sent(proxy: Service, model: str) -> tuple[str, bytes]:
    """Model and body that went upstream for a call."""
    with proxy.client() as client:
        found = client.post(
            f"/v1beta/models/{model}:generateContent",
            content=RAW,
            headers={"content-type": "application/json"},
        )
    assert found.status_code == 200
    asked = proxy.script.asked[-1]
    return asked.path.rpartition("/")[2].partition(":")[0], asked.body


@pytest.mark.parametrize("model", ASKED)
def test_normal_replaces_nothing(normal: Service, model: str) -> None:
    """Neither the model nor a byte of the body."""
    assert sent(normal, model) == (model, RAW)


@pytest.mark.parametrize("model", ASKED)
def test_soft_goes_one_step_down_where_there_is_one(soft: Service, model: str) -> None:
    """The caller's own limit stays."""
    served, body = sent(soft, model)
    assert served == DOWN.get(model, model)
    assert json.loads(body)["generationConfig"]["maxOutputTokens"] == 50


@pytest.mark.parametrize("method", ["generateContent", "countTokens"])
@pytest.mark.parametrize(
    "path", ["/v1beta/tunedModels/mine", "/v1/projects/p/locations/l/endpoints/1"]
)
def test_a_model_that_a_user_made_is_served_as_it_is_written(
    normal: Service, soft: Service, path: str, method: str
) -> None:
    """Nothing is known of it, so nothing is moved or added."""
    for proxy in (normal, soft):
        with proxy.client() as client:
            json_of = {"content-type": "application/json"}
            found = client.post(f"{path}:{method}", content=RAW, headers=json_of)
        assert found.status_code == 200
        asked = proxy.script.asked[-1]
        assert (asked.path, asked.body) == (f"{path}:{method}", RAW)


TURN: dict[str, Any] = {
    "contents": [
        {"role": "user", "parts": [{"text": "What time is it?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "now"}, "thoughtSignature": "s"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "now", "response": {}}}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "now"}]}],
}


def test_a_running_turn_is_not_moved(normal: Service, soft: Service) -> None:
    """It ends where it was asked for, through a change of mode and back; the next one moves."""
    path = "/v1beta/models/gemini-3.8-flash:generateContent"
    done = {"role": "model", "parts": [{"text": "Ten."}]}
    more = {"role": "user", "parts": [{"text": "Thanks."}]}
    ended = {**TURN, "contents": [*TURN["contents"], done, more]}
    for proxy, body, model in (
        (normal, TURN, "gemini-3.8-flash"),
        (soft, TURN, "gemini-3.8-flash"),
        (normal, TURN, "gemini-3.8-flash"),
        (soft, ended, "gemini-3.5-flash-lite"),
    ):
        with proxy.client() as client:
            assert client.post(path, json=body).status_code == 200
        assert f"/{model}:" in proxy.script.asked[-1].path


def test_a_model_that_has_ended_is_sent_as_written_with_thinking_that_its_heir_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which its caller meant for the model before: its heir would refuse a budget."""
    monkeypatch.setattr(clock, "today", lambda: "2026-12-02")
    with serving(tmp_path, policy=as_normal(Mode.NORMAL)) as service:
        service.script.say(answer("hello"))
        path = "/v1beta/models/gemini-2.5-flash:generateContent"
        body = json.loads(RAW)
        body["generationConfig"] = {"thinkingConfig": {"thinkingBudget": 1024}}
        with service.client() as client:
            assert client.post(path, json=body).status_code == 200
        asked = service.script.asked[-1]
        assert asked.path.endswith(path)
        assert json.loads(asked.body)["generationConfig"]["thinkingConfig"] == {
            "thinkingLevel": "LOW"
        }
