"""Chat completions in OpenAI's form, with the functions that `balancer.wire` has.

They have the same names and mean the same, as those of `balancer.wire.interactions` do. Only the
spelling is translated: what a request asks for and what an answer says is read in generateContent's
form, by the same rules, and what a strategy changes is written in this one. The model stands in the
body. A stream's bytes: `wire.chunks_of(content_type, as_sent=True)`, as its clients wait for
`[DONE]`.
"""

from __future__ import annotations

from .answers import AnswerReader, read_answer, static_answer, static_events
from .asking import is_plausible, read_asked, shape_of, wants_stream
from .editing import apply, apply_bytes
from .forms import as_generation
from .usage import read_usage

__all__ = [
    "AnswerReader",
    "apply",
    "apply_bytes",
    "as_generation",
    "is_plausible",
    "read_answer",
    "read_asked",
    "read_usage",
    "shape_of",
    "static_answer",
    "static_events",
    "wants_stream",
]
