"""The chain: which model a request tries next, and after what delay."""

from __future__ import annotations

import pytest

from balancer.core.retry import END, backoff_s, doubled_s, next_link


@pytest.mark.parametrize(
    ("link", "dead", "made", "most", "following"),
    [
        (0, 0b00, 1, 0, 1),  # the second model needs no retry
        (1, 0b00, 2, 0, END),
        (1, 0b00, 2, 1, 2),  # over again from the first
        (0, 0b10, 1, 1, 2),  # the second is out for the day
        (1, 0b11, 2, 5, END),  # all are
        (3, 0b00, 4, 2, END),
    ],
)
def test_models_are_tried_in_order_then_over_again(
    link: int, dead: int, made: int, most: int, following: int
) -> None:
    """Of a chain of two."""
    assert next_link((0, 1), 2, link, dead, made, most) == following


def test_one_model_named_twice_is_out_at_both_places() -> None:
    """Bits are those of models, not of places."""
    assert next_link((0, 1, 0), 3, 0, 0b01, 1, 5) == 1
    assert next_link((0, 1, 0), 3, 1, 0b01, 2, 5) == 4


def test_the_delay_grows_to_its_most_and_jitter_is_added() -> None:
    """As google-genai's HttpRetryOptions."""
    assert [backoff_s(1.0, 2.0, 5.0, 0.0, k, 0.5) for k in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 5.0]
    assert backoff_s(1.0, 2.0, 5.0, 2.0, 1, 0.5) == 2.0


def test_a_delay_doubles_with_each_failure_up_to_the_longest() -> None:
    """However many there were."""
    delays = [doubled_s(5.0, failures, 60.0) for failures in (1, 2, 4, 5, 10_000)]
    assert delays == [5.0, 10.0, 40.0, 60.0, 60.0]
