"""What a channel's answer means, and how long to wait before the next try."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from balancer.core.retry import doubled_s

from .timing import Timing

__all__ = ["Answer", "pause_s", "read_answer"]

_AGAIN: Final = {408, 425, 429}
_MEANINGS: Final = {
    301: "the URL has moved; take the new one",
    302: "the URL leads elsewhere; is it a page and not a webhook?",
    307: "the URL has moved; take the new one",
    308: "the URL has moved; take the new one",
    401: "it wants credentials, or others",
    403: "it does not take messages from here",
    404: "there is no such webhook; was it removed?",
    405: "it takes no POST; is it a page and not a webhook?",
    410: "the webhook was removed",
    413: "the message is too large for it",
}
# Slack answers with a word, and Microsoft with a code in JSON. An answer could also quote the
# address, which is a secret, so that nothing else of it is shown.
_SLACK_WORD: Final = re.compile(r"\s*([a-z]{2,20}(?:_[a-z]{1,20}){1,4})\s*")
_CODE: Final = re.compile(r'"code"\s*:\s*"([A-Za-z]{3,60})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an attempt.

    Attributes:
        ok: the message was taken.
        problem: why not, for a person; never an address.
        again: whether another try may help.
        after_s: how long the channel asked to be left alone.
    """

    ok: bool = False
    problem: str = ""
    again: bool = False
    after_s: float = 0.0


def read_answer(
    status: int,
    body: str,
    retry_after: str | None,
    secret: str,
    now: Callable[[], float] = time.time,
) -> Answer:
    """What an answer over HTTP means.

    Args:
        status: of it.
        body: the beginning of it.
        retry_after: the header, if there is one: seconds, or a date (RFC 9110, 10.2.3).
        secret: the address, of which nothing may be shown.
        now: Unix time.
    """
    if 200 <= status < 300:
        return Answer(ok=True)
    again = status in _AGAIN or status >= 500
    return Answer(
        problem=_problem(status, body, secret),
        again=again,
        after_s=_after_s(retry_after, now()) if again else 0.0,
    )


def _problem(status: int, body: str, secret: str) -> str:
    problem = f"answered {status}"
    word = _SLACK_WORD.fullmatch(body) or _CODE.search(body)
    if word is not None and word[1] not in secret:
        problem = f"{problem} {word[1]}"
    meaning = _MEANINGS.get(status, "")
    if not meaning:
        try:
            meaning = HTTPStatus(status).phrase.lower()
        except ValueError:
            meaning = ""
    return f"{problem}: {meaning}" if meaning else problem


def _after_s(header: str | None, now_s: float) -> float:
    if header is None:
        return 0.0
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, OverflowError):
        return 0.0


def pause_s(failures: int, after_s: float, timing: Timing, u: float) -> float:
    """How long to wait before the next attempt.

    It doubles from `first_retry_s` to `longest_retry_s`, of which a draw takes between a half
    and all, so that many senders do not come back at once. A channel that asks for more time
    gets it, up to `longest_asked_s`.

    Args:
        failures: attempts that failed one after the other, at least 1.
        after_s: what the channel asked for.
        timing: the bounds.
        u: a uniform draw from [0, 1).
    """
    grown_s = doubled_s(timing.first_retry_s, failures, timing.longest_retry_s)
    drawn_s = grown_s * (0.5 + 0.5 * u)
    return max(drawn_s, min(after_s, timing.longest_asked_s))
