"""Interactions that were worked on: whole, as the events of a stream, and with their usage.

What is answered is what generateContent would answer to the same prompt; here it is told in steps.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..answers import Answer, Chunk, answer_of
from ..bodies import Body
from ..connections import join_next
from ..refusals import Refusal
from ..replies import Header, Scope, Send, send_part
from ..wall_upstream import Fate
from .shape import flat

__all__ = ["Event", "InteractionForm", "NamedEvents"]

_STATUSES = {"STOP": "completed", "MAX_TOKENS": "incomplete"}


class Event(NamedTuple):
    """An event of a stream.

    Attributes:
        at_s: seconds from the call's start, in scenario time.
        body: what it says.
    """

    at_s: float
    body: dict[str, Any]


class InteractionForm:
    """Answers, errors and streams in the form of one interaction (see `acting.Form`).

    Args:
        head: members that it has from the start: its name, its model, when it was made.
        shows: whether what it thought is told.
    """

    __slots__ = ("_head", "_shows")

    methods = ("createInteraction", "streamInteraction")

    def __init__(self, head: dict[str, Any], *, shows: bool) -> None:
        self._head = head
        self._shows = shows

    def answer(self, fate: Fate, body: Body, model: str, *, vertex: bool) -> InteractionAnswer:
        """Of a call that was worked on."""
        inner = answer_of(fate, body, model, vertex=vertex)
        return InteractionAnswer(inner, fate, self._head, shows=self._shows)

    def refusal(self, refusal: Refusal) -> str:
        """The body of an error response."""
        return json.dumps(flat(refusal))

    def error_inside(self, refusal: Refusal) -> str:
        """The same inside a stream."""
        return json.dumps({"event_type": "error", **flat(refusal)})

    def stream(self, scope: Scope, send: Send, *, sse: bool) -> NamedEvents:
        """A stream; there are only those of events."""
        return NamedEvents(scope, send)


class InteractionAnswer:
    """See the module.

    Args:
        inner: the same answer in the other API's words.
        fate: of the call.
        head, shows: as `InteractionForm` has them.
    """

    __slots__ = ("_fate", "_head", "_inner", "_shows")

    def __init__(self, inner: Answer, fate: Fate, head: dict[str, Any], *, shows: bool) -> None:
        self._inner = inner
        self._fate = fate
        self._head = head
        self._shows = shows

    def whole(self) -> str:
        """The response of a unary call."""
        return json.dumps(self.resource())

    def resource(self) -> dict[str, Any]:
        """The interaction once it has ended."""
        said = json.loads(self._inner.whole())
        parts = said["candidates"][0]["content"].get("parts", [])
        thought = self._thought()
        steps = [thought] if thought else []
        steps += [_step(part) for part in parts if not part.get("thought")]
        return {
            **self._head,
            "status": self._status(steps),
            "steps": steps,
            "usage": _usage(said["usageMetadata"]),
        }

    def chunks(self) -> Iterator[Chunk]:
        """The parts of a stream: events that are due at the same second, a line each."""
        due: list[Event] = []
        for event in self.events():
            if due and event.at_s != due[0].at_s:
                yield _chunk(due)
                due = []
            due.append(event)
        if due:
            yield _chunk(due)

    def events(self) -> list[Event]:
        """All events in order, as far as the call comes."""
        found: list[Event] = []

        def say(at_s: float, kind: str, **members: Any) -> None:
            body = {"event_type": kind, **members, "event_id": str(len(found) + 1)}
            found.append(Event(at_s, body))

        steps: list[dict[str, Any]] = []
        finish = ""
        for chunk in self._inner.chunks():
            said = json.loads(chunk.body)
            candidate = said["candidates"][0]
            if not found:
                self._begin(say, chunk.at_s, steps)
            for part in candidate["content"].get("parts", []):
                if not part.get("thought"):
                    _tell(say, chunk.at_s, part, steps)
            finish = candidate.get("finishReason", "")
            usage = _usage(said["usageMetadata"])
            if finish:
                if steps and steps[-1]["type"] != "thought":
                    say(chunk.at_s, "step.stop", index=len(steps) - 1, usage=usage)
                ended = {**self._head, "status": self._status(steps), "usage": usage}
                say(chunk.at_s, "interaction.completed", interaction=ended)
        return found

    def _begin(self, say: Any, at_s: float, steps: list[dict[str, Any]]) -> None:
        running = {**self._head, "status": "in_progress"}
        say(at_s, "interaction.created", interaction=running)
        say(
            at_s,
            "interaction.status_update",
            interaction_id=self._head["id"],
            status="in_progress",
        )
        thought = self._thought()
        if thought is None:
            return
        steps.append(thought)
        say(at_s, "step.start", index=0, step={"type": "thought"})
        for content in thought.get("summary", []):
            delta = {"type": "thought_summary", "content": content}
            say(at_s, "step.delta", index=0, delta=delta)
        signature = {"type": "thought_signature", "signature": thought["signature"]}
        say(at_s, "step.delta", index=0, delta=signature)
        say(at_s, "step.stop", index=0)

    def _thought(self) -> dict[str, Any] | None:
        if not self._fate.thought:
            return None
        signature = f"mock signature of {self._head['model']}, call {self._fate.request}"
        found: dict[str, Any] = {
            "type": "thought",
            "signature": base64.b64encode(signature.encode()).decode(),
        }
        if self._shows:
            found["summary"] = [{"type": "text", "text": "Weighing what is asked."}]
        return found

    def _status(self, steps: list[dict[str, Any]]) -> str:
        if any(step["type"] == "function_call" for step in steps):
            return "requires_action"
        # Cut short is all that a whole answer without a reason can be.
        return _STATUSES.get(self._inner.finish_reason or "", "incomplete")


def _step(part: dict[str, Any]) -> dict[str, Any]:
    call = part.get("functionCall")
    if call is None:
        return {"type": "model_output", "content": [{"type": "text", "text": part["text"]}]}
    name = call["name"]
    return {"type": "function_call", "id": f"call-{name}", "name": name, "arguments": call["args"]}


def _tell(say: Any, at_s: float, part: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    step = _step(part)
    calls = step["type"] == "function_call"
    if calls or not steps or steps[-1]["type"] != "model_output":
        steps.append(step)
        began = {**step, "arguments": {}} if calls else {**step, "content": []}
        say(at_s, "step.start", index=len(steps) - 1, step=began)
    delta = (
        {"type": "arguments_delta", "arguments": json.dumps(step["arguments"])}
        if calls
        else {"type": "text", "text": part["text"]}
    )
    say(at_s, "step.delta", index=len(steps) - 1, delta=delta)


def _usage(said: dict[str, Any]) -> dict[str, Any]:
    """Usage in this API's words; thought is apart from output, and total is the sum."""
    prompt = said["promptTokenCount"]
    found = {
        "total_input_tokens": prompt,
        "input_tokens_by_modality": [{"modality": "text", "tokens": prompt}],
        "total_output_tokens": said.get("candidatesTokenCount", 0),
        "total_thought_tokens": said.get("thoughtsTokenCount", 0),
        "total_tokens": said["totalTokenCount"],
    }
    cached = said.get("cachedContentTokenCount", 0)
    return found | ({"total_cached_tokens": cached} if cached else {})


