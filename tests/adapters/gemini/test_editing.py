"""Deadlines, retries and the shapes that the SDK takes."""

from __future__ import annotations

from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from balancer.adapters.gemini import CallOptions, Wrapped, balancing, served, wrap
from balancer.adapters.gemini.asking import estimate
from balancer.adapters.gemini.editing import edited, http_options
from balancer.adapters.gemini.options import options_of
from balancer.core.errors import MisuseError
from balancer.core.policy import Strategy
from balancer.runtime.calls import CallSettings
from balancer.wire import Edits

from .bench import FLASH, Bench, policy, served_models
from .script import Reply, chunk, error
from .test_answers import Play

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")


def options(old: types.HttpOptions | None = None, **more: Any) -> types.HttpOptions | None:
    """Options of an attempt."""
    given: dict[str, Any] = {
        "timeout_s": None,
        "own_retries_only": False,
        "request": None,
        "attempt": 0,
    }
    return http_options(old, **{**given, **more})


def test_a_deadline_below_ten_seconds_is_told_the_server_as_ten() -> None:
    """Which refuses shorter ones; a longer one the SDK tells it by itself."""
    short = options(timeout_s=3.2)
    assert short is not None
    assert (short.timeout, short.headers) == (3200, {"X-Server-Timeout": "10"})
    long = options(timeout_s=20.0)
    assert long is not None
    assert (long.timeout, long.headers) == (20_000, None)
    said = options(types.HttpOptions(headers={"x-server-timeout": "30"}), timeout_s=3.0)
    assert said is not None
    assert said.headers == {"x-server-timeout": "30"}


def test_a_deadline_that_its_reader_keeps_is_told_the_server_alone() -> None:
    """In whole seconds, and the caller's own stays what it was."""
    short = options(timeout_s=3.2, told_only=True)
    assert short is not None
    assert (short.timeout, short.headers) == (None, {"X-Server-Timeout": "10"})
    long = options(types.HttpOptions(timeout=80_000), timeout_s=20.2, told_only=True)
    assert long is not None
    assert (long.timeout, long.headers) == (80_000, {"X-Server-Timeout": "21"})
    assert options(told_only=True) is None


def test_nothing_to_say_leaves_the_caller_s_options() -> None:
    """The same object, or none."""
    own = types.HttpOptions(timeout=5)
    assert options(own) is own
    assert options() is None


def sent(
    play: Play, plan: Strategy, *, retries: int | None, own_s: float | None = None
) -> list[Any]:
    """Requests of a call that fails once, from a client with retries and a deadline."""
    script = play(error(503))
    given = types.HttpOptions(
        retry_options=None
        if retries is None
        else types.HttpRetryOptions(attempts=retries + 1, initial_delay=0.0, jitter=0.0),
        timeout=None if own_s is None else int(own_s * 1000),
    )
    here = Bench(url=script.url, kind="sync", policy=policy(plan), options=given, speed=1.0)
    try:
        here.ask()
    except errors.ServerError:
        return script.received
    finally:
        assert here.seen().in_flight == 0
    return script.received


@pytest.mark.parametrize(
    ("plan", "retries", "requests"),
    [
        (Strategy(model=FLASH), 2, 2),  # the SDK's
        (Strategy(model=FLASH, retries=0), 2, 1),
        (Strategy(model=FLASH, retries=1), None, 2),  # ours
        (Strategy(model=FLASH), None, 1),
    ],
)
def test_one_layer_makes_the_retries(
    play: Play, plan: Strategy, retries: int | None, requests: int
) -> None:
    """The strategy's where it says something, else the client's own."""
    assert len(sent(play, plan, retries=retries)) == requests


def test_the_shorter_deadline_holds(play: Play) -> None:
    """The caller's own is never lengthened."""
    plan = Strategy(model=FLASH, timeout_s=40.0)
    (one, *_) = sent(play, plan, retries=None, own_s=20.0)
    assert one.headers["x-server-timeout"] == "20"
    (one, *_) = sent(play, plan, retries=None, own_s=80.0)
    assert one.headers["x-server-timeout"] == "40"


