"""What Datadog, or the way to it, can refuse: one line each, and a state that stands for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from ...core.errors import BalancerError

__all__ = ["DatadogError", "Trouble", "error_of_status"]


class Trouble(Enum):
    """Why Datadog did not do what it was asked."""

    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    LIMITED = "limited"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


class DatadogError(BalancerError):
    """Datadog did not do what it was asked; what the controller does goes on without it.

    Args:
        trouble: why.
        problem: one sentence, without secrets.
        wait_s: when to ask again, where Datadog says so.
    """

    def __init__(self, trouble: Trouble, problem: str, wait_s: float | None = None) -> None:
        super().__init__(trouble, problem, wait_s)
        self.trouble = trouble
        self.problem = problem
        self.wait_s = wait_s

    @property
    def unknown_outcome(self) -> bool:
        """Whether the request may have had its effect all the same."""
        return self.trouble in (Trouble.UNAVAILABLE, Trouble.TIMEOUT)

    def hide(self, secrets: Iterable[str]) -> None:
        """Take secrets out of what is said."""
        for secret in secrets:
            if len(secret) < 6:
                continue  # no secret, and a part of any word
            self.problem = self.problem.replace(secret, "***")
        self.args = (self.trouble, self.problem, self.wait_s)

    def __str__(self) -> str:
        return f"Datadog: {self.problem}"


def error_of_status(
    status: int, body: object, headers: Mapping[str, str], what: str, host: str
) -> DatadogError:
    """The error that an HTTP answer stands for."""
    reason = _said(body)
    if status == 401:
        return DatadogError(
            Trouble.UNAUTHORISED,
            f"{what}: the API key was not accepted (401) by {host}; check DD_API_KEY, and that "
            "DD_SITE is the site it belongs to",
        )
    if status == 403:
        return DatadogError(
            Trouble.FORBIDDEN,
            f"{what}: not allowed (403) by {host}{reason}; check that the application key "
            "DD_APP_KEY is of the same organisation and site and has the permission",
        )
    if status == 404:
        return DatadogError(Trouble.NOT_FOUND, f"{what}: not found (404){reason}")
    if status == 429:
        wait_s = _seconds(headers)
        when = "" if wait_s is None else f"; it may be asked again in {wait_s:g} s"
        return DatadogError(
            Trouble.LIMITED, f"{what}: the rate limit is used up (429){when}", wait_s
        )
    if status >= 500:
        return DatadogError(Trouble.UNAVAILABLE, f"{what}: Datadog has trouble itself ({status})")
    return DatadogError(Trouble.REFUSED, f"{what}: refused ({status}){reason}")


def _seconds(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() in ("x-ratelimit-reset", "retry-after"):
            try:
                return min(3600.0, max(0.0, float(value)))
            except ValueError:
                return None
    return None


def _said(body: object) -> str:
    """What Datadog says is wrong, on one line."""
    errors = body.get("errors", body) if isinstance(body, dict) else body
    parts = errors if isinstance(errors, list) else [errors]
    texts = [part if isinstance(part, str) else str(part) for part in parts if part]
    text = " ".join("; ".join(texts).split())
    return f": {text[:300]}" if text else ""
