"""The arms of a run, by the names of `verdict.json`, and how people read them."""

from __future__ import annotations

from typing import Final

__all__ = ["CHEAPEST", "LABELS", "MEANINGS", "NONE", "POLICY", "STATIC"]

POLICY: Final = "policy"
STATIC: Final = "static"
NONE: Final = "none"
CHEAPEST: Final = "cheapest"

LABELS: Final = {
    POLICY: "with",
    STATIC: "static",
    NONE: "without",
    CHEAPEST: "cheap always",
}
"""Heads of columns and names of lines, in the order in which they stand."""

MEANINGS: Final = {
    POLICY: "under the policy, with its controller",
    STATIC: (
        "the policy's normal mode for ever, with its retries, fallback models and budgets, and no "
        "controller"
    ),
    NONE: "the application's own clients: one model, their own retries, no budget",
    CHEAPEST: "the policy's soft mode for ever: what anybody saves who needs no controller for it",
}
