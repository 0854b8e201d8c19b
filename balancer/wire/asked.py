"""What a caller asked for, as far as a plan has to respect it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from balancer.core.catalog import LEVEL_TOKENS, Catalog, Thinking

from .media import find_media, most_media, read_fees
from .members import child, is_object, member
from .models import bare_model, find_card
from .needs import kinds_of, read_needs
from .tiers import read_tier

__all__ = ["Asked", "answers_a_tool", "completed", "estimate_tokens", "read_asked"]

_LEAST_MEDIA_TOKENS = 258  # a small image
_BYTES_PER_MEDIA_TOKEN = 512  # speech at 128 kbit/s makes 32 tokens a second
_TOOL_MODES = ("ANY", "VALIDATED")
_MEDIA = ("IMAGE", "AUDIO", "VIDEO")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a caller asked for in one call.

    Most of it is read from the call (`read_asked`, `completed`); an application that drives the
    runtime by itself says what it knows.

    Attributes:
        model: the model's own name (`bare_model`), which a plan may move to another one, see
            `balancer.core.routes`. "": the one that the policy's normal names, or else
            `CallSettings.model`.
        prompt_tokens: about how many the prompt has, for the budget and for calls whose usage
            never comes; about 4 characters of English a token.
        output_cap_tokens: the caller's own `maxOutputTokens`; a plan never raises it.
        min_output_tokens: least room for the answer, thinking not counted, that the caller
            declares to need; no plan's cap leaves less, and a budget that cannot afford it
            refuses the call.
        thinking: the caller's own budget or level, which a plan only ever lowers; None leaves it
            to the model.
        usual_thinking: what the model that was asked for does where a call says nothing, so that
            another one may be told to; None: it is not known.
        ended: the model that was asked for has: what was said of thinking was meant for it, and
            is fitted to the one that serves it.
        timeout_s: the caller's own deadline of an attempt, in scenario seconds; a plan only ever
            shortens it.
        structured: the answer has to keep to a format.
        forced: the answer has to be a call of a function.
        shown: the answer is to hold images or speech.
        free_text: a static answer may stand in for one, as far as the fields beside it allow: the
            request is one that a model would take.
        needs_tools: the call means nothing without its tools.
        pinned: the call goes with what Google keeps for one model (cached content, an answer
            to be continued): neither its model nor its instruction can change.
        levels_only: the API it goes through takes levels of thinking, and no budgets.
        as_is: nothing of it can be changed: it asks an agent, which has settings of its own.
        service_tier: the tier that it asks for; None: it says nothing.
        takes_tiers: whether a plan may say the tier; not so where it stands in headers (Vertex AI).
        needs: what it uses, in the words of `ModelCard.lacks`, and
            `balancer.core.routes.RUNNING_TURN`: no model is tried that lacks it.
        project: whose bill it goes on, by any name: calls of a project that the upstream has
            closed are held back together.
        shape: names the members that the request has; asked only while the edits of some kind of
            request are withdrawn. None: all requests are alike.
        media: modalities of the prompt beside text (`balancer.core.surcharges.MODALITIES`), and
            the most tokens that each may come to: a budget holds money for them at their price.
        fees: what the call may be charged for beside its tokens, of
            `balancer.core.surcharges.FEES`.
    """

    model: str = ""
    prompt_tokens: int = 0
    output_cap_tokens: int | None = None
    min_output_tokens: int | None = None
    thinking: Thinking | None = None
    usual_thinking: Thinking | None = None
    ended: bool = False
    timeout_s: float | None = None
    structured: bool = False
    forced: bool = False
    shown: bool = False
    free_text: bool = True
    needs_tools: bool = False
    pinned: bool = False
    levels_only: bool = False
    as_is: bool = False
    service_tier: str | None = None
    takes_tiers: bool = True
    needs: frozenset[str] = frozenset()
    project: str = ""
    shape: Callable[[], str] | None = None
    media: tuple[tuple[str, int], ...] = ()
    fees: frozenset[str] = frozenset()

    @property
    def tearable(self) -> bool:
        """Whether an answer that is cut short is of no use. A plan's cap could tear it, so one is
        set only where `min_output_tokens` says how much the answer needs.
        """
        return self.structured or self.forced or self.shown

    @property
    def takes_text(self) -> bool:
        """Whether any text is an answer, so that a static one may stand in for it."""
        return self.free_text and not (self.tearable or self.needs_tools)


def completed(
    asked: Asked,
    catalog: Catalog,
    *,
    timeout_s: float | None,
    plausible: bool,
    project: str,
    shape: Callable[[], str],
) -> Asked:
    """What was asked for, with what is known beside the call's body.

    A dated version of a model that the catalog knows goes by the catalog's name, and is sent as
    it was written.

    Args:
        asked: as it was read.
        catalog: of models.
        timeout_s: the caller's own deadline of an attempt, in scenario seconds.
        plausible: a model would take the request.
        project: whose bill it goes on.
        shape: names the members that the request has.
    """
    card = find_card(catalog, asked.model)
    return replace(
        asked,
        model=asked.model if card is None else card.name,
        usual_thinking=None if card is None else card.default_thinking,
        ended=card is not None and catalog.known(asked.model) is not card,
        timeout_s=timeout_s,
        free_text=plausible,
        project=project,
        shape=shape,
    )


