"""Gemini request and response bodies: what a strategy changes in one, what the other says.

Pure functions on JSON values, shared by the wrapper of the SDK and by the proxy, so that a
plan means the same in both. Nothing here waits, sends, or keeps anything between calls.

    asked = read_asked(body, "gemini-3.8-flash")     what the caller asked for
    plan = plan_attempt(asked, strategy, catalog, attempt)      what the plan makes of it
    body = apply(body, plan.edits)                   or apply_bytes, for a proxy
    answer = read_answer(response)                   or an AnswerReader, for a stream
    failure = read_error(status, response)
    kind = plan.sent(changed=True).refused(failure)  whose fault it is

`interactions` has the same for the Interactions API, and `chat` for OpenAI's.
"""

from __future__ import annotations

from . import chat, interactions
from .answers import Answer, AnswerReader, read_answer
from .asked import Asked, completed, estimate_tokens, read_asked
from .attempts import AttemptPlan, GrantedAttempt, plan_attempt
from .blame import Sent, project_of, remedy, shape_of
from .bodies import apply
from .edits import Edits, budget_alone, edits, edits_within
from .failures import UpstreamError, error_of, read_error
from .history import first_kept, speaks
from .media import Found, most_media
from .models import bare_model, find_card
from .needs import kinds_of, read_needs
from .splice import apply_bytes, parse
from .streams import ArrayChunks, Chunks, EventChunks, chunks_of
from .thinking import fit_thinking
from .tiers import header_tier, read_tier
from .usage import Usage, read_usage
from .validity import is_plausible

__all__ = [
    "Answer",
    "AnswerReader",
    "ArrayChunks",
    "Asked",
    "AttemptPlan",
    "Chunks",
    "Edits",
    "EventChunks",
    "Found",
    "GrantedAttempt",
    "Sent",
    "UpstreamError",
    "Usage",
    "apply",
    "apply_bytes",
    "bare_model",
    "budget_alone",
    "chat",
    "chunks_of",
    "completed",
    "edits",
    "edits_within",
    "error_of",
    "estimate_tokens",
    "find_card",
    "first_kept",
    "fit_thinking",
    "header_tier",
    "interactions",
    "is_plausible",
    "kinds_of",
    "most_media",
    "parse",
    "plan_attempt",
    "project_of",
    "read_answer",
    "read_asked",
    "read_error",
    "read_needs",
    "read_tier",
    "read_usage",
    "remedy",
    "shape_of",
    "speaks",
]
