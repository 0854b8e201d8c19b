"""The Interactions API (`POST /interactions`), with the functions that `balancer.wire` has.

They have the same names and mean the same, so that whoever sends calls picks one of the two by the
path. `Edits` are the same values, made by the same `balancer.wire.edits`:

    form = wire.interactions                         or wire, for generateContent
    asked = form.read_asked(body)                    model or agent are read from the body
    change = wire.edits(strategy, card, asked)       or edits_within
    raw = form.apply_bytes(raw, change, body)        writes `model` too: it stands in the body
    reader = form.AnswerReader(streamed=form.wants_stream(body))
    reader.add(event); reader.answer()               or form.read_answer(body), of a whole one

A stream's bytes: `wire.chunks_of(content_type, as_sent=True)`; events are named here and end with
`[DONE]`, which clients of this API want. Errors: `wire.read_error`, which reads both forms.

Of a call with `is_background(body)` the first answer is a status, and so is that of each later
`GET /interactions/ID`: while it `is_pending`, nothing is known. Keep the attempt, with
`id_of(body)` as its name; the first that is not pending is its outcome, by `read_answer`. Where it
is deleted, or never asked for, the attempt is abandoned.
"""

from __future__ import annotations

from .answers import AnswerReader, id_of, is_pending, read_answer, resume_token, status_of
from .asking import (
    is_background,
    is_plausible,
    model_of,
    previous_of,
    read_asked,
    shape_of,
    wants_stream,
)
from .editing import apply, apply_bytes
from .forms import as_generation, steps_of
from .static import static_answer, static_events
from .usage import read_usage

__all__ = [
    "AnswerReader",
    "apply",
    "apply_bytes",
    "as_generation",
    "id_of",
    "is_background",
    "is_pending",
    "is_plausible",
    "model_of",
    "previous_of",
    "read_answer",
    "read_asked",
    "read_usage",
    "resume_token",
    "shape_of",
    "static_answer",
    "static_events",
    "status_of",
    "steps_of",
    "wants_stream",
]
