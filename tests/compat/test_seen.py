"""What counts as being as well off as without us."""

from __future__ import annotations

import pytest

from tests.compat.seen import Seen, as_well, seen

STATIC = "We are very busy."


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ({"got": "Rain."}, "text"),
        ({"got": STATIC}, "static"),
        ({"got": "weather"}, "call"),
        ({"got": {"city": "Paris"}}, "object"),
        ({"got": {}}, "object"),
        ({"got": None}, "nothing"),
        ({"got": ""}, "nothing"),
        ({"error": "ServerError: 503 UNAVAILABLE: overloaded"}, "error"),
        ({"error": "ServerError: open-Balancer: the service sheds load to stay up."}, "shed"),
    ],
)
def test_what_a_driver_says_is_one_word(found: dict[str, object], word: str) -> None:
    """So that two calls with different texts are compared by what they are."""
    assert seen(found, {}, STATIC).word == word


def test_requests_are_counted_and_models_named() -> None:
    """Those that were refused before any model count too."""
    found = seen({"got": "Rain."}, {"flash": 2, "lite": 0, "": 1}, STATIC)
    assert found.requests == 3
    assert found.models == {"flash"}


@pytest.mark.parametrize(
    ("call", "direct", "here", "well"),
    [
        ("plain", "text", "text", True),
        ("plain", "text", "static", True),
        ("plain", "text", "nothing", False),
        ("plain", "text", "error", False),
        ("schema", "object", "shed", True),
        ("schema", "object", "text", False),
        ("schema", "object", "static", False),
        ("tools", "call", "text", True),
        ("tools", "text", "call", True),
        ("tools", "text", "nothing", False),
        ("forced", "call", "call", True),
        ("forced", "call", "text", False),
        ("forced", "call", "static", False),
        ("forced", "error", "call", True),
    ],
)
def test_a_caller_may_be_shed_but_not_be_given_less(
    call: str, direct: str, here: str, well: bool
) -> None:
    """A form that was asked for is not replaced by a text, nor an answer by an error."""
    assert as_well(call, Seen(word=here), Seen(word=direct)) is well


def test_an_error_that_comes_directly_too_has_to_be_the_same() -> None:
    """The kind of it; the words may name other numbers."""
    direct = Seen(word="error", error="ClientError: 400 a")
    assert as_well("plain", Seen(word="error", error="ClientError: 400 b"), direct)
    assert not as_well("plain", Seen(word="error", error="ServerError: 503 c"), direct)