def read_asked(
    body: Any,
    model: str = "",
    *,
    min_output_tokens: int | None = None,
    needs_tools: bool = False,
    prompt_tokens: int | None = None,
    kinds: Iterable[str] | None = None,
    answers_tool: bool | None = None,
) -> Asked:
    """What a request body asks for; odd values count as not said.

    Args:
        body: of generateContent or streamGenerateContent.
        model: from the path.
        min_output_tokens: what the caller declares beside the body.
        needs_tools: the same. A call that must use a tool, and one that answers a tool's
            call, need theirs without saying so.
        prompt_tokens: where the caller knows better than an estimate of the body.
        kinds, answers_tool: kinds of what the prompt holds, and whether it ends in the result
            of a function call, where the contents are not in the body.
    """
    generation = child(body, "generationConfig")
    calling = child(child(body, "toolConfig"), "functionCallingConfig")
    structured = _structured(generation)
    media = tuple(find_media(body))
    if kinds is None:
        kinds = kinds_of(media)
    if answers_tool is None:
        answers_tool = answers_a_tool(member(body, "contents"))
    forced = str(member(calling, "mode")).upper() in _TOOL_MODES
    return Asked(
        model=bare_model(model),
        prompt_tokens=estimate_tokens(body) if prompt_tokens is None else prompt_tokens,
        output_cap_tokens=_whole(member(generation, "maxOutputTokens"), least=1),
        min_output_tokens=min_output_tokens,
        thinking=_thinking(child(generation, "thinkingConfig")),
        structured=structured,
        forced=forced,
        shown=_holds_media(generation),
        needs_tools=needs_tools or forced or answers_tool or _uses_computers(member(body, "tools")),
        pinned=bool(member(body, "cachedContent") or member(body, "continuationToken")),
        service_tier=read_tier(member(body, "serviceTier")),
        needs=read_needs(body, kinds=kinds, answers_tool=answers_tool, structured=structured),
        media=most_media(media, prompt_tokens),
        fees=read_fees(member(body, "tools")),
    )


def answers_a_tool(contents: Any) -> bool:
    """Whether a conversation ends in the result of a function call."""
    last = contents[-1] if isinstance(contents, list) and contents else contents
    parts = member(last, "parts")
    return isinstance(parts, list) and any(
        member(part, "functionResponse") is not None for part in parts
    )


def estimate_tokens(body: Any) -> int:
    """About how many tokens a prompt has: one for four bytes of text, more for media.

    Four characters a token is the usual figure for English; counting bytes of UTF-8 holds up
    for other scripts too.

    Args:
        body: a request body, or a part of one.
    """
    text = media = 0
    for key, value in _leaves(body):
        if key == "data" and len(value) > 4 * _LEAST_MEDIA_TOKENS:
            media += max(_LEAST_MEDIA_TOKENS, len(value) * 3 // 4 // _BYTES_PER_MEDIA_TOKEN)
        elif key in ("fileUri", "file_uri"):
            media += _LEAST_MEDIA_TOKENS
        elif key not in ("role", "mimeType", "mime_type", "thoughtSignature", "thought_signature"):
            text += len(value) if value.isascii() else len(value.encode(errors="replace"))
    return -(-text // 4) + media


def _leaves(body: Any) -> Iterator[tuple[str, str]]:
    """Texts of what a model reads, each with the name of the member that holds it."""
    if not is_object(body):
        return
    names = ("contents", "systemInstruction", "tools")
    stack: list[tuple[str, Any]] = [(name, member(body, name)) for name in names]
    while stack:
        key, value = stack.pop()
        if isinstance(value, str):
            yield key, value
        elif is_object(value):
            stack.extend((str(inner), item) for inner, item in value.items())
        elif isinstance(value, list):
            stack.extend((key, item) for item in value)


def _structured(generation: Mapping[str, Any]) -> bool:
    mime = str(member(generation, "responseMimeType") or "").lower()
    return (
        mime not in ("", "text/plain")
        or bool(member(generation, "responseSchema"))
        or bool(member(generation, "responseJsonSchema"))
    )


def _holds_media(generation: Mapping[str, Any]) -> bool:
    modalities = member(generation, "responseModalities")
    words = modalities if isinstance(modalities, list) else [modalities]
    return (
        any(str(word).upper() in _MEDIA for word in words)
        or member(generation, "speechConfig") not in (None, False)
        or member(generation, "imageConfig") not in (None, False)
    )


def _uses_computers(tools: Any) -> bool:
    """The models that use computers are refused without their tool."""
    return isinstance(tools, list) and any(
        member(tool, "computerUse") is not None for tool in tools
    )


def _thinking(config: Mapping[str, Any]) -> Thinking | None:
    level = member(config, "thinkingLevel")
    if isinstance(level, str) and level.upper() in LEVEL_TOKENS:
        return level.upper()
    return _whole(member(config, "thinkingBudget"), least=-1)


def _whole(value: Any, least: int) -> int | None:
    if isinstance(value, str):
        try:
            value = json.loads(value[:20])
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        return None
    return value
