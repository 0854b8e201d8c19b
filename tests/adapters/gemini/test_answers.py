"""Whole answers through the wrapper: what is sent, counted and given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.genai import errors, types

from balancer.adapters.gemini import FALLBACK_MODEL, CallOptions, ShedError, balancing, served, wrap
from balancer.core.modes import Mode, Priority
from balancer.core.policy import BudgetLimit, Strategy
from balancer.runtime.calls import CallSettings, RequestRecord, Score

from .bench import FLASH, HIDDEN_RETRY, LITE, Bench, failures, policy, served_models
from .script import Reply, Script, error, quota, whole

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

MINUTE = "GenerateRequestsPerMinutePerProjectPerModel"
DAY = "GenerateRequestsPerDayPerProjectPerModel"
CHAIN = Strategy(model=FLASH, fallback_models=(LITE,), timeout_s=60.0, retries=2)

Play = Callable[..., Script]
Make = Callable[..., Bench]


def test_an_answer_is_counted_with_its_tokens_and_cost(play: Play, bench: Make) -> None:
    """And says how it was served."""
    here = bench(play())
    response = here.ask()
    assert response.text == "Hello."
    how = served(response)
    assert how is not None
    assert (how.mode, how.model, how.attempts, how.outcome) == (Mode.NORMAL, FLASH, 1, None)
    assert response.sdk_http_response is not None
    assert response.sdk_http_response.headers is not None
    assert response.sdk_http_response.headers["x-open-balancer-mode"] == "normal"
    seen = here.seen()
    entry = served_models(seen)[FLASH]
    assert (entry.prompt_tokens, entry.output_tokens, entry.thinking_tokens) == (10, 5, 2)
    assert entry.nano_usd == 10 * 300 + 7 * 2500
    assert (entry.started, entry.finished, entry.failed) == (1, 1, 0)
    assert (entry.latency.total, entry.ttft.total) == (1, 0)
    assert seen.admitted == (0, 1, 0)


def test_the_plan_is_applied_and_the_caller_s_objects_are_not_changed(
    play: Play, bench: Make
) -> None:
    """Model, cap, thinking, instruction, tools, history, temperature."""
    script = play()
    strategy = Strategy(
        model=LITE,
        output_cap_tokens=1024,
        thinking=512,
        instruction="Be brief.",
        tools=False,
        history_turns=1,
        temperature=0.5,
    )
    config = types.GenerateContentConfig(
        max_output_tokens=5000,
        system_instruction="You are a pirate.",
        tools=[types.Tool(google_search=types.GoogleSearch())],
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=8000),
        top_p=0.5,
    )
    contents = [
        types.Content(role="user", parts=[types.Part(text="a")]),
        types.Content(role="model", parts=[types.Part(text="A")]),
        types.Content(role="user", parts=[types.Part(text="b")]),
    ]
    before = config.model_copy(deep=True)
    here = bench(script, policy(strategy))
    here.ask(contents, config)
    here.ask("b", {"max_output_tokens": 5000, "system_instruction": "You are a pirate."})
    assert config == before
    assert len(contents) == 3
    first, second = script.received
    assert first.path.endswith(f"/models/{LITE}:generateContent")
    assert first.body["contents"] == [{"role": "user", "parts": [{"text": "b"}]}]
    assert "tools" not in first.body
    assert first.body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.5,
        "maxOutputTokens": 1024,
        "thinkingConfig": {"include_thoughts": True, "thinking_budget": 512},
    }
    parts = [{"text": "You are a pirate."}, {"text": "Be brief."}]
    assert first.body["systemInstruction"]["parts"] == parts
    assert second.body["systemInstruction"]["parts"] == parts
    assert second.body["generationConfig"]["maxOutputTokens"] == 1024


@pytest.mark.parametrize(
    ("config", "options", "cap", "tools"),
    [
        ({"response_mime_type": "application/json"}, CallOptions(), None, False),
        ({}, CallOptions(min_output_tokens=2000), 2000, False),
        ({"max_output_tokens": 64}, CallOptions(min_output_tokens=2000), 64, False),
        ({}, CallOptions(needs_tools=True), 256, True),
    ],
)
def test_what_a_call_cannot_do_without_stays(
    play: Play,
    config: types.GenerateContentConfigDict,
    options: CallOptions,
    cap: int | None,
    tools: bool,
) -> None:
    """A format, a stated minimum, its tools."""
    script = play()
    strategy = Strategy(output_cap_tokens=256, thinking=0, tools=False)
    here = Bench(url=script.url, kind="sync", policy=policy(strategy))
    search: types.GenerateContentConfigDict = {"tools": [{"google_search": {}}]}
    here.ask(config={**config, **search}, options=options)
    (sent,) = script.received
    assert sent.body["generationConfig"].get("maxOutputTokens") == cap
    assert ("tools" in sent.body) is tools


def test_the_next_model_of_the_chain_answers(play: Play, bench: Make) -> None:
    """At once; both attempts are counted, under their models."""
    here = bench(play(error(503)), policy(CHAIN))
    response = here.ask()
    how = served(response)
    assert how is not None
    assert (how.model, how.attempts) == (LITE, 2)
    models = served_models(here.seen())
    assert failures(models[FLASH]) == {"overloaded": 1}
    assert models[LITE].failed == 0


def test_edits_are_made_anew_for_every_model(play: Play) -> None:
    """A level for one that takes no budget."""
    script = play(error(500))
    strategy = Strategy(model=FLASH, fallback_models=("gemini-3.5-flash-lite",))
    here = Bench(url=script.url, kind="sync", policy=policy(strategy))
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(thinking_budget=0))
    here.ask(config=config)
    settings = [sent.body["generationConfig"]["thinkingConfig"] for sent in script.received]
    assert settings == [{"thinking_budget": 0}, {"thinking_level": "MINIMAL"}]


@pytest.mark.parametrize(
    ("reply", "kind_of_failure"),
    [
        (Reply(body=whole(None, "MAX_TOKENS", candidatesTokenCount=0)), "empty"),
        (Reply(body=whole(None, "MALFORMED_FUNCTION_CALL")), "malformed"),
        (Reply(body=b'{"candidates": [{"content"'), "malformed"),
        (error(500, "INTERNAL"), "internal"),
        (quota(MINUTE, "0.1s"), "quota_minute"),
        (quota(DAY, "3s"), "quota_day"),
        (Reply(then="reset"), "reset"),
    ],
)
def test_failures_are_told_apart_and_tried_again(
    play: Play, bench: Make, kind: str, reply: Reply, kind_of_failure: str
) -> None:
    """By another model."""
    if HIDDEN_RETRY and (reply.then, kind) == ("reset", "aiohttp"):
        pytest.skip("the SDK waits for seconds and tries again")
    here = bench(play(reply), policy(CHAIN))
    assert here.ask().text == "Hello."
    models = served_models(here.seen())
    assert failures(models[FLASH]) == {kind_of_failure: 1}
    billed = kind_of_failure in ("empty", "malformed")
    known = billed and not isinstance(reply.body, bytes)
    assert (models[FLASH].thinking_tokens > 0) is known


def test_an_empty_answer_is_given_back_where_there_is_no_better_one(
    play: Play, bench: Make
) -> None:
    """As the SDK does; it says that it is empty."""
    here = bench(play(Reply(body=whole(None, "MAX_TOKENS", candidatesTokenCount=0))))
    response = here.ask()
    assert response.text is None
    how = served(response)
    assert how is not None
    assert how.outcome == "empty"


def test_the_last_error_is_raised_as_the_sdk_s_own(play: Play, bench: Make) -> None:
    """When all attempts failed."""
    here = bench(
        play(error(503), error(500, "INTERNAL")), policy(Strategy(fallback_models=(LITE,)))
    )
    with pytest.raises(errors.ServerError) as caught:
        here.ask()
    assert caught.value.code == 500


def test_retries_wait_as_long_as_the_upstream_asks(play: Play) -> None:
    """In scenario seconds; the same model again."""
    script = play(quota(MINUTE, "36.429760048s"))
    settings = CallSettings(backoff_initial_s=0.0, backoff_jitter_s=0.0)
    plan = policy(Strategy(model=FLASH, retries=1))
    here = Bench(url=script.url, kind="sync", policy=plan, settings=settings)
    assert here.ask().text == "Hello."
    assert 36.429760048 in here.clock.waits


def test_a_day_s_quota_is_terminal_for_its_model(play: Play, bench: Make) -> None:
    """However short the delay that comes with it."""
    script = play(quota(DAY, "1s"), quota(DAY, "1s"))
    here = bench(script, policy(CHAIN))
    with pytest.raises(errors.ClientError):
        here.ask()
    assert len(script.received) == 2


@pytest.mark.parametrize(("retries", "sent"), [(None, 3), (0, 1)])
def test_retries_that_the_caller_gave_for_one_call_are_the_client_s(
    play: Play, bench: Make, retries: int | None, sent: int
) -> None:
    """They stay where the strategy says nothing about retries, and are off where it does."""
    script = play(error(503), error(503))
    here = bench(
        script, policy(Strategy(timeout_s=60.0, retries=retries)), settings=CallSettings(retries=0)
    )
    options = types.HttpOptions(
        retry_options=types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.01)
    )
    config = types.GenerateContentConfig(http_options=options)
    if retries is None:
        assert here.ask(config=config).text == "Hello."
    else:
        with pytest.raises(errors.ServerError):
            here.ask(config=config)
    assert len(script.received) == sent


def test_a_caller_s_mistake_is_no_failure_of_the_upstream(play: Play, bench: Make) -> None:
    """It is raised, and counts neither as an answer nor as a failure."""
    here = bench(play())
    with pytest.raises((TypeError, ValueError)):
        here.ask(contents=object())
    entry = served_models(here.seen()).get(FLASH)
    assert entry is None or entry.failed == 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_that_the_sdk_does_not_send_counts_as_nothing(
    play: Play, bench: Make, streamed: bool
) -> None:
    """It takes nothing of a budget, raises no cost, and is no abandoned call."""
    script = play()
    here = bench(script, policy(budgets=(BudgetLimit(usd=1.0, window_s=3600.0),)))
    for _ in range(3):
        with pytest.raises(ValueError, match="contents are required"):
            here.stream([]) if streamed else here.ask([])
    seen = here.seen()
    assert script.received == []
    entry = served_models(seen)[FLASH]
    assert (entry.started, entry.finished, entry.nano_usd, entry.latency.total) == (0, 0, 0, 0)
    assert (entry.prompt_tokens, entry.ages.total) == (0, 0)
    assert seen.unjudged == (0, 3, 0)
    (budget,) = here.balancer.budgets()
    assert (budget.used, budget.reserved) == (0, 0)


def test_a_call_that_goes_another_way_than_the_sdk_s_is_taken_for_sent(play: Play) -> None:
    """As of somebody who puts a method in the place of the SDK's; nobody sees what it sends."""
    script = play()
    budget = BudgetLimit(usd=1.0, window_s=3600.0)
    here = Bench(url=script.url, kind="sync", policy=policy(budgets=(budget,)))
    client = here.client()
    own = client.models.generate_content

    def traced(**arguments: Any) -> None:
        own(**arguments)
        raise KeyboardInterrupt

    client.models.generate_content = traced  # type: ignore[assignment,method-assign]
    with wrap(client, here.balancer) as wrapped, pytest.raises(KeyboardInterrupt):
        wrapped.models.generate_content(model=FLASH, contents="Hello.")
    assert len(script.received) == 1
    assert here.balancer.budgets()[0].used > 0


