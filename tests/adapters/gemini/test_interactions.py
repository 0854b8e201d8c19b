"""Interactions through a wrapped client: the same plans, retries and accounting."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from google import genai
from google.genai import types

from balancer.adapters.gemini import CallOptions, ShedError, Wrapped, served
from balancer.core.modes import Mode, Priority
from balancer.core.policy import Policy, Strategy
from balancer.core.pricing import cost_nano_usd
from balancer.wire import interactions

from .bench import Bench, failures, policy, served_models
from .script import Reply, Script, error

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

FLASH, LITE = "gemini-3.6-flash", "gemini-3.5-flash-lite"
OLD = genai.__version__.startswith("2.")
FAST = types.HttpOptions(
    retry_options=types.HttpRetryOptions(initial_delay=0.001, max_delay=0.001, jitter=0.0)
)
RETRIES = Strategy(fallback_models=(LITE,), timeout_s=60.0, retries=2)
USAGE = {
    "total_input_tokens": 10,
    "total_output_tokens": 5,
    "total_thought_tokens": 2,
    "total_tokens": 17,
}
TEXT = {"type": "model_output", "content": [{"type": "text", "text": "Hello."}]}
THOUGHT = {"type": "thought", "signature": "c2ln"}

Play = Callable[..., Script]


def made(status: str = "completed", *steps: Any, **members: Any) -> Reply:
    """An interaction."""
    return Reply(body=resource(status, *(steps or (THOUGHT, TEXT)), **members))


def resource(status: str, *steps: Any, **members: Any) -> dict[str, Any]:
    """Its body."""
    found = {"id": "i1", "object": "interaction", "model": FLASH, "status": status}
    over = {} if status in ("in_progress", "queued") else {"steps": list(steps), "usage": USAGE}
    return {**found, **over, **members}


BEGUN = {
    "event_type": "interaction.created",
    "interaction": {"id": "i1", "status": "in_progress"},
    "event_id": "1",
}
THINKS = {
    "event_type": "step.delta",
    "index": 0,
    "delta": {"type": "thought_signature", "signature": "c2ln"},
}
SAYS = {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "Hello."}}
FAILS = {"event_type": "error", "error": {"message": "overloaded", "code": "unavailable"}}


def over(status: str = "completed", **members: Any) -> dict[str, Any]:
    """The last event."""
    ended = {"id": "i1", "status": status, "usage": USAGE, "model": FLASH, **members}
    return {"event_type": "interaction.completed", "interaction": ended}


def stream(*events: Any, then: str = "") -> Reply:
    """A streamed one."""
    return Reply(
        chunks=[*events, *([b"data: [DONE]\n\n"] if events[-1] == over() else [])], then=then
    )


@pytest.fixture(params=["sync", "httpx"])
def make(request: pytest.FixtureRequest) -> Callable[..., Bench]:
    """Benches of blocking and of asynchronous clients; there is one HTTP client for these."""

    def bench(script: Script, plan: Policy | None = None, **more: Any) -> Bench:
        return Bench(
            url=script.url,
            kind=request.param,
            policy=policy(Strategy(timeout_s=60.0, retries=0)) if plan is None else plan,
            **{"options": FAST, **more},
        )

    return bench


Make = Callable[..., Bench]


def use(here: Bench, method: str, *arguments: Any, **more: Any) -> Any:
    """Call a method of a wrapped client's interactions."""

    async def later(client: Wrapped) -> Any:
        return await getattr(client.aio.interactions, method)(*arguments, **more)

    def now(client: Wrapped) -> Any:
        return getattr(client.interactions, method)(*arguments, **more)

    return here.run(now if here.kind == "sync" else later)


def ask(here: Bench, **more: Any) -> Any:
    """A whole interaction."""
    return use(here, "create", **{"model": FLASH, "input": "Say hello.", **more})


def told(here: Bench, method: str = "create", **more: Any) -> tuple[list[Any], Any]:
    """Events of a streamed one, and how it was served."""
    given = {"model": FLASH, "input": "Say hello."} if method == "create" else {}
    arguments = {**given, "stream": True, **more}
    found: list[Any] = []

    async def later(client: Wrapped) -> Any:
        opened = await getattr(client.aio.interactions, method)(**arguments)
        async with opened as events:
            found.extend([each async for each in events])
        return opened

    def now(client: Wrapped) -> Any:
        with getattr(client.interactions, method)(**arguments) as events:
            found.extend(events)
        return events

    opened = here.run(now if here.kind == "sync" else later)
    return found, getattr(opened, "served", None)


