"""Interactions that fail through a wrapped client: told apart, tried again, charged."""

from __future__ import annotations

import pytest
from google import genai

from balancer.adapters.gemini import served
from balancer.core.policy import Strategy

from .bench import failures, policy, served_models
from .interacting import (
    BEGUN,
    FLASH,
    LITE,
    RETRIES,
    SAYS,
    TEXT,
    THINKS,
    THOUGHT,
    Make,
    Play,
    ask,
    kinds,
    made,
    over,
    stream,
    told,
)
from .script import Reply, error

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")
OLD = genai.__version__.startswith("2.")
FAILS = {"event_type": "error", "error": {"message": "overloaded", "code": "unavailable"}}
WHOLE: dict[str, tuple[Reply, str]] = {
    "overloaded": (error(503), "overloaded"),
    "internal": (
        Reply(status=500, body={"error": {"message": "m", "code": "internal"}}),
        "internal",
    ),
    "quota": (Reply(status=429, body={"error": {"message": "m", "code": "x"}}), "quota_minute"),
    "reset": (Reply(then="reset"), "reset"),
    "torn": (Reply(body=b'{"id": "i1", "status'), "malformed"),
    "failed": (made("failed", errors=[{"code": "unavailable", "message": "m"}]), "overloaded"),
    "empty": (made("completed", THOUGHT), "empty"),
}
STREAMED: dict[str, tuple[Reply, str]] = {
    "overloaded": (error(503), "overloaded"),
    "reset": (stream(BEGUN, THINKS, then="reset"), "reset"),
    "cut": (stream(BEGUN, THINKS), "cut"),
    "error event": (stream(BEGUN, FAILS), "overloaded"),
    "old error": (stream(BEGUN, {"error": {"code": 500, "message": "m"}}), "internal"),
    "no event": (stream(BEGUN, b"data: {nonsense\n\n"), "malformed"),
    "empty": (stream(BEGUN, THINKS, over()), "empty"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_fault_is_told_apart_and_tried_again(play: Play, make: Make, name: str) -> None:
    """On the next model, by one call and not by five."""
    reply, kind = WHOLE[name]
    script = play(reply, made())
    here = make(script, policy(RETRIES))
    found = ask(here)
    assert found.output_text == "Hello."
    assert [each.body["model"] for each in script.received] == [FLASH, LITE]
    how = served(found)
    assert how is not None
    assert how.attempts == 2
    seen = served_models(here.seen())
    assert (failures(seen[FLASH]), failures(seen[LITE])) == ({kind: 1}, {})


@pytest.mark.parametrize("name", STREAMED)
def test_so_is_one_in_a_stream_before_it_says_anything(play: Play, make: Make, name: str) -> None:
    """Its reader sees the second one only."""
    reply, kind = STREAMED[name]
    script = play(reply, stream(BEGUN, SAYS, over()))
    here = make(script, policy(RETRIES))
    events, how = told(here)
    assert kinds(events) == ["interaction.created", "step.delta", "interaction.completed"]
    assert how is not None
    assert how.attempts == 2
    assert failures(served_models(here.seen())[FLASH]) == {kind: 1}


@pytest.mark.parametrize(
    ("reply", "kind", "last"),
    [
        (stream(BEGUN, SAYS), "cut", "step.delta"),
        (stream(BEGUN, SAYS, FAILS), "overloaded", "error"),
        (stream(BEGUN, SAYS, then="reset"), "reset", None),
    ],
)
def test_what_comes_after_its_first_word_is_its_readers(
    play: Play, make: Make, reply: Reply, kind: str, last: str | None
) -> None:
    """As the SDK gives it, and counted."""
    script = play(reply)
    here = make(script, policy(RETRIES))
    if last is None:
        with pytest.raises(Exception) as found:  # noqa: PT011 - its class has no public place
            told(here)
        assert type(found.value).__name__ == "APIConnectionError"
    else:
        events, _ = told(here)
        assert kinds(events)[-1] == last
    assert len(script.received) == 1
    assert failures(served_models(here.seen())[FLASH]) == {kind: 1}


def test_a_deadline_ends_an_attempt(play: Play, make: Make) -> None:
    """And the next one answers."""
    script = play(Reply(then="hang"), made())
    plan = policy(Strategy(fallback_models=(LITE,), timeout_s=60.0, retries=0))
    here = make(script, plan)
    assert ask(here).output_text == "Hello."
    assert failures(served_models(here.seen())[FLASH]) == {"timeout": 1}


@pytest.mark.parametrize("streamed", [False, True])
def test_the_sdks_own_retries_are_off_where_the_plan_says_how_often(
    play: Play, make: Make, streamed: bool
) -> None:
    """It makes some by itself, also where nobody asked for any."""
    script = play(*[error(503)] * 9)
    for retries, calls in ((0, 1), (1, 2), (None, 4 if OLD else 5)):
        before = len(script.received)
        here = make(script, policy(Strategy(retries=retries, timeout_s=60.0)))
        with pytest.raises(Exception, match="503") as found:
            told(here) if streamed else ask(here)
        assert type(found.value).__name__ == "InternalServerError"
        assert len(script.received) - before == calls


def test_a_quotas_delay_is_waited_for(play: Play, make: Make) -> None:
    """Which the SDK passes over: it says it in the body."""
    body = {"error": {"message": "Please retry in 7.5s.", "code": "resource_exhausted"}}
    script = play(Reply(status=429, body=body), made())
    here = make(script, policy(Strategy(retries=1, timeout_s=900.0)), speed=100.0)
    assert ask(here).output_text == "Hello."
    assert 7.5 in here.clock.waits


def test_a_callers_mistake_is_one_call(play: Play, make: Make) -> None:
    """In the provider's words."""
    body = {"error": {"message": "no such thing", "code": "invalid_request"}}
    script = play(Reply(status=400, body=body))
    here = make(script, policy(RETRIES))
    with pytest.raises(Exception, match="no such thing"):
        ask(here)
    assert len(script.received) == 1
    entry = served_models(here.seen())[FLASH]
    assert (entry.ill, failures(entry)) == (0, {"rejected": 1})


def test_an_edit_that_is_refused_is_taken_back(play: Play, make: Make) -> None:
    """Its caller sees the answer."""
    body = {"error": {"message": "about the edit", "code": "invalid_request"}}
    script = play(Reply(status=400, body=body), made())
    here = make(script, policy(Strategy(instruction="Be brief.", retries=0)))
    assert ask(here).output_text == "Hello."
    assert ["system_instruction" in each.body for each in script.received] == [True, False]


def test_the_callers_own_limit_is_not_the_upstreams(play: Play, make: Make) -> None:
    """The answer is handed out as it is."""
    script = play(made("incomplete", THOUGHT))
    here = make(script, policy(RETRIES))
    found = ask(here, generation_config={"max_output_tokens": 5})
    assert found.status == "incomplete"
    assert failures(served_models(here.seen())[FLASH]) == {"rejected": 1}


@pytest.mark.skipif(OLD, reason="google-genai 2 goes on with nothing by itself")
def test_one_that_takes_several_calls_is_charged_for_all(play: Play, make: Make) -> None:
    """The SDK goes on by itself; also where it does not come to the end."""
    more = {"continuation_token": "t1"}
    ends = [made("requires_continuation", TEXT, **more), made("completed", TEXT, id="i2")]
    script = play(*ends)
    here = make(script)
    assert ask(here).output_text == "Hello.Hello."
    assert served_models(here.seen())[FLASH].prompt_tokens == 20
    script = play(
        stream(BEGUN, SAYS, over("requires_continuation", **more)), stream(BEGUN, SAYS, over())
    )
    here = make(script)
    told(here)
    assert len(script.received) == 2
    assert served_models(here.seen())[FLASH].prompt_tokens == 20
    script = play(ends[0], error(503))
    here = make(script)
    with pytest.raises(Exception, match="interrupted"):
        ask(here)
    entry = served_models(here.seen())[FLASH]
    assert (failures(entry), entry.prompt_tokens) == ({"overloaded": 1}, 10)