def test_a_call_that_is_interrupted_before_it_is_sent_counts_as_nothing(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a key, or a task that is cancelled."""
    script = play()
    here = Bench(url=script.url, kind="sync", policy=policy())

    def leave(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("google.genai.models.Models._generate_content", leave)
    with pytest.raises(KeyboardInterrupt):
        here.ask()
    seen = here.seen()
    assert script.received == []
    assert (served_models(seen)[FLASH].finished, sum(seen.unjudged)) == (0, 1)


def refusing(**changes: float) -> Strategy:
    """A strategy that refuses everybody."""
    return Strategy(model=FLASH, shed=(1.0, 1.0, 1.0), **changes)  # type: ignore[arg-type]


def test_a_request_that_is_shed_raises_and_says_why(play: Play, bench: Make) -> None:
    """Nothing is sent."""
    script = play()
    here = bench(script, policy(Strategy(model=FLASH, max_starts_per_s=1.0, timeout_s=60.0)))
    here.seen()
    here.ask()
    with pytest.raises(ShedError, match="as many calls are under way") as caught:
        here.ask(options=CallOptions(priority="low"))
    assert (caught.value.refusal, caught.value.mode) == ("limits", Mode.NORMAL)
    assert caught.value.priority == Priority.LOW
    assert len(script.received) == 1
    assert here.seen().shed == (1, 0, 0)


def test_a_budget_refuses(play: Play, bench: Make) -> None:
    """Before anything is sent."""
    script = play()
    plan = policy(budgets=(BudgetLimit(usd=1e-6, window_s=3600.0),))
    with pytest.raises(ShedError, match="hard budget"):
        bench(script, plan).ask()
    assert script.received == []


def test_a_budget_reserves_by_the_prompt_s_size_where_the_caller_knows_it(
    play: Play, bench: Make
) -> None:
    """Otherwise by an estimate."""
    script = play()
    plan = policy(budgets=(BudgetLimit(usd=0.05, window_s=3600.0),))
    here = bench(script, plan)
    with pytest.raises(ShedError, match="hard budget"):
        here.ask(options=CallOptions(prompt_tokens=1_000_000))
    assert here.ask().text == "Hello."


def test_a_budget_shortens_the_cap_and_the_thinking(play: Play, bench: Make) -> None:
    """To what it holds money for."""
    script = play()
    plan = policy(budgets=(BudgetLimit(usd=0.05, window_s=3600.0),))
    bench(script, plan).ask()
    settings = script.received[0].body["generationConfig"]
    assert settings == {"maxOutputTokens": 2048, "thinkingConfig": {"thinking_budget": 1024}}


STATIC = Strategy(model=FLASH, retries=0, static_fallback="We are busy.")


def test_the_static_answer_is_a_response_that_says_so(play: Play, bench: Make) -> None:
    """Where the plan has one and nothing else helped."""
    here = bench(play(error(503)), policy(STATIC))
    response = here.ask()
    assert (response.text, response.model_version) == ("We are busy.", FALLBACK_MODEL)
    how = served(response)
    assert how is not None
    assert (how.fallback, how.attempts, how.model) == (True, 1, "")
    assert here.seen().fallback == (0, 1, 0)


def test_the_static_answer_is_none_for_a_format(play: Play, bench: Make) -> None:
    """It would not parse."""
    here = bench(play(error(503)), policy(STATIC))
    with pytest.raises(errors.ServerError):
        here.ask(config={"response_mime_type": "application/json"})
    assert here.seen().fallback == (0, 0, 0)


@pytest.mark.parametrize(
    "asked",
    [
        {
            "tools": [{"function_declarations": [{"name": "look"}]}],
            "tool_config": {"function_calling_config": {"mode": "ANY"}},
        },
        {"response_modalities": ["TEXT", "IMAGE"]},
        {"response_modalities": ["AUDIO"], "speech_config": {"language_code": "de-DE"}},
        {"temperature": 3},
    ],
)
def test_the_static_answer_is_none_where_text_is_none(
    play: Play, bench: Make, asked: dict[str, Any]
) -> None:
    """For a call that is forced, an image, speech; nor for a request that is wrong."""
    here = bench(play(error(503)), policy(STATIC))
    with pytest.raises(errors.ServerError):
        here.ask(config=asked)


def test_a_wrong_role_gets_no_static_answer(play: Play, bench: Make) -> None:
    """Its caller would never learn of it."""
    here = bench(play(error(503)), policy(STATIC))
    wrong = types.Content(role="robot", parts=[types.Part(text="x")])
    with pytest.raises(errors.ServerError):
        here.ask([wrong])


def test_shadow_mode_changes_nothing(play: Play, bench: Make) -> None:
    """It counts, and the client's own settings hold."""
    script = play(error(503))
    plan = policy(Strategy(model=LITE, output_cap_tokens=9, thinking=0, retries=3, timeout_s=5.0))
    here = bench(script, plan, shadow=True)
    config = types.GenerateContentConfig(max_output_tokens=100)
    with pytest.raises(errors.ServerError):
        here.ask(config=config)
    (sent,) = script.received
    assert sent.path.endswith(f"{FLASH}:generateContent")
    assert sent.body["generationConfig"] == {"maxOutputTokens": 100}
    assert "x-server-timeout" not in sent.headers
    assert failures(served_models(here.seen())[FLASH]) == {"overloaded": 1}


def test_priority_comes_from_argument_block_or_header(play: Play, bench: Make) -> None:
    """In this order; our headers are not sent on."""
    script = play()
    here = bench(script)
    config = types.GenerateContentConfig(
        http_options=types.HttpOptions(
            headers={"X-Open-Balancer-Priority": "low", "x-open-balancer-key": "k", "x-other": "1"}
        )
    )
    here.ask(config=config)
    with balancing(priority="high"):
        here.ask(config=config)
        here.ask(config=config, options=CallOptions(priority=Priority.NORMAL))
    assert here.seen().admitted == (1, 1, 1)
    for sent in script.received:
        assert [name for name in sent.headers if name.startswith("x-o")] == ["x-other"]


def test_the_request_s_index_goes_along_with_the_attempt(play: Play, bench: Make) -> None:
    """So that a load test draws the same fates as the simulator."""
    script = play(error(503))
    here = bench(script, policy(CHAIN))
    with balancing(request=17):
        here.ask()
    numbers = [
        (sent.headers["x-open-balancer-request"], sent.headers["x-open-balancer-attempt"])
        for sent in script.received
    ]
    assert numbers == [("17", "0"), ("17", "1")]


def test_a_scorer_gives_answers_a_quality(play: Play, bench: Make) -> None:
    """For the response and for whoever listens."""
    heard: list[Score] = []
    here = bench(play(), scorer=lambda request, response: len(request["contents"]) / 100)
    here.balancer.listeners.scores.add(heard.append)
    response = here.ask("x" * 50, options=CallOptions(key="tenant"))
    how = served(response)
    assert how is not None
    assert how.quality == 0.5
    assert [(score.model, score.key, score.quality) for score in heard] == [(FLASH, "tenant", 0.5)]


def test_vertex_ai_is_wrapped_too(play: Play, bench: Make) -> None:
    """Its models have longer paths."""
    script = play(error(503))
    here = bench(script, policy(CHAIN), vertex=True)
    assert here.ask().text == "Hello."
    place = "projects/p/locations/us-central1/publishers/google/models"
    paths = [sent.path.partition("projects")[2] for sent in script.received]
    expected = [f"{place}/{FLASH}:generateContent", f"{place}/{LITE}:generateContent"]
    assert ["projects" + path for path in paths] == expected


def test_a_session_comes_from_argument_block_or_header(play: Play, bench: Make) -> None:
    """In this order; it is told to listeners and not sent on."""
    script, told = play(), list[RequestRecord]()
    here = bench(script)
    here.balancer.listeners.requests.add(told.append)
    config = types.GenerateContentConfig(
        http_options=types.HttpOptions(headers={"X-Open-Balancer-Session": "header"})
    )
    here.ask(config=config)
    with balancing(session="block"):
        here.ask(config=config)
        here.ask(config=config, options=CallOptions(session="argument"))
    here.ask()
    assert [record.session for record in told] == ["header", "block", "argument", None]
    for sent in script.received:
        assert not [name for name in sent.headers if name.startswith("x-open-balancer")]
