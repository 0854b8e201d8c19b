"""What a caller gave for one call, and each attempt that a plan makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from google.genai import types

from balancer.runtime.attempts import Attempt
from balancer.runtime.balancer import Balancer
from balancer.runtime.requests import Request
from balancer.runtime.watched import Watched
from balancer.wire import (
    Answer,
    AnswerReader,
    Asked,
    AttemptPlan,
    Sent,
    Usage,
    bare_model,
    completed,
    header_tier,
    plan_attempt,
    read_answer,
)
from balancer.wire.interactions import AnswerReader as InteractionReader

from .asking import automatic, is_plausible, read_call, shape
from .editing import Sending, edited, http_options
from .extra_bodies import extra_body_of, rewritten
from .mending import Traffic
from .options import CallOptions, options_of
from .outcomes import header_tier_of, value
from .shed import static_response

__all__ = ["Given", "Scorer", "Wrapping"]

Scorer = Callable[[dict[str, Any], Any], float]
"""Gives an answer a quality from 0 to 1. It gets the call's arguments (model, contents, config; of
an interaction those of `create`) and the response.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """What all calls of a wrapped client share.

    Attributes:
        balancer: decides.
        timeout_s: the client's own deadline of a request, in wall seconds; None is none.
        retries: whether the client retries by itself.
        project: whose bill its calls go on, by any name.
        scorer: gives answers a quality, or None.
        chat: they are those of the client's chats.
        watched: its calls whose outcome is told later.
        vertex: the client is one of Vertex AI.
        headers: that the client sends with every call.
        extra_body: members that the client lays over the body of every call.
    """

    balancer: Balancer
    timeout_s: float | None = None
    retries: bool = False
    project: str = ""
    scorer: Scorer | None = None
    chat: bool = False
    watched: Watched = field(default_factory=Watched)
    vertex: bool = False
    headers: Mapping[str, str] | None = None
    extra_body: Any = None


