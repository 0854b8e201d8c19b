"""A static answer in the form of an interaction that a model gave, and marked as none."""

from __future__ import annotations

from typing import Any

__all__ = ["static_answer", "static_events"]


def static_answer(text: str, model: str, previous: str = "") -> dict[str, Any]:
    """A complete interaction.

    Args:
        text: of the answer.
        model: that says that no model gave it.
        previous: the interaction that the call goes on from. It is the answer's name, as there is
            nothing else that a next call could go on from.
    """
    return {
        **_head(model, previous),
        "status": "completed",
        "steps": [{"type": "model_output", "content": [{"type": "text", "text": text}]}],
        "usage": {"total_input_tokens": 0, "total_output_tokens": 0, "total_tokens": 0},
    }


def static_events(text: str, model: str, previous: str = "") -> list[dict[str, Any]]:
    """The same as the events of a stream, in order."""
    answer = static_answer(text, model, previous)
    step = {"type": "model_output", "content": []}
    delta = {"type": "text", "text": text}
    return [
        {
            "event_type": "interaction.created",
            "interaction": {**_head(model, previous), "status": "in_progress"},
        },
        {"event_type": "step.start", "index": 0, "step": step},
        {"event_type": "step.delta", "index": 0, "delta": delta},
        {"event_type": "step.stop", "index": 0},
        {
            "event_type": "interaction.completed",
            "interaction": {name: answer[name] for name in answer if name != "steps"},
        },
    ]


def _head(model: str, previous: str) -> dict[str, Any]:
    return {"id": previous, "model": model, "object": "interaction"}
