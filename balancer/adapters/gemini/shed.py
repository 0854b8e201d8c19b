"""What an application gets in place of an answer that is not made."""

from __future__ import annotations

from google.genai import types

from balancer.core.decisions import Reason
from balancer.core.errors import BalancerError
from balancer.core.modes import Mode, Priority
from balancer.runtime.calls import no_price

__all__ = ["FALLBACK_MODEL", "ShedError", "static_response"]

FALLBACK_MODEL = "open-balancer/static-fallback"
"""`model_version` of a static answer."""

_WHY = {
    "shed": "requests of {priority} priority are being shed in mode {mode}",
    "limits": "as many calls are under way as mode {mode} allows",
    "budget": "what is left of the hard budget does not cover it",
}


class ShedError(BalancerError):
    """A request was refused on purpose, before anything was sent.

    Attributes:
        refusal: "shed" (by priority), "limits" (too many at once), "budget", or "no_price": the
            policy has a hard budget, and no price for the model.
        mode: of the plan.
        priority: of the request.
        reasons: why the controller is in its mode.
        model: that was to be called.
    """

    def __init__(
        self,
        refusal: str,
        mode: Mode,
        priority: Priority,
        reasons: tuple[Reason, ...] = (),
        model: str = "",
    ) -> None:
        super().__init__(refusal, mode, priority, reasons, model)
        self.refusal = refusal
        self.mode = mode
        self.priority = priority
        self.reasons = reasons
        self.model = model

    def __str__(self) -> str:
        if self.refusal == "no_price":
            return "request refused: " + no_price(self.model)
        why = _WHY.get(self.refusal, self.refusal)
        text = "request refused: " + why.format(priority=self.priority.label, mode=self.mode.label)
        if self.refusal == "budget" or not self.reasons:
            return text
        return f"{text} ({'; '.join(reason.text for reason in self.reasons)})"


def static_response(text: str, *, chat: bool = False) -> types.GenerateContentResponse:
    """A complete answer that no model gave; its `model_version` says so.

    Args:
        text: of the answer.
        chat: it goes to one of the SDK's chats, which takes an answer that has an empty part for
            none: it hands it out, and sends neither the answer nor its question again.
    """
    parts = [types.Part(text=text), *([types.Part()] if chat else [])]
    return types.GenerateContentResponse(
        candidates=[
            types.Candidate(
                content=types.Content(role="model", parts=parts),
                finish_reason=types.FinishReason.STOP,
                index=0,
            )
        ],
        model_version=FALLBACK_MODEL,
        sdk_http_response=types.HttpResponse(headers={}),
    )
