"""The Interactions API: what is asked, what a plan changes, how it ended."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from balancer.core.catalog import ModelCard
from balancer.core.routes import RUNNING_TURN
from balancer.core.strategy import Strategy
from balancer.prices import default_catalog
from balancer.wire import Edits, EventChunks, Sent, edits, interactions, read_error
from balancer.wire import read_asked as read_generation

FLASH = default_catalog().card("gemini-3.6-flash")
LITE = default_catalog().card("gemini-3.5-flash-lite")
BUDGETS = default_catalog().card("gemini-2.5-flash")
OFF = default_catalog().card("gemini-2.5-flash-lite")
CALL = {"type": "function_call", "id": "1", "name": "look", "arguments": {"at": "noon"}}
RESULT = {"type": "function_result", "call_id": "1", "result": "sun"}


def said(text: str, kind: str = "user_input") -> dict[str, Any]:
    """A step with a text."""
    return {"type": kind, "content": [{"type": "text", "text": text}]}


def asked(**members: Any) -> dict[str, Any]:
    """A request."""
    return {"model": "gemini-3.6-flash", "input": "hi", **members}


def done(status: str = "completed", *steps: dict[str, Any], **members: Any) -> dict[str, Any]:
    """An interaction that ended."""
    return {"id": "i1", "status": status, "steps": list(steps), **members}


# --- what is asked ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        "hello there",
        {"type": "text", "text": "hello there"},
        {"text": "hello there"},
        [{"type": "text", "text": "hello there"}],
        [said("hello there")],
        said("hello there"),
        [{"role": "user", "content": "hello there"}],
        [{"role": "user", "content": [{"type": "text", "text": "hello there"}]}],
    ],
)
def test_every_form_of_an_input_is_the_same_prompt(given: Any) -> None:
    """Text, content, contents, steps and turns."""
    found = interactions.as_generation(asked(input=given))
    assert found["contents"] == [{"role": "user", "parts": [{"text": "hello there"}]}]
    assert interactions.read_asked(asked(input=given)).prompt_tokens == 3
    assert interactions.is_plausible(asked(input=given))


def test_an_interaction_reads_as_the_same_request_of_generate_content() -> None:
    """Whatever a plan has to respect."""
    body = asked(
        input=[
            {
                "type": "user_input",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image", "mime_type": "image/png", "data": "AAAA"},
                    {"type": "document", "uri": "files/1"},
                ],
            }
        ],
        system_instruction="Be kind.",
        tools=[{"type": "function", "name": "look"}, {"type": "google_search"}],
        generation_config={
            "max_output_tokens": 90,
            "thinking_level": "low",
            "tool_choice": {"allowed_tools": {"mode": "any", "tools": ["look"]}},
        },
        response_format={"type": "text", "mime_type": "application/json", "schema": {"a": 1}},
    )
    twin = {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "look"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"fileData": {"fileUri": "files/1", "mimeType": "document/*"}},
                ],
            }
        ],
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "tools": [{"functionDeclarations": [{"name": "look"}]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
        "generationConfig": {
            "maxOutputTokens": 90,
            "thinkingConfig": {"thinkingLevel": "LOW"},
            "responseMimeType": "application/json",
            "responseJsonSchema": {"a": 1},
        },
    }
    found = interactions.read_asked(body)
    expected = read_generation(twin, "gemini-3.6-flash")
    for name in (
        "model", "prompt_tokens", "output_cap_tokens", "thinking", "structured", "forced",
        "needs_tools", "needs", "media", "fees", "pinned",
    ):  # fmt: skip
        assert getattr(found, name) == getattr(expected, name), name
    assert found.levels_only


def test_what_goes_on_from_a_kept_one_is_pinned() -> None:
    """Its history is Google's; so is what lies in a cache, and an answer to be continued."""
    for member in ("previous_interaction_id", "cached_content", "continuation_token"):
        assert interactions.read_asked(asked(**{member: "x"})).pinned
    assert interactions.shape_of(asked()) != interactions.shape_of(
        asked(previous_interaction_id="x")
    )