def kinds(events: list[Any]) -> list[str]:
    """What they are."""
    return [getattr(each, "event_type", type(each).__name__) for each in events]


# --- plans ------------------------------------------------------------------------------

SHORT = Strategy(
    model=LITE, output_cap_tokens=400, thinking="MINIMAL", instruction="Be brief.", retries=0
)


def test_a_plan_is_applied(play: Play, make: Make) -> None:
    """To whole ones and streams; what serves them is marked, and no argument is changed."""
    script = play(made(), stream(BEGUN, SAYS, over()))
    config = {"max_output_tokens": 900, "thinking_level": "high"}
    here = make(script, policy(SHORT))
    found = ask(here, generation_config=config)
    assert found.output_text == "Hello."
    events, how = told(here, generation_config=config)
    assert kinds(events)[-1] == "interaction.completed"
    for received in script.received:
        assert received.body["model"] == LITE
        assert received.body["generation_config"] == {
            "max_output_tokens": 400,
            "thinking_level": "minimal",
        }
        assert received.body["system_instruction"] == "Be brief."
    assert config == {"max_output_tokens": 900, "thinking_level": "high"}
    for each in (served(found), how):
        assert each is not None
        assert (each.model, each.mode, each.attempts, each.outcome) == (LITE, Mode.NORMAL, 1, None)
    entry = served_models(here.seen())[LITE]
    assert (entry.started, entry.finished, entry.failed) == (2, 2, 0)
    assert (entry.prompt_tokens, entry.output_tokens, entry.thinking_tokens) == (20, 10, 4)
    assert entry.nano_usd > 0


def test_one_that_goes_on_from_another_stays_on_its_model(play: Play, make: Make) -> None:
    """Its answer is shortened all the same."""
    script = play(made())
    ask(
        make(script, policy(SHORT)), previous_interaction_id="i0", tools=[{"type": "google_search"}]
    )
    (received,) = script.received
    assert received.body["model"] == FLASH
    assert "system_instruction" not in received.body
    assert received.body["tools"] == [{"type": "google_search"}]


def test_an_agent_goes_as_it_is(play: Play, make: Make) -> None:
    """It is charged to its name, and how long it took says nothing."""
    script = play(made(agent="deep-research-preview-04-2026"))
    here = make(script, policy(SHORT))
    ask(here, model=None, agent="deep-research-preview-04-2026")
    assert script.received[0].body == {
        "agent": "deep-research-preview-04-2026",
        "input": "Say hello.",
    }
    entry = served_models(here.seen())["deep-research-preview-04-2026"]
    assert (entry.finished, entry.failed, entry.prompt_tokens) == (1, 0, 10)
    assert not entry.latency.total


@pytest.mark.parametrize("form", ["dicts", "models", "request", "extra"])
def test_every_form_of_arguments_is_understood(play: Play, make: Make, form: str) -> None:
    """Dicts, objects of the SDK's, a whole request, and members beside it."""
    from google.genai import interactions as sdk

    script = play(made())
    config: Any = {"max_output_tokens": 900, "seed": 1}
    steps: Any = [{"type": "user_input", "content": [{"type": "text", "text": "Hi."}]}]
    given: dict[str, Any] = {"input": steps, "generation_config": config}
    if form == "models":
        given["generation_config"] = sdk.GenerationConfig(max_output_tokens=900, seed=1)
        given["input"] = [sdk.UserInputStep(content=[sdk.TextContent(text="Hi.")])]
    elif form == "request":
        given = {"request": {"body": {"model": FLASH, **given}}, "model": None, "input": None}
    elif form == "extra":
        given = {"input": steps, "extra_body": {"generation_config": config}}
    here = make(script, policy(SHORT))
    arguments = {"model": FLASH, **given}
    use(here, "create", **{name: each for name, each in arguments.items() if each is not None})
    (received,) = script.received
    assert received.body["generation_config"]["max_output_tokens"] == 400
    assert received.body["generation_config"]["seed"] == 1
    assert received.body["model"] == LITE
    assert received.body["input"][0]["content"][0]["text"] == "Hi."