class Given:
    """See the module; of generateContent, and what is the same for interactions.

    Args:
        wrapping: of the client.
        model, contents, config: the caller's arguments.
        options: the caller's, beside them.
        times_itself: whoever drives the call keeps its deadline alone. Over aiohttp one of the HTTP
            client's own is a total, in which a stream's reader has to be done, too.

    Attributes:
        options: of the caller, those in headers included.
        asked: what the call asks for.
        automatic: whether the SDK may call functions by itself.
        sent: what went upstream last.

    Raises:
        pydantic.ValidationError: the config is none.
    """

    __slots__ = (
        "_extra", "_http", "_times_itself", "_wrapping", "asked", "automatic", "config",
        "contents", "model", "options", "sent",
    )  # fmt: skip

    def __init__(
        self,
        wrapping: Wrapping,
        model: str,
        contents: Any,
        config: types.GenerateContentConfigOrDict | None,
        options: CallOptions | None,
        *,
        times_itself: bool = False,
    ) -> None:
        self._wrapping = wrapping
        self._times_itself = times_itself
        self.model = model
        self.contents = contents
        self.config = (
            types.GenerateContentConfig.model_validate(config)
            if isinstance(config, dict)
            else config
        )
        http = self.config.http_options if self.config is not None else None
        self._http = types.HttpOptions.model_validate(http) if isinstance(http, dict) else http
        self.options = options_of(options, self._http.headers if self._http is not None else None)
        extra = self._extra = extra_body_of(self._http, wrapping.extra_body)
        asked = read_call(model, contents, self.config, self.options, extra)
        if wrapping.vertex:
            asked = replace(asked, service_tier=self._header_tier(), takes_tiers=False)
        self.automatic = automatic(self.config)
        plausible = is_plausible(contents, self.config, extra)
        self._complete(asked, plausible=plausible, shape=partial(shape, self.config, extra))

    def _complete(self, asked: Asked, *, plausible: bool, shape: Callable[[], str]) -> None:
        """Add what is known beside the request itself."""
        balancer, own_s = self._wrapping.balancer, self.own_timeout_s()
        self.asked = completed(
            asked,
            balancer.catalog,
            timeout_s=None if own_s is None else own_s * balancer.clock.speed,
            plausible=plausible,
            project=self._wrapping.project,
            shape=shape,
        )
        self.sent = Sent(asked=self.asked)

    def _header_tier(self) -> str | None:
        """The tier that the call asks Vertex AI for, which takes it in headers."""
        own = self._http.headers if self._http is not None else None
        headers = {**(self._wrapping.headers or {}), **(own or {})}
        return header_tier({name.lower(): str(text) for name, text in headers.items()})

    @property
    def arguments(self) -> dict[str, Any]:
        """As the caller gave them."""
        return {"model": self.model, "contents": self.contents, "config": self.config}

    # --- the API's words ----------------------------------------------------------------

    @property
    def untimed(self) -> bool:
        """Whether how long it takes says nothing."""
        return False

    def reader(self, tier: str | None = None) -> AnswerReader | InteractionReader:
        """Reads an answer chunk by chunk, in the tier that its headers say."""
        return AnswerReader(tier=tier)

    def tier_of(self, response: Any) -> str | None:
        """The tier that the headers of a response or of its first chunk say."""
        return header_tier_of(response)

    def value(self, response: Any) -> Any:
        """A response or a chunk as the JSON value that is read."""
        return value(response)

    def read(self, body: Any, tier: str | None = None) -> Answer:
        """How a whole answer ended."""
        return read_answer(body, tier)

    def spent_in(self, error: BaseException) -> Usage | None:
        """What an attempt had used that raised; None where the error does not say."""
        return None

    def holds(self, body: Any, reader: Any) -> bool:
        """Whether a chunk holds something for the caller."""
        return any(candidate["content"]["parts"] for candidate in body["candidates"])

    def later(self, _: Any) -> str:
        """Name by which the outcome is to be asked for later; "" where it is known now."""
        return ""

    def static(self, text: str, *, streamed: bool) -> list[Any]:
        """A static answer: itself, or as chunks."""
        return [static_response(text, chat=self._wrapping.chat)]

    # --- attempts -----------------------------------------------------------------------

    def sending(self, request: Request, attempt: Attempt) -> Any:
        """An attempt as it is to be made: under the plan, or as asked where none is enforced, but
        for the cap of a hard budget.
        """
        model, contents, config = self.model, self.contents, self.config
        extra, timeout_s = self._extra, None
        if request.enforced or attempt.is_held:
            plan = self.plan(request, attempt)
            model, contents, config = edited(model, contents, config, plan.edits)
            extra = rewritten(extra, plan.edits)
            changed = (
                model != self.model
                or contents is not self.contents
                or config is not self.config
                or extra is not self._extra
            )
            self.sent = plan.sent(changed=changed)
            timeout_s = self.timeout_s(attempt) if request.enforced else None
        attempt.sent = bare_model(model)
        http = http_options(
            self._http,
            timeout_s=timeout_s,
            own_retries_only=self._retries(request) or (request.enforced and not self._own_retries),
            request=self.options.request,
            attempt=attempt.number,
            extra_body=None if extra is self._extra else extra,
            told_only=self._times_itself,
        )
        if http is not self._http:
            config = (config or types.GenerateContentConfig()).model_copy(
                update={"http_options": http}
            )
        return Sending(model=model, contents=contents, config=config, timeout_s=timeout_s)

    def traffic(self) -> Traffic:
        """Sees what is sent for an attempt."""
        return Traffic(own_retries=self._own_retries, retry_options=self._retry_options)

    def plan(self, request: Request, attempt: Attempt) -> AttemptPlan:
        """What the plan makes of the request for an attempt."""
        catalog = self._wrapping.balancer.catalog
        return plan_attempt(self.asked, request.plan.strategy, catalog, attempt)

    def timeout_s(self, attempt: Attempt) -> float | None:
        """The attempt's deadline in wall seconds; the caller's own where that is shorter."""
        own_s = self.own_timeout_s()
        if attempt.timeout_s is None:
            return own_s
        planned_s = self._wrapping.balancer.clock.wall_s(attempt.timeout_s)
        return planned_s if own_s is None else min(planned_s, own_s)

    @property
    def _retry_options(self) -> types.HttpRetryOptions | None:
        """How the SDK is to try this call again, where its caller said so for it alone."""
        return self._http.retry_options if self._http is not None else None

    @property
    def _own_retries(self) -> bool:
        """Whether the caller has the SDK try again, for this call or for all of the client's."""
        return self._wrapping.retries or self._retry_options is not None

    def _retries(self, request: Request) -> bool:
        """Whether retries are ours. One layer makes them: a strategy that says something about
        them, or else whoever the application says does.
        """
        if not request.enforced:
            return False
        strategy = request.plan.strategy
        return (
            strategy.retries is not None
            or bool(strategy.fallback_models)
            or self._wrapping.balancer.settings.retries > 0
        )

    def own_timeout_s(self) -> float | None:
        """The caller's deadline of an attempt, or the client's, in wall seconds."""
        own_ms = self._http.timeout if self._http is not None else None
        return self._wrapping.timeout_s if own_ms is None else own_ms / 1000