def test_the_result_of_a_function_is_a_running_turn() -> None:
    """With the call beside it or kept by Google."""
    whole = [said("sun?"), {"type": "thought", "signature": "c2ln"}, CALL, RESULT]
    for given in (whole, [RESULT]):
        found = interactions.read_asked(asked(input=given))
        assert RUNNING_TURN in found.needs
        assert found.needs_tools
    contents = interactions.as_generation(asked(input=whole))["contents"]
    assert contents[1]["parts"][0]["thoughtSignature"] == "c2ln"
    assert contents[2]["parts"][0]["functionResponse"]["name"] == "look"


@pytest.mark.parametrize(
    ("members", "outputs"),
    [
        ({"response_modalities": ["image", "text"]}, {"outputs.image", "outputs.text"}),
        ({"response_format": [{"type": "audio"}, {"type": "text"}]}, {"outputs.audio"}),
    ],
)
def test_what_an_answer_is_to_hold_is_read(members: dict[str, Any], outputs: set[str]) -> None:
    """By either member."""
    found = interactions.read_asked(asked(**members))
    assert found.shown
    assert outputs <= found.needs


def test_a_bare_schema_is_a_format() -> None:
    """As the SDK takes one."""
    found = interactions.read_asked(asked(response_format={"type": "object", "properties": {}}))
    assert found.structured


@pytest.mark.parametrize("body", [None, [], 3, {"input": 3}, {"tools": 1, "input": [None, [1]]}])
def test_odd_bodies_are_read_as_saying_nothing(body: Any) -> None:
    """They are for the upstream to refuse."""
    assert interactions.read_asked(body).model == ""
    assert interactions.apply(body, Edits(output_cap_tokens=3)) is not None or body is None
    interactions.is_plausible(body)
    interactions.shape_of(body)


# --- what a plan changes ----------------------------------------------------------------

WARM = Strategy(output_cap_tokens=400, instruction="Answer concisely.", temperature=0.5)
HARD = Strategy(
    model="gemini-3.5-flash-lite",
    output_cap_tokens=400,
    thinking="MINIMAL",
    instruction="Answer concisely.",
    tools=False,
    history_turns=1,
)


def planned(body: dict[str, Any], card: ModelCard, strategy: Strategy = HARD) -> dict[str, Any]:
    """A request as a plan makes it, the same as bytes."""
    change = edits(strategy, card, interactions.read_asked(body))
    found: dict[str, Any] = interactions.apply(body, change)
    raw = json.dumps(body, indent=1).encode()
    assert json.loads(interactions.apply_bytes(raw, change)) == found
    return found


def test_a_plan_is_written_in_the_words_of_an_interaction() -> None:
    """Model, cap, level, instruction, tools and history."""
    body = asked(
        model="models/gemini-3.6-flash",
        input=[said("one"), said("two", "model_output"), said("three")],
        system_instruction="Be kind.",
        tools=[{"type": "google_search"}],
        generation_config={"seed": 1, "thinking_level": "high", "tool_choice": "auto"},
        store=False,
    )
    assert planned(body, LITE) == {
        "model": "models/gemini-3.5-flash-lite",
        "input": [said("three")],
        "system_instruction": "Be kind.\n\nAnswer concisely.",
        "generation_config": {"seed": 1, "thinking_level": "minimal", "max_output_tokens": 400},
        "store": False,
    }


def test_new_members_are_in_snake_case_and_old_ones_keep_their_spelling() -> None:
    """As JSON of Google's may have either."""
    found = planned(asked(generationConfig={"maxOutputTokens": 900, "seed": 1}), LITE, WARM)
    assert found["generationConfig"] == {"maxOutputTokens": 400, "seed": 1, "temperature": 0.5}
    assert "generation_config" not in found
    assert found["system_instruction"] == "Answer concisely."


