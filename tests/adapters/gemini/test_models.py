"""The model a caller asks for, through the wrapper under the default policy."""

from __future__ import annotations

import pytest
from google.genai import types
from PIL import Image

from balancer.adapters.gemini.asking import read_call
from balancer.adapters.gemini.options import CallOptions
from balancer.core.modes import Mode
from balancer.core.routes import RUNNING_TURN
from balancer.prices import default_catalog
from tests.wire.models_asked import ASKED, DOWN, as_normal

from .bench import Bench
from .test_answers import Play

CATALOG = default_catalog()
PICTURE = types.Part.from_bytes(data=b"0", mime_type="image/png")
CALL = types.Part(function_call=types.FunctionCall(name="f", args={}))
RESULT = types.Part(function_response=types.FunctionResponse(name="f", response={"a": 1}))


def sent(play: Play, mode: Mode, model: str) -> tuple[str, object]:
    """Model and generation config that went upstream for a call."""
    script = play()
    bench = Bench(url=script.url, kind="sync", policy=as_normal(mode))
    bench.ask("hi", types.GenerateContentConfig(max_output_tokens=50), model=model)
    (received,) = script.received
    name = received.path.rpartition("/")[2].partition(":")[0]
    return name, received.body["generationConfig"]


@pytest.mark.parametrize("model", ASKED)
def test_normal_replaces_nothing(play: Play, model: str) -> None:
    """As the proxy: neither the model nor what is asked of it."""
    assert sent(play, Mode.NORMAL, model) == (model, {"maxOutputTokens": 50})


@pytest.mark.parametrize("model", ASKED)
def test_soft_goes_one_step_down_where_there_is_one(play: Play, model: str) -> None:
    """As the proxy."""
    assert sent(play, Mode.SOFT, model)[0] == DOWN.get(model, model)


def needs(contents: object, config: types.GenerateContentConfig | None = None) -> set[str]:
    """What a call uses."""
    return set(read_call("gemini-2.5-pro", contents, config, CallOptions()).needs)


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        ("hi", set()),
        (["hi", PICTURE], {"inputs.image"}),
        (Image.new("RGB", (1, 1)), {"inputs.image"}),
        (types.Content(role="user", parts=[PICTURE]), {"inputs.image"}),
        ({"parts": [{"inline_data": {"mime_type": "audio/ogg", "data": b"0"}}]}, {"inputs.audio"}),
        ({"file_data": {"mimeType": "video/mp4", "fileUri": "gs://x"}}, {"inputs.video"}),
        (types.File(uri="u", mime_type="application/pdf"), {"inputs.document"}),
        (types.FileData(file_uri="https://youtu.be/x"), {"inputs.video"}),
        (
            [
                types.Content(role="user", parts=[types.Part(text="a")]),
                types.Content(role="model", parts=[CALL]),
                types.Content(role="user", parts=[RESULT]),
            ],
            {"tools.functions", RUNNING_TURN},
        ),
    ],
)
def test_what_a_prompt_holds_is_needed(contents: object, found: set[str]) -> None:
    """Whatever shape the SDK takes it in."""
    assert needs(contents) == found


def look_up(name: str) -> str:
    """Looks a name up."""
    return name


def test_what_a_config_asks_for_is_needed() -> None:
    """The same words as of a body."""
    config = types.GenerateContentConfig(
        system_instruction="Be kind.",
        tools=[look_up, types.Tool(google_search=types.GoogleSearch()), {"url_context": {}}],
        response_modalities=["TEXT", "IMAGE"],
        response_mime_type="application/json",
    )
    assert needs("hi", config) == {
        "system_instruction",
        "tools.functions",
        "tools.googleSearch",
        "tools.urlContext",
        "outputs.text",
        "outputs.image",
        "json_with_functions",
    }


@pytest.mark.parametrize("mode", [Mode.NORMAL, Mode.SOFT])
def test_a_model_that_has_ended_is_sent_as_written_with_thinking_that_its_heir_takes(
    play: Play, mode: Mode
) -> None:
    """Which its caller meant for the model before: its heir would refuse a budget."""
    script = play()
    bench = Bench(url=script.url, kind="sync", policy=as_normal(mode).on("2026-12-02"))
    thinking = types.ThinkingConfig(thinking_budget=1024)
    bench.ask("hi", types.GenerateContentConfig(thinking_config=thinking), model="gemini-2.5-flash")
    (received,) = script.received
    name = received.path.rpartition("/")[2].partition(":")[0]
    assert name == ("gemini-2.5-flash" if mode is Mode.NORMAL else "gemini-3.1-flash-lite")
    (level,) = received.body["generationConfig"]["thinkingConfig"].values()
    assert level == "LOW"
