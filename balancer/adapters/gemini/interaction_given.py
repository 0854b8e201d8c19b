"""What a caller gave for one interaction, and each attempt that a plan makes of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from balancer.runtime.attempts import Attempt
from balancer.runtime.requests import Request
from balancer.wire import Answer, Usage, bare_model, interactions

from .given import Given, Wrapping
from .interaction_values import plain
from .mending import Traffic
from .options import ATTEMPT_HEADER, OWN_HEADERS, REQUEST_HEADER, CallOptions, options_of
from .shed import FALLBACK_MODEL

__all__ = ["InteractionGiven", "InteractionSending", "once"]

_BESIDE = (
    "api_version", "extra_headers", "extra_query", "extra_body", "timeout",
    "automatic_continuation",
)  # fmt: skip
"""Arguments of `create` that are no members of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionSending:
    """One attempt, as it is to be made.

    Attributes:
        arguments: of the SDK's `create`.
        once: whether the SDK's own retries are to be off.
        timeout_s: our own deadline, in wall seconds; None is none.
    """

    arguments: dict[str, Any]
    once: bool
    timeout_s: float | None


class InteractionGiven(Given):
    """See the module.

    Args:
        wrapping: of the client.
        arguments: of `create`, as its caller gave them.
        options: the caller's, beside them.
    """

    __slots__ = ("_beside", "_body", "_given", "_plain")

    def __init__(
        self, wrapping: Wrapping, arguments: Mapping[str, Any], options: CallOptions | None
    ) -> None:
        self._wrapping = wrapping
        self._given = dict(arguments)
        self._beside, self._body = _parts(arguments)
        headers = self._beside.get("extra_headers")
        self.options = options_of(options, headers)
        # Members that are given beside the others go before them, as they do when they are sent.
        self._plain = plain({**self._body, **(self._beside.get("extra_body") or {})})
        self.automatic = False
        asked = interactions.read_asked(
            self._plain,
            min_output_tokens=self.options.min_output_tokens,
            needs_tools=bool(self.options.needs_tools),
            prompt_tokens=self.options.prompt_tokens,
        )
        plausible = interactions.is_plausible(self._plain)
        shape = partial(interactions.shape_of, self._plain)
        self._complete(asked, plausible=plausible, shape=shape)

    @property
    def arguments(self) -> dict[str, Any]:
        """As the caller gave them."""
        return self._given

    # --- the API's words ----------------------------------------------------------------

    @property
    def untimed(self) -> bool:
        """Whether how long it takes says nothing: an agent works as long as it likes."""
        return self.asked.as_is

    def reader(self, tier: str | None = None) -> interactions.AnswerReader:
        """Reads an answer event by event."""
        return interactions.AnswerReader(tier=tier)

    def tier_of(self, response: Any) -> str | None:
        """The SDK hands out no headers of interactions."""
        return None

    def value(self, response: Any) -> Any:
        """A response or an event as the JSON value that is read."""
        return plain(response)

    def read(self, body: Any, tier: str | None = None) -> Answer:
        """How a whole answer ended."""
        return interactions.read_answer(body, tier)

    def spent_in(self, error: BaseException) -> Usage | None:
        """Usage of the calls before the one that raised, of an interaction that takes several."""
        return interactions.read_usage(plain(getattr(error, "partial_interaction", None)))

    def holds(self, body: Any, reader: Any) -> bool:
        """Whether anything for the caller has come by now."""
        return bool(reader.content)

    def later(self, body: Any) -> str:
        """Name of an interaction in the background; "" where the outcome is known now."""
        if not interactions.is_background(self._plain):
            return ""
        holder = body.get("interaction", body) if isinstance(body, dict) else body
        return interactions.id_of(holder) if interactions.is_pending(holder) else ""

    def static(self, text: str, *, streamed: bool) -> list[Any]:
        """A static answer: itself, or as the events of a stream."""
        from google.genai import interactions as sdk  # large, and seldom needed

        previous = interactions.previous_of(self._plain)
        if not streamed:
            answer = interactions.static_answer(text, FALLBACK_MODEL, previous)
            return [sdk.Interaction.model_validate(answer)]
        events = interactions.static_events(text, FALLBACK_MODEL, previous)
        kinds: tuple[Any, ...] = (
            sdk.InteractionCreatedEvent,
            sdk.StepStart,
            sdk.StepDelta,
            sdk.StepStop,
            sdk.InteractionCompletedEvent,
        )
        return [kind.model_validate(each) for kind, each in zip(kinds, events, strict=True)]

    # --- attempts -----------------------------------------------------------------------

    def sending(self, request: Request, attempt: Attempt) -> InteractionSending:
        """An attempt as it is to be made: under the plan, or as asked where none is enforced, but
        for the cap of a hard budget.
        """
        body, beside = dict(self._body), dict(self._beside)
        timeout_s = None
        if request.enforced or attempt.is_held:
            plan = self.plan(request, attempt)
            new = interactions.apply(self._plain, plan.edits)
            changed = new is not self._plain
            if changed:
                body, beside["extra_body"] = self._with(new)
            self.sent = plan.sent(changed=changed)
        if request.enforced:
            timeout_s = self.own_timeout_s() if self.untimed else self.timeout_s(attempt)
        model = interactions.model_of({**body, **(beside.get("extra_body") or {})})
        attempt.sent = bare_model(model) or attempt.model
        if timeout_s is not None:
            beside["timeout"] = timeout_s
        beside["extra_headers"] = self._headers(attempt)
        arguments = {name: value for name, value in beside.items() if value is not None}
        return InteractionSending(
            arguments=body | arguments, once=self._retries(request), timeout_s=timeout_s
        )

    def traffic(self) -> Traffic:
        """There is no place to see what is sent."""
        traffic = Traffic()
        traffic.sent = None
        return traffic

    def _with(self, new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The body's members and those beside it, where some have changed."""
        body: dict[str, Any] = {}
        more: dict[str, Any] = {}
        extra = self._beside.get("extra_body") or {}
        for name, value in new.items():
            same = value is self._plain.get(name)
            if name in extra:
                more[name] = extra[name] if same else value
            elif not same and name == "input" and isinstance(self._body[name], list):
                # What the SDK was given, for it takes more than JSON.
                body[name] = self._body[name][-len(value) :]
            else:
                body[name] = self._body[name] if same else value
        return body, more or None

    def _headers(self, attempt: Attempt) -> dict[str, Any] | None:
        headers = self._beside.get("extra_headers") or {}
        # What a caller tells us in headers is not for the upstream.
        sent = {name: text for name, text in headers.items() if name.lower() not in OWN_HEADERS}
        if self.options.request is not None:
            sent[REQUEST_HEADER] = str(self.options.request)
            sent[ATTEMPT_HEADER] = str(attempt.number)
        return sent or None

    def own_timeout_s(self) -> float | None:
        """The caller's deadline, or the client's, in wall seconds."""
        own = self._beside.get("timeout")
        if isinstance(own, int | float) and not isinstance(own, bool):
            return float(own)
        return self._wrapping.timeout_s


def _parts(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments beside the body, and the body's members; a request as one object is taken apart."""
    beside = {name: arguments[name] for name in _BESIDE if arguments.get(name) is not None}
    body = {name: value for name, value in arguments.items() if name not in _BESIDE}
    request = body.pop("request", None)
    if request is not None:
        whole = _members(request)
        body = _members(whole.pop("body", None))
        beside = {name: whole[name] for name in _BESIDE if whole.get(name) is not None} | beside
    return beside, {name: value for name, value in body.items() if value is not None}


def _members(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    members = vars(value) if hasattr(value, "model_fields_set") else {}
    return {name: each for name, each in members.items() if each is not None}


def once(resource: Any) -> Any:
    """The SDK's resource without its own retries: it makes up to four where nobody asked for any.

    The object itself, where a version of the SDK keeps them elsewhere.
    """
    settings = getattr(resource, "sdk_configuration", None)
    retries = getattr(settings, "retry_config", None)
    if retries is None or not getattr(retries, "max_retries", None):
        return resource
    quiet = copy.copy(retries)
    quiet.max_retries = 0
    copied = copy.copy(resource)
    copied.sdk_configuration = copy.copy(settings)
    copied.sdk_configuration.retry_config = quiet
    return copied
