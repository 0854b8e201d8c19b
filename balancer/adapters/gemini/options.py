"""What a caller says about one call, beside what it asks of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Any

from balancer.core.errors import MisuseError, nearest
from balancer.core.modes import Priority

__all__ = [
    "ATTEMPT_HEADER",
    "KEY_HEADER",
    "MODE_HEADER",
    "OWN_HEADERS",
    "PRIORITY_HEADER",
    "REQUEST_HEADER",
    "SESSION_HEADER",
    "CallOptions",
    "balancing",
    "options_of",
]

PRIORITY_HEADER = "x-open-balancer-priority"
KEY_HEADER = "x-open-balancer-key"
SESSION_HEADER = "x-open-balancer-session"
REQUEST_HEADER = "x-open-balancer-request"
ATTEMPT_HEADER = "x-open-balancer-attempt"
MODE_HEADER = "x-open-balancer-mode"
OWN_HEADERS = frozenset(
    (PRIORITY_HEADER, KEY_HEADER, SESSION_HEADER, REQUEST_HEADER, ATTEMPT_HEADER)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What a caller says about one call. None leaves it to whoever said it further out.

    Attributes:
        priority: low, normal (the default) or high.
        key: tenant, for budgets of a key.
        session: name of the conversation, for the tokens of a session; it goes nowhere.
        min_output_tokens: least room that the answer needs, thinking not counted.
        needs_tools: the call means nothing without its tools.
        prompt_tokens: how many the prompt has, where the caller knows; a hard budget reserves
            by it. Otherwise it is estimated from the contents.
        request: index of the request in a scenario, for load tests; sent on as a header, and
            the attempt's number with it.

    Raises:
        MisuseError: an unknown priority, a number that is negative, or a name that cannot be
            written.
    """

    priority: Priority | str | None = None
    key: str | None = None
    session: str | None = None
    min_output_tokens: int | None = None
    needs_tools: bool | None = None
    prompt_tokens: int | None = None
    request: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.priority, str):
            object.__setattr__(self, "priority", _priority(self.priority))
        for name in ("min_output_tokens", "prompt_tokens", "request"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise MisuseError(f"{name} is {value!r}; expected a whole number from 0 on")

        for name in ("key", "session"):
            value = getattr(self, name)
            if isinstance(value, str) and not _is_written(value):
                raise MisuseError(f"{name} is {value!r}; expected text, without half characters")

    @property
    def level(self) -> Priority:
        """The priority that counts."""
        return self.priority if isinstance(self.priority, Priority) else Priority.NORMAL

    def inside(self, outer: CallOptions) -> CallOptions:
        """These options where they say something, and the outer ones where they do not."""
        own = {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        return replace(outer, **own)


def _is_written(text: str) -> bool:
    """Whether it can be written anywhere, as metrics and journals are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _priority(name: str) -> Priority:
    priorities = {priority.label: priority for priority in Priority}
    match = priorities.get(name.strip().lower())
    if match is None:
        raise MisuseError(
            f"unknown priority {name!r}{nearest(name, priorities)}; expected low, normal or high"
        )
    return match


_NOTHING = CallOptions()
_current: ContextVar[CallOptions] = ContextVar("balancing", default=_NOTHING)


@contextmanager
def balancing(
    *,
    priority: Priority | str | None = None,
    key: str | None = None,
    session: str | None = None,
    min_output_tokens: int | None = None,
    needs_tools: bool | None = None,
    prompt_tokens: int | None = None,
    request: int | None = None,
) -> Iterator[None]:
    """Say something about all calls made inside the block, in this thread or task.

    Blocks nest: an inner one changes what it names. Arguments are those of `CallOptions`.
    """
    options = CallOptions(
        priority=priority,
        key=key,
        session=session,
        min_output_tokens=min_output_tokens,
        needs_tools=needs_tools,
        prompt_tokens=prompt_tokens,
        request=request,
    )
    token = _current.set(options.inside(_current.get()))
    try:
        yield
    finally:
        _current.reset(token)


def options_of(own: CallOptions | None, headers: Mapping[str, Any] | None) -> CallOptions:
    """Options of a call: its argument, then the block around it, then headers of its config.

    A header that makes no sense is passed over: it may come from a user.
    """
    options = _current.get()
    if own is not None:
        options = own.inside(options)
    return options.inside(_from_headers(headers)) if headers else options


def _from_headers(headers: Mapping[str, Any]) -> CallOptions:
    values = {name.lower(): str(value) for name, value in headers.items()}
    priority = values.get(PRIORITY_HEADER, "").strip().lower()
    index = values.get(REQUEST_HEADER, "").strip()
    return CallOptions(
        priority=priority if priority in {level.label for level in Priority} else None,
        key=values.get(KEY_HEADER),
        session=values.get(SESSION_HEADER),
        request=int(index) if index.isascii() and index.isdigit() and len(index) < 19 else None,
    )
