"""What a request tries next: the plan's models in order at once, then over again.

A link is a place in the chain of models, counting on over its end: link 0 is the first model,
link `length` the first model again, after the client's backoff. The functions run in plain
Python and compiled inside the simulator's kernel alike.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["END", "RETRY_BURST", "backoff_s", "doubled_s", "next_link"]

END = -1
"""No next link."""

RETRY_BURST = 10.0
"""Most retries a retry budget saves up for later, as in gRPC's retry throttling; they are there at
the start, so that an application with little traffic can retry at all.
"""


_MOST_DOUBLINGS = 32
"""Beyond any longest delay, and within what a float can hold."""


def next_link(
    models: Sequence[int], length: int, link: int, dead: int, made: int, most: int
) -> int:
    """The link after a failed one, or `END`.

    Args:
        models: number of each model of the chain.
        length: models in the chain.
        link: the one that failed.
        dead: bits of the models that are out for the day; they are passed over.
        made: attempts made, the failed one included.
        most: attempts that a request may make beside one for each model.
    """
    if made >= length + most:
        return END
    following = link + 1
    while dead >> models[following % length] & 1:
        following += 1
        if following > link + length:
            return END
    return following


def backoff_s(
    initial_s: float, factor: float, max_s: float, jitter_s: float, round_: int, u: float
) -> float:
    """Delay before the chain starts over, as google-genai's `HttpRetryOptions` compute it.

    Args:
        initial_s, factor, max_s, jitter_s: min(max, initial · factor**(round - 1)) + U(0, jitter).
        round_: how often the chain has been gone through.
        u: a uniform draw.
    """
    return min(max_s, initial_s * factor ** (round_ - 1)) + jitter_s * u


def doubled_s(first_s: float, failures: int, longest_s: float) -> float:
    """Delay after so many failures in a row, at least 1: each doubles it, up to the longest.

    Of our own calls to services that are not models, such as a monitoring service.
    """
    return backoff_s(first_s, 2.0, longest_s, 0.0, min(failures, _MOST_DOUBLINGS), 0.0)
