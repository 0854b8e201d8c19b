"""Functions that the SDK calls by itself, in a loop of HTTP calls that is one attempt here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from google.genai import errors, types

from balancer.core.policy import BudgetLimit, Strategy

from .bench import FLASH, LITE, Bench, failures, policy, served_models
from .script import Reply, Script, chunk, error, whole

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

RETRIES = Strategy(model=FLASH, fallback_models=(LITE,), timeout_s=60.0, retries=2)
OWN = types.HttpOptions(retry_options=types.HttpRetryOptions(attempts=3, initial_delay=0.01))

Play = Callable[..., Script]
Make = Callable[..., Bench]


def call(prompt_tokens: int = 10) -> Reply:
    """An answer that asks for a function."""
    body = whole(promptTokenCount=prompt_tokens)
    body["candidates"][0]["content"]["parts"] = [{"functionCall": {"name": "book", "args": {}}}]
    return Reply(body=body)


class Booking:
    """A function with an effect."""

    def __init__(self) -> None:
        self.booked = 0

    @property
    def config(self) -> types.GenerateContentConfig:
        """Of a call that may have it called."""

        def book() -> str:
            """Book a flight."""
            self.booked += 1
            return "booked"

        return types.GenerateContentConfig(tools=[book])


@pytest.mark.parametrize(
    "then",
    [error(503), Reply(body=whole(None)), Reply(body=b"no JSON")],
    ids=["503", "empty", "no JSON"],
)
def test_functions_that_were_called_are_not_called_again(
    play: Play, bench: Make, then: Reply
) -> None:
    """However the call after them ends; and what came before is paid."""
    script, booking = play(call(100), then), Booking()
    budget = BudgetLimit(usd=1.0, window_s=3600.0)
    here = bench(script, policy(RETRIES, budgets=(budget,)))
    try:
        here.ask(config=booking.config)
    except (errors.APIError, ValueError):
        assert then.body != whole(None)
    assert (booking.booked, len(script.received)) == (1, 2)
    entry = served_models(here.seen())[FLASH]
    assert (entry.started, entry.failed) == (1, 1)
    assert entry.prompt_tokens >= 100
    assert here.balancer.budgets()[0].used >= entry.nano_usd > 0


def test_each_call_is_paid_as_it_was_reported_and_no_earlier_turn_again(
    play: Play, bench: Make
) -> None:
    """Functions that were called in earlier turns are part of the prompt alone."""
    booking = Booking()
    asked = types.Content(role="user", parts=[types.Part(text="Book!")])
    called = types.Part(function_call=types.FunctionCall(name="book", args={}))
    called.thought_signature = b"s"
    response = types.FunctionResponse(name="book", response={"result": "booked"})
    done = types.Part(function_response=response)
    turn = [
        asked,
        types.Content(role="model", parts=[called]),
        types.Content(role="user", parts=[done]),
        types.Content(role="model", parts=[types.Part(text="Booked.")]),
    ]
    here = bench(play(call(1000), Reply(body=whole("Booked.", promptTokenCount=1020))))
    here.ask([*turn * 20, asked], booking.config)
    entry = served_models(here.seen())[FLASH]
    assert (booking.booked, entry.finished) == (1, 1)
    assert (entry.prompt_tokens, entry.output_tokens, entry.thinking_tokens) == (2020, 10, 4)


def test_a_call_that_fails_before_any_function_was_called_is_tried_again(
    play: Play, bench: Make
) -> None:
    """By us alone, though its caller has the SDK do so too."""
    script, booking = play(error(503), call(), Reply(body=whole("Booked."))), Booking()
    here = bench(script, policy(RETRIES), options=OWN)
    assert here.ask(config=booking.config).text == "Booked."
    assert (booking.booked, len(script.received)) == (1, 3)
    assert failures(served_models(here.seen())[FLASH]) == {"overloaded": 1}


@pytest.mark.parametrize("streamed", [False, True])
def test_after_functions_were_called_the_sdk_tries_again_as_its_caller_told_it(
    play: Play, bench: Make, streamed: bool
) -> None:
    """It alone can do that without calling them again."""
    first, last = call(), Reply(body=whole("Booked."))
    if streamed:
        first, last = Reply(chunks=[first.body]), Reply(chunks=[chunk("Booked.", "STOP")])
    script, booking = play(first, error(503), error(503), last), Booking()
    here = bench(script, policy(RETRIES), options=OWN)
    if streamed:
        assert here.stream(config=booking.config)[-1].text == "Booked."
    else:
        assert here.ask(config=booking.config).text == "Booked."
    assert (booking.booked, len(script.received)) == (1, 4)
    assert served_models(here.seen())[FLASH].failed == 0


@pytest.mark.parametrize("kind", ["httpx", "aiohttp"], indirect=True)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_slow_function_is_no_timeout_of_the_upstream(
    play: Play, bench: Make, streamed: bool
) -> None:
    """Nor is it called again."""
    first = Reply(chunks=[call().body]) if streamed else call()
    script, called = play(first), []

    async def book() -> str:
        """Book a flight."""
        called.append(1)
        await asyncio.Event().wait()
        raise AssertionError

    config: Any = types.GenerateContentConfig(tools=[book])
    here = bench(script, policy(Strategy(model=FLASH, timeout_s=20.0, retries=2)))
    with pytest.raises(TimeoutError):
        here.stream(config=config) if streamed else here.ask(config=config)
    assert (len(called), len(script.received)) == (1, 1)
    entry = served_models(here.seen())[FLASH]
    assert failures(entry) == {"rejected": 1}
    assert streamed or entry.prompt_tokens == 10


@pytest.mark.parametrize("raised", [KeyboardInterrupt, errors.UnsupportedFunctionError])
def test_what_was_answered_before_the_sdk_gave_up_is_paid(
    play: Play, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no more than that, for nothing else was sent."""

    def give_up(*_: Any) -> None:
        raise raised

    monkeypatch.setattr("google.genai._extra_utils.get_function_response_parts", give_up)
    script, budget = play(call()), BudgetLimit(usd=1.0, window_s=3600.0)
    here = Bench(url=script.url, kind="sync", policy=policy(RETRIES, budgets=(budget,)))
    with pytest.raises(raised):
        here.ask(config=Booking().config)
    entry = served_models(here.seen())[FLASH]
    assert (entry.prompt_tokens, entry.output_tokens, entry.failed) == (10, 5, 0)
    assert here.balancer.budgets()[0].used == entry.nano_usd