def _chunk(due: list[Event]) -> Chunk:
    return Chunk(due[0].at_s, "\n".join(json.dumps(event.body) for event in due))


class NamedEvents:
    """A stream of events that have names and end with a sentinel, unless they are cut.

    Args:
        scope, send: of the request.
    """

    __slots__ = ("_begun", "_over", "_scope", "_send")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._begun = False
        self._over = False

    async def write(self, line: str, headers: Sequence[Header] = ()) -> None:
        """Send events, a line of JSON each; the head with the first."""
        await self._begin(headers)
        part = ""
        for each in line.split("\n"):
            name = _name(each)
            self._over = self._over or name in ("interaction.completed", "error")
            part += f"event: {name}\ndata: {each}\n\n"
        await send_part(self._send, part.encode())

    async def end(self) -> None:
        """End the stream."""
        await self._begin(())
        last = b"event: done\ndata: [DONE]\n\n" if self._over else b""
        await self._send({"type": "http.response.body", "body": last})

    async def _begin(self, headers: Sequence[Header]) -> None:
        if not self._begun:
            self._begun = True
            join_next(self._scope)
            kind = (b"content-type", b"text/event-stream")
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": [kind, *headers]}
            )


def _name(line: str) -> str:
    """Name of an event; one that is broken has that of a part."""
    try:
        return str(json.loads(line)["event_type"])
    except (ValueError, KeyError, TypeError):
        return "step.delta"
