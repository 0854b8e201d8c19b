"""Errors as Gemini words them: status, message, details."""

from __future__ import annotations

import json
from typing import Any

__all__ = [
    "Refusal",
    "api_key_invalid",
    "bearer_invalid",
    "body_too_large",
    "deadline_too_short",
    "invalid_argument",
    "malformed_json",
    "no_api_key",
    "no_such_model",
    "no_such_page",
    "provisioned_exceeded",
    "quota_day",
    "quota_minute",
    "spend_limit",
    "unavailable",
]

_TYPE = "type.googleapis.com/google.rpc."
_SERVICE = "generativelanguage.googleapis.com"
_RATE_LIMITS = "https://ai.google.dev/gemini-api/docs/rate-limits"


class Refusal(Exception):  # noqa: N818  # it is an answer to a client, not a failure of ours
    """An error response.

    Attributes:
        code: HTTP status.
        status: gRPC status name.
        message: for a person.
        details: as in `google.rpc.Status`.
    """

    def __init__(
        self, code: int, status: str, message: str, details: tuple[dict[str, Any], ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = details

    def body(self) -> bytes:
        """The body, one line of JSON."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "status": self.status,
        }
        if self.details:
            error["details"] = self.details
        return json.dumps({"error": error}).encode()


def invalid_argument(message: str, *details: dict[str, Any]) -> Refusal:
    """400."""
    return Refusal(400, "INVALID_ARGUMENT", message, details)


def malformed_json(problem: str) -> Refusal:
    """A body that cannot be read."""
    return invalid_argument(f"Invalid JSON payload received. {problem}")


def api_key_invalid() -> Refusal:
    """A key that is not the right one."""
    return invalid_argument(
        "API key not valid. Please pass a valid API key.",
        {
            "@type": f"{_TYPE}ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": _SERVICE},
        },
    )


def no_api_key() -> Refusal:
    """No key at all."""
    return Refusal(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    )


def bearer_invalid() -> Refusal:
    """A bearer token that is not the right one."""
    return Refusal(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential.",
    )


def body_too_large(limit_bytes: int) -> Refusal:
    """A body beyond the limit."""
    return invalid_argument(f"Request payload size exceeds the limit: {limit_bytes} bytes.")


def deadline_too_short(seconds: float) -> Refusal:
    """X-Server-Timeout below the least Gemini takes."""
    return invalid_argument(
        f"Manually set deadline {seconds:g}s is too short. Minimum allowed deadline is 10s."
    )


def no_such_model(model: str, method: str | None) -> Refusal:
    """A model, or a method of models, that does not exist."""
    supported = f", or is not supported for {method}" if method else ""
    return Refusal(
        404,
        "NOT_FOUND",
        f"models/{model} is not found for API version v1beta{supported}. Call ListModels to see "
        "the list of available models and their supported methods.",
    )


def no_such_page(path: str) -> Refusal:
    """A path that is none of the API's."""
    return Refusal(404, "NOT_FOUND", f"The requested URL {path} was not found on this server.")


def unavailable(outcome: str) -> Refusal:
    """5xx of a call that failed.

    Args:
        outcome: of `balancer.core.observations.FAILURES`: overloaded, internal or timeout.
    """
    if outcome == "internal":
        return Refusal(
            500,
            "INTERNAL",
            "An internal error has occurred. Please retry or report in "
            "https://developers.generativeai.google/guide/troubleshooting",
        )
    if outcome == "timeout":
        message = "Deadline expired before operation could complete."
    else:
        message = "The model is overloaded. Please try again later."
    return Refusal(503, "UNAVAILABLE", message)


def quota_minute(
    model: str | None, limit: int | None, retry_after_s: float, *, tokens: bool
) -> Refusal:
    """429 of a minute's quota.

    Args:
        model: its name; None: the quota is one that all models share.
        limit: calls, or input tokens, a minute; None: not known.
        retry_after_s: what RetryInfo says, in scenario seconds.
        tokens: whether input tokens are what ran out.
    """
    if tokens:
        metric, quota = "input_token_count", "GenerateContentInputTokensPerModelPerMinute"
        shared = "GenerateContentInputTokensPerProjectPerMinute"
    else:
        metric, quota = "requests", "GenerateRequestsPerMinutePerProjectPerModel"
        shared = "GenerateRequestsPerMinutePerProject"
    return _quota(model, metric, quota if model else shared, limit, retry_after_s)


def quota_day(model: str | None, limit: int | None, retry_after_s: float) -> Refusal:
    """429 of a day's quota; terminal until midnight Pacific, whatever RetryInfo says."""
    quota = "GenerateRequestsPerDayPerProject"
    return _quota(model, "requests", f"{quota}PerModel" if model else quota, limit, retry_after_s)


def spend_limit(usd: float, retry_after_s: float) -> Refusal:
    """429 of the project's spend limit.

    That it is a 429 RESOURCE_EXHAUSTED is documented; nobody published its body. The words, the
    metric and the quota's name are assumed, in the manner of the others.

    Args:
        usd: what may be spent in its window.
        retry_after_s: what RetryInfo says, in scenario seconds.
    """
    name = f"{_SERVICE}/project_spend"
    text = f"{usd:.2f}".removesuffix(".00")
    violation = {
        "quotaMetric": name,
        "quotaId": "SpendPerTenMinutesPerProject",
        "quotaDimensions": {"location": "global"},
        "quotaValue": text,
    }
    said = f"* Spend limit exceeded for metric: {name}, limit: ${text}"
    return _exhausted(said, violation, retry_after_s)


def provisioned_exceeded() -> Refusal:
    """429 of a call that takes nothing but provisioned throughput, which is used up.

    That it is a 429 is documented [D]; that it says no more, and when to come back least of all, is
    assumed.
    """
    return Refusal(
        429, "RESOURCE_EXHAUSTED", "Too many requests. Exceeded the Provisioned Throughput."
    )


def _quota(
    model: str | None, metric: str, quota: str, limit: int | None, retry_after_s: float
) -> Refusal:
    # The names of quotas that all models share are assumed: Gemini has none today.
    name = f"{_SERVICE}/generate_content_paid_tier_{metric}"
    said = "" if limit is None else f", limit: {limit}"
    of = "" if model is None else f", model: {model}"
    dimensions = {"location": "global"} | ({} if model is None else {"model": model})
    violation: dict[str, Any] = {
        "quotaMetric": name,
        "quotaId": quota,
        "quotaDimensions": dimensions,
    }
    if limit is not None:
        violation["quotaValue"] = str(limit)
    return _exhausted(f"* Quota exceeded for metric: {name}{said}{of}", violation, retry_after_s)


def _exhausted(said: str, violation: dict[str, Any], retry_after_s: float) -> Refusal:
    delay = f"{retry_after_s:.9f}".rstrip("0").rstrip(".") + "s"
    return Refusal(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details. For more "
        f"information on this error, head to: {_RATE_LIMITS}.\n"
        f"{said}\nPlease retry in {delay}.",
        (
            {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]},
            {
                "@type": f"{_TYPE}Help",
                "links": [
                    {"description": "Learn more about Gemini API quotas", "url": _RATE_LIMITS}
                ],
            },
            {"@type": f"{_TYPE}RetryInfo", "retryDelay": delay},
        ),
    )