def test_a_chain_keeps_its_model_its_history_and_its_tools() -> None:
    """Only its answer is shortened."""
    body = asked(
        input=[said("one"), said("two", "model_output"), said("three")],
        tools=[{"type": "google_search"}],
        previous_interaction_id="i0",
    )
    found = planned(body, FLASH, replace(HARD, output_cap_tokens=9000))
    config = found.pop("generation_config")
    assert found == body
    assert config["max_output_tokens"] == 9000


def test_an_agent_is_called_as_it_is() -> None:
    """Also where a budget would shorten it: its API takes no cap."""
    body = {"agent": "deep-research-preview-04-2026", "input": "hi", "background": True}
    found = interactions.read_asked(body)
    assert found.as_is
    assert found.pinned
    assert found.model == "deep-research-preview-04-2026"
    assert edits(HARD, None, found, most_output_tokens=5) == Edits()


def test_a_model_of_budgets_is_told_no_level() -> None:
    """One that thinks by itself gets no cap either: its thoughts would fill it."""
    assert edits(HARD, BUDGETS, interactions.read_asked(asked(model=BUDGETS.name))) == Edits(
        instruction="Answer concisely.", drop_tools=True, history_turns=1
    )
    found = planned(asked(generation_config={"thinking_level": "low"}), OFF)
    assert found["generation_config"] == {"max_output_tokens": 400}
    assert found["model"] == OFF.name


def test_money_bounds_a_model_of_budgets_all_the_same() -> None:
    """Whatever it thinks."""
    found = interactions.read_asked(asked(model=BUDGETS.name))
    assert edits(Strategy(), BUDGETS, found, most_output_tokens=50).output_cap_tokens == 50


def test_nothing_to_change_changes_no_byte() -> None:
    """Of a body that is JSON, or is none."""
    for raw in (b'{ "model":"m","input" :"hi"}', b"{nonsense"):
        assert interactions.apply_bytes(raw, Edits()) is raw
    assert interactions.apply_bytes(b"{nonsense", HARD_EDITS) == b"{nonsense"


HARD_EDITS = Edits(output_cap_tokens=3)


def test_a_plan_says_the_tier() -> None:
    """Where it is another than its caller's."""
    read = interactions.read_asked(asked(service_tier="flex"))
    assert read.service_tier == "flex"
    change = edits(Strategy(), FLASH, read, tier="priority")
    assert interactions.apply(asked(service_tier="flex"), change)["service_tier"] == "priority"
    assert edits(Strategy(), FLASH, read, tier="flex") == Edits()


# --- how it ended -----------------------------------------------------------------------

TEXT = said("hi", "model_output")
THOUGHT = {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "hm"}]}


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (done("completed", THOUGHT, TEXT), None),
        (done("completed", THOUGHT), "empty"),
        (done("requires_action", CALL), None),
        (done("incomplete", TEXT), None),
        (done("incomplete", THOUGHT), "empty"),
        (done("requires_continuation", THOUGHT), None),
        (done("budget_exceeded", TEXT), None),
        (done("budget_exceeded"), "rejected"),
        (done("cancelled", TEXT), "rejected"),
        (done("failed"), "internal"),
        (done("failed", errors=[{"code": "unavailable", "message": "m"}]), "overloaded"),
        (done("failed", errors=[{"code": "https://x/errors/resource_exhausted"}]), "quota_minute"),
        (done("in_progress"), "cut"),
        ({"error": {"code": "internal", "message": "m"}}, "internal"),
        ({}, "malformed"),
        (None, "malformed"),
        ("text", "malformed"),
    ],
)
def test_a_status_is_an_outcome(body: Any, failure: str | None) -> None:
    """In the words of observations."""
    assert interactions.read_answer(body).failure == failure