def test_an_application_s_retries_are_made_where_the_settings_say_so(play: Play) -> None:
    """As the simulator's clients do."""
    script = play(error(503), error(503))
    settings = CallSettings(retries=2, backoff_initial_s=0.0, backoff_jitter_s=0.0)
    here = Bench(
        url=script.url, kind="sync", policy=policy(Strategy(model=FLASH)), settings=settings
    )
    response = here.ask()
    how = served(response)
    assert how is not None
    assert how.attempts == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (types.Content(parts=[types.Part(text="You.")]), ["You.", "Be brief."]),
        ({"parts": [{"text": "You."}]}, ["You.", "Be brief."]),
        (["You.", types.Part(text="Are.")], ["You.", "Are.", "Be brief."]),
        (types.Part(text="You."), ["You.", "Be brief."]),
        (None, ["Be brief."]),
    ],
)
def test_an_instruction_is_appended_to_any_shape(play: Play, before: Any, after: list[str]) -> None:
    """That the SDK takes."""
    script = play()
    plan = policy(Strategy(model=FLASH, instruction="Be brief."))
    Bench(url=script.url, kind="sync", policy=plan).ask(config={"system_instruction": before})
    (one,) = script.received
    assert [part["text"] for part in one.body["systemInstruction"]["parts"]] == after


def test_a_level_takes_the_place_of_a_budget() -> None:
    """And a setting that the model would refuse is taken out."""
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(thinking_budget=9))
    _, _, found = edited(FLASH, "x", config, Edits(thinking="LOW"))
    assert found is not None
    assert found.thinking_config == types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW)
    _, _, found = edited(FLASH, "x", config, Edits(clear_thinking=True))
    assert found is not None
    assert found.thinking_config is None


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gemini-x", "new"),
        ("models/gemini-x", "models/new"),
        ("publishers/google/models/gemini-x", "publishers/google/models/new"),
        ("tunedModels/mine", "new"),
    ],
)
def test_another_model_takes_the_path_of_the_first(model: str, expected: str) -> None:
    """But for tuned ones, whose path is their own."""
    assert edited(model, "x", None, Edits(model="new"))[0] == expected


def test_tokens_are_estimated_for_any_shape() -> None:
    """Text by its bytes, media by their size, and what cannot be measured as a small image."""
    part = types.Part(text="x" * 40)
    assert (
        estimate(["x" * 40, part, types.Content(parts=[part]), {"parts": [{"text": "x" * 40}]}])
        == 40
    )
    image = types.Part.from_bytes(data=b"x" * 512_000, mime_type="image/png")
    assert estimate(image) == 1000
    assert estimate([object(), types.File(name="f")]) == 2 * 258
    assert estimate(None) == 0


def test_options_that_cannot_be_meant_are_refused() -> None:
    """With the nearest that can."""
    with pytest.raises(MisuseError, match="did you mean 'high'"):
        CallOptions(priority="hihg")
    with (
        pytest.raises(MisuseError, match="min_output_tokens is -1"),
        balancing(min_output_tokens=-1),
    ):
        pass
    with pytest.raises(MisuseError, match=r"key is .* without half characters"):
        CallOptions(key="a\ud800")
    with pytest.raises(MisuseError, match=r"session is .* without half characters"):
        CallOptions(session="a\ud800")


def test_blocks_nest() -> None:
    """An inner one changes what it names."""
    with balancing(priority="low", key="a"), balancing(key="b"):
        found = options_of(CallOptions(request=3), {"X-Open-Balancer-Priority": "high"})
    assert (found.level.label, found.key, found.request) == ("low", "b", 3)
    assert options_of(None, {"x-open-balancer-priority": "urgent"}).level.label == "normal"


def test_a_client_is_wrapped_once(play: Play) -> None:
    """Twice would count every call twice."""
    here = Bench(url=play().url, kind="sync", policy=policy())

    def use(client: Wrapped) -> None:
        assert isinstance(client, genai.Client)
        with pytest.raises(MisuseError, match="wrapped already"):
            wrap(client, here.balancer)

    here.run(use)


def test_a_scorer_that_fails_harms_nobody(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged."""
    here = Bench(url=play().url, kind="sync", policy=policy(), scorer=lambda _, __: 1 / 0)
    response = here.ask()
    how = served(response)
    assert how is not None
    assert (response.text, how.quality) == ("Hello.", None)
    assert "the scorer failed" in caplog.text


def test_functions_called_inside_a_stream_are_added_up(play: Play) -> None:
    """Each call's usage is seen there."""
    call = chunk(None, "STOP", promptTokenCount=100)
    call["candidates"][0]["content"]["parts"] = [{"functionCall": {"name": "look", "args": {}}}]
    script = play(
        Reply(chunks=[call]),
        Reply(chunks=[chunk("Wet."), chunk(".", "STOP", promptTokenCount=150)]),
    )
    here = Bench(url=script.url, kind="sync", policy=policy())

    def look() -> str:
        """Look out of the window."""
        return "rain"

    here.stream(config={"tools": [look]})
    assert len(script.received) == 2
    entry = served_models(here.seen())[FLASH]
    assert (entry.started, entry.failed, entry.prompt_tokens) == (1, 0, 250)