def test_what_a_caller_says_beside_it_counts(play: Play, make: Make) -> None:
    """In headers, which are not sent on, and in options."""
    script = play(made(), made())
    here = make(script)
    headers = {"x-open-balancer-priority": "high", "x-mine": "1"}
    ask(here, extra_headers=headers)
    ask(here, options=CallOptions(priority=Priority.LOW))
    assert here.seen().admitted == (1, 0, 1)
    assert script.received[0].headers["x-mine"] == "1"
    assert "x-open-balancer-priority" not in script.received[0].headers


def test_it_is_billed_by_who_served(play: Play, make: Make) -> None:
    """Another model and another tier than were sent are seen, and are no failures."""
    served_by = {"model": LITE, "service_tier": "standard"}
    script = play(made(**served_by), stream(BEGUN, SAYS, over(**served_by)))
    plan = policy(Strategy(service_tier=("priority",) * 3, retries=0))
    here = make(script, plan)
    ask(here)
    told(here)
    assert [each.body["service_tier"] for each in script.received] == ["priority"] * 2
    entry = served_models(here.seen())[FLASH]
    assert (entry.finished, entry.failed, entry.rerouted, entry.downgraded) == (2, 0, 2, 2)
    card = here.balancer.catalog.card(LITE)
    price = card.price_of("standard")
    assert entry.nano_usd == 2 * cost_nano_usd(price, 10, 0, 5, 2)


def test_history_is_cut_where_it_is_in_the_input(play: Play, make: Make) -> None:
    """Between turns."""
    script = play(made())
    steps = [
        {"type": kind, "content": [{"type": "text", "text": text}]}
        for kind, text in (("user_input", "1"), ("model_output", "2"), ("user_input", "3"))
    ]
    ask(make(script, policy(Strategy(history_turns=1, retries=0))), input=steps)
    assert script.received[0].body["input"] == steps[2:]


def test_what_is_shed_is_not_sent(play: Play, make: Make) -> None:
    """It raises, or gets the static answer, whole or as events."""
    script = play(made(), made())
    limited = Strategy(max_starts_per_s=1.0, timeout_s=60.0, retries=0)
    here = make(script, policy(limited))
    here.seen()
    ask(here)
    for again in (ask, told):
        with pytest.raises(ShedError, match="as many calls are under way"):
            again(here)
    here = make(script, policy(replace(limited, static_fallback="Busy.")))
    here.seen()
    ask(here)
    found = ask(here, previous_interaction_id="i0")
    assert (found.output_text, found.id) == ("Busy.", "i0")
    events, how = told(here)
    assert events[2].delta.text == "Busy."
    assert kinds(events)[-1] == "interaction.completed"
    assert how is not None
    assert how.fallback
    assert len(script.received) == 2


# --- faults -----------------------------------------------------------------------------

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
    plan = policy(Strategy(fallback_models=(LITE,), timeout_s=20.0, retries=0))
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


# --- in the background ------------------------------------------------------------------


def background(here: Bench, *then: Callable[[Any], Any], **more: Any) -> list[Any]:
    """Make one in the background and do things with it, through one client."""
    asked = {"model": FLASH, "input": "Hi.", "background": True, **more}
    found: list[Any] = []

    async def later(client: Wrapped) -> None:
        found.append(await client.aio.interactions.create(**asked))
        for each in then:
            found.append(await each(client.aio.interactions))  # noqa: PERF401

    def now(client: Wrapped) -> None:
        found.append(client.interactions.create(**asked))
        found.extend(each(client.interactions) for each in then)

    here.run(now if here.kind == "sync" else later)
    return found


def shown(resource: Any) -> Any:
    """Ask for it."""
    return resource.get("i1")


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (made(), {}),
        (made("failed", errors=[{"code": "internal", "message": "m"}]), {"internal": 1}),
        (made("incomplete", THOUGHT), {"empty": 1}),
        (made("cancelled"), {"rejected": 1}),
    ],
)
def test_one_in_the_background_counts_when_it_says_how_it_ended(
    play: Play, make: Make, ending: Reply, kind: dict[str, int]
) -> None:
    """Once; it has no latency, and no age while it runs."""
    script = play(made("in_progress"), made("in_progress"), ending, ending)
    here = make(script, policy(RETRIES))
    seen: list[Any] = []

    def looks(resource: Any) -> Any:
        seen.append(here.seen())
        return resource.get("i1")

    found = background(here, looks, shown, shown)
    assert [each.status for each in found[:2]] == ["in_progress", "in_progress"]
    entry = served_models(seen[0])[FLASH]
    assert (entry.started, entry.finished, entry.ages.total) == (1, 0, 0)
    entry = served_models(here.seen())[FLASH]
    assert (entry.finished, failures(entry), entry.latency.total) == (1, kind, 0)
    assert entry.prompt_tokens == (0 if "internal" in kind else 10)
    assert len(script.received) == 4