def test_a_filters_no_is_a_complete_outcome() -> None:
    """It would say no again, and its model is well."""
    for body in (
        done("failed", errors=[{"code": "invalid_request", "message": "Blocked for SAFETY."}]),
        done("completed", {"type": "model_output", "error": {"message": "PROHIBITED_CONTENT"}}),
    ):
        found = interactions.read_answer(body)
        assert found.blocked
        assert found.failure is None


def test_a_limit_that_left_nothing_is_whose_limit_it_was() -> None:
    """The caller's own, or the plan's."""
    answer = interactions.read_answer(done("incomplete", THOUGHT))
    asks = interactions.read_asked(asked(generation_config={"max_output_tokens": 5}))
    assert Sent(asked=asks).failure(answer) == "rejected"
    assert Sent(asked=asks, change=Edits(output_cap_tokens=4)).failure(answer) == "empty"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # total_input, tool_use, output, thought, total -> prompt, output, thinking
        ((10, 0, 5, 3, 18), (10, 5, 3)),
        ((10, 4, 5, 3, 22), (14, 5, 3)),
        ((10, 4, 5, 3, 18), (10, 5, 3)),
        ((10, 0, 8, 3, 18), (10, 5, 3)),
        ((10, 0, 5, 0, 18), (10, 5, 3)),
        ((10, 0, 5, 3, 0), (10, 5, 3)),
        ((10, 0, 5, 3, 11), (10, 5, 3)),
    ],
)
def test_thought_is_apart_from_output_unless_the_total_says_otherwise(
    counts: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """And what is in no part is billed as thought."""
    names = ("input", "tool_use", "output", "thought")
    usage = {
        f"total_{name}_tokens": number
        for name, number in zip(names, counts, strict=False)
        if number
    }
    found = interactions.read_usage({"usage": usage | {"total_tokens": counts[4]}})
    assert found is not None
    assert (found.prompt_tokens, found.output_tokens, found.thinking_tokens) == expected


def test_usage_says_what_was_no_text_and_what_was_searched() -> None:
    """As that of generateContent does."""
    found = interactions.read_usage(
        {
            "usage": {
                "total_input_tokens": 100,
                "total_cached_tokens": 40,
                "total_tokens": 100,
                "input_tokens_by_modality": [{"modality": "audio", "tokens": 60}],
                "grounding_tool_count": [
                    {"type": "google_search", "count": 2},
                    {"type": "google_maps", "count": 1},
                    {"type": "retrieval", "count": 9},
                ],
            }
        }
    )
    assert found is not None
    assert found.cached_tokens == 40
    assert [(each.modality, each.prompt_tokens) for each in found.media] == [("audio", 60)]
    assert (found.searches, found.maps) == (2, 1)
    assert interactions.read_usage({"usage": {}}) is None


def test_who_served_is_read() -> None:
    """Whole and in a stream; headers say the tier where the interaction does not."""
    found = interactions.read_answer(done("completed", TEXT, model="models/a", service_tier="flex"))
    assert (found.model, found.tier) == ("a", "flex")
    reader = interactions.AnswerReader(tier="priority")
    reader.add(BEGUN)
    reader.add(SAYS)
    reader.add(ends(model="b"))
    assert (reader.answer().model, reader.answer().tier) == ("b", "priority")


# --- streams ----------------------------------------------------------------------------


def event(kind: str, **members: Any) -> dict[str, Any]:
    """An event of a stream."""
    return {"event_type": kind, **members}


BEGUN = event("interaction.created", interaction={"id": "i1", "status": "in_progress"})
STARTS = event("step.start", index=0, step={"type": "model_output"})
SAYS = event("step.delta", index=0, delta={"type": "text", "text": "hi"}, event_id="e3")
THINKS = event("step.delta", index=0, delta={"type": "thought_summary", "content": {"text": "x"}})
USAGE = {"total_input_tokens": 3, "total_output_tokens": 2, "total_thought_tokens": 4}


def ends(status: str = "completed", **members: Any) -> dict[str, Any]:
    """The last one."""
    return event(
        "interaction.completed",
        interaction={"id": "i1", "status": status, "usage": USAGE} | members,
    )


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        ([BEGUN, STARTS, SAYS, ends()], None),
        ([BEGUN, STARTS, THINKS, ends()], "empty"),
        ([BEGUN, STARTS, SAYS], "cut"),
        ([BEGUN], "cut"),
        ([], "cut"),
        ([BEGUN, event("step.start", index=0, step=CALL), ends("requires_action")], None),
        (
            [BEGUN, SAYS, event("error", error={"code": "unavailable", "message": "m"})],
            "overloaded",
        ),
        ([BEGUN, event("error")], "internal"),
        ([BEGUN, {"error": {"code": 429, "message": "m"}}], "quota_minute"),
        ([BEGUN, SAYS, event("interaction.status_update", status="failed")], "internal"),
        ([BEGUN, event("something.new"), SAYS, ends()], None),
        ([BEGUN, SAYS, None], "malformed"),
    ],
)
def test_a_stream_ends_as_its_events_say(events: list[Any], failure: str | None) -> None:
    """And one without an end was cut."""
    reader = interactions.AnswerReader()
    for each in events:
        reader.add(each)
    assert reader.answer().failure == failure


def test_usage_of_a_stream_is_its_last_and_that_of_calls_that_follow_adds_up() -> None:
    """google-genai goes on by itself where an answer needs several calls."""
    reader = interactions.AnswerReader()
    reader.add(BEGUN)
    reader.add(event("step.stop", index=0, usage={"total_input_tokens": 3, "total_tokens": 3}))
    first = reader.usage
    assert first is not None
    assert first.prompt_tokens == 3
    reader.add(ends("requires_continuation"))
    assert reader.finished
    reader.add(BEGUN)
    assert not reader.finished
    reader.add(SAYS)
    reader.add(ends())
    usage = reader.answer().usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.output_tokens, usage.thinking_tokens) == (6, 4, 8)
    assert reader.content
    assert reader.event_id == "e3"


def test_a_static_answer_reads_as_one() -> None:
    """Whole and as events; and what follows it goes on from where the call did."""
    assert interactions.read_answer(interactions.static_answer("busy", "m", "i0")).failure is None
    reader = interactions.AnswerReader()
    events = interactions.static_events("busy", "m", "i0")
    for each in events:
        reader.add(each)
    assert reader.answer().failure is None
    assert {interactions.id_of(each) for each in (events[0], events[-1])} == {"i0"}


def test_events_of_this_api_are_passed_on_as_they_were_sent() -> None:
    """Names and the sentinel too, which its clients read; the chunks are the same."""
    raw = b'event: a\ndata: {"event_type":"a"}\n\n: note\n\nevent: done\ndata: [DONE]\n\nlate'
    for size in (1, 7, len(raw)):
        chunks = EventChunks(as_sent=True)
        found = [
            value
            for start in range(0, len(raw), size)
            for value in chunks.feed(raw[start : start + size])
        ]
        found += chunks.close()
        assert found == [{"event_type": "a"}]
        assert chunks.passed() == raw


# --- errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request", "rejected"),
        (429, "resource_exhausted", "quota_minute"),
        (503, "unavailable", "overloaded"),
        (500, "internal", "internal"),
        (0, "invalid_request", "rejected"),
        (0, "unavailable", "overloaded"),
        (0, "deadline_exceeded", "timeout"),
        (0, "what_is_this", "internal"),
    ],
)
def test_flat_errors_are_of_the_same_kinds(status: int, code: str, kind: str) -> None:
    """By their HTTP status, or else by their word."""
    body = {"error": {"code": code, "message": "Please retry in 12.5s."}}
    found = read_error(status, body)
    assert found.kind == kind
    assert found.retry_after_s == 12.5