def test_a_refusal_of_one_in_the_background_is_tried_again(play: Play, make: Make) -> None:
    """As there is nothing begun yet."""
    script = play(error(503), made("in_progress"))
    assert background(make(script, policy(RETRIES)))[0].status == "in_progress"
    assert [each.body["model"] for each in script.received] == [FLASH, LITE]


@pytest.mark.parametrize("end", ["delete", "cancel"])
def test_one_that_is_given_up_is_charged_what_is_known(play: Play, make: Make, end: str) -> None:
    """And is no failure of the upstream's."""
    script = play(made("in_progress"), made("cancelled"))
    here = make(script)
    background(here, lambda resource: getattr(resource, end)("i1"))
    entry = served_models(here.seen())[FLASH]
    assert (entry.finished, entry.ill) == (1, 0)
    assert script.received[1].path.endswith("/cancel" if end == "cancel" else "/i1")


def test_the_stream_of_one_in_the_background_can_be_taken_up_again(play: Play, make: Make) -> None:
    """Losing the connection begins nothing anew; following it says how it ended."""
    script = play(stream(BEGUN, THINKS), stream(SAYS, over()))
    here = make(script, policy(RETRIES))
    got: list[Any] = []

    async def later(client: Wrapped) -> None:
        first = await client.aio.interactions.create(
            model=FLASH, input="Hi.", background=True, stream=True
        )
        got.append([each async for each in first])
        again = await client.aio.interactions.get("i1", stream=True, last_event_id="1")
        got.append([each async for each in again])

    def now(client: Wrapped) -> None:
        got.append(
            list(client.interactions.create(model=FLASH, input="Hi.", background=True, stream=True))
        )
        got.append(list(client.interactions.get("i1", stream=True, last_event_id="1")))

    here.run(now if here.kind == "sync" else later)
    assert [kinds(each) for each in got] == [
        ["interaction.created", "step.delta"],
        ["step.delta", "interaction.completed"],
    ]
    assert "last_event_id=1" in script.received[1].path
    entry = served_models(here.seen())[FLASH]
    assert (entry.finished, entry.failed, entry.prompt_tokens) == (1, 0, 10)


def test_what_is_not_made_here_is_passed_through(play: Play, make: Make) -> None:
    """And counts as nothing."""
    script = play(made(), made("cancelled"), Reply(body={}))
    here = make(script)
    assert use(here, "get", "i1").output_text == "Hello."
    assert use(here, "cancel", "i1").status == "cancelled"
    assert use(here, "delete", "i1") is None
    assert here.seen().served == ()


def test_of_too_many_the_oldest_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is waited for is bounded."""
    from balancer.runtime import watched

    class Noted:
        ended: Any = None

        def settle(self, body: Any) -> None:
            self.ended = interactions.status_of(body)

        def give_up(self) -> None:
            self.ended = "given up"

    monkeypatch.setattr(watched, "MOST_WATCHED", 2)
    found, calls = watched.Watched(), [Noted() for _ in range(3)]
    for name, call in zip("abc", calls, strict=True):
        found.add(name, call)
    found.see({"id": "b", "status": "completed"})
    found.see({"id": "b", "status": "failed"})
    found.see({"id": "c", "status": "queued"})
    found.drop("nobody")
    assert [each.ended for each in calls] == ["given up", "completed", None]
    assert len(found) == 1


# --- a request that is wrong, and a client without ---------------------------------------


def test_wrong_arguments_are_the_sdks_to_refuse(play: Play, make: Make) -> None:
    """In its words, and nothing is sent."""
    script = play()
    with pytest.raises(TypeError, match="either request"):
        ask(make(script), request={"body": {"model": FLASH, "input": "x"}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError, match="unexpected keyword"):
            ask(make(script), nonsense=1)
    assert script.received == []


def test_a_client_without_interactions_says_so(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does by itself."""
    here = Bench(url=play().url, kind="sync", policy=policy())
    monkeypatch.delattr(genai.Client, "interactions")
    with pytest.raises(AttributeError, match="interactions"):
        here.run(lambda client: client.interactions)
