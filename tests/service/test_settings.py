"""Settings from the command and the environment, and what is refused at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import InputError
from balancer.service.settings import GEMINI, Settings, is_loopback

TOKEN = "0123456789abcdef"  # noqa: S105


def test_the_command_goes_before_the_environment() -> None:
    """What is empty there counts as not set."""
    found = Settings.from_environment(
        {"PORT": "9000", "OPEN_BALANCER_DATA": "/x", "GEMINI_API_KEY": ""}, port=9001, host=None
    )
    assert (found.port, found.data, found.host) == (9001, Path("/x"), "127.0.0.1")
    assert found.gemini_key is None
    assert found.upstream == GEMINI


def test_another_upstream_stands_for_vertex_too() -> None:
    """Unless it is said where that is."""
    one = Settings.from_environment({}, upstream="http://127.0.0.1:1")
    other = Settings.from_environment(
        {"OPEN_BALANCER_VERTEX_UPSTREAM": "https://v.example"}, upstream="http://127.0.0.1:1"
    )
    assert (one.vertex_upstream, other.vertex_upstream) == (
        "http://127.0.0.1:1",
        "https://v.example",
    )


def test_retries_are_bounded_where_it_is_said() -> None:
    """As a share, in either form."""
    said = Settings.from_environment({"OPEN_BALANCER_RETRY_BUDGET": "10%"}, retry_budget=None)
    assert (said.retry_budget, Settings.from_environment({}).retry_budget) == (0.1, None)


def test_client_keys_are_a_list() -> None:
    """Parted by commas."""
    found = Settings.from_environment({"OPEN_BALANCER_CLIENT_KEYS": f" {TOKEN}a, {TOKEN}b ,"})
    assert found.client_keys == (f"{TOKEN}a", f"{TOKEN}b")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"OPEN_BALANCER_HOST": "0.0.0.0"}, "no token is set"),  # noqa: S104
        ({"OPEN_BALANCER_TOKEN": "short"}, "has 5 characters"),
        ({"OPEN_BALANCER_TOKEN": "with a space in between"}, "holds spaces"),
        ({"OPEN_BALANCER_CLIENT_KEYS": "a"}, "OPEN_BALANCER_CLIENT_KEYS has 1"),
        ({"GEMINI_API_KEY": "a\nb"}, "GEMINI_API_KEY"),
        ({"OPEN_BALANCER_UPSTREAM": "gemini"}, "is no base URL"),
        ({"OPEN_BALANCER_UPSTREAM": "https://user:pw@x.example"}, "without credentials"),
        ({"OPEN_BALANCER_UPSTREAM": "http://x.example"}, "over plain http"),
        ({"OPEN_BALANCER_VERTEX_UPSTREAM": "ftp://x"}, "vertex-upstream"),
        ({"PORT": "http"}, "expected a number"),
        ({"OPEN_BALANCER_RETRY_BUDGET": "10"}, "write 10% for 10 in a hundred"),
        ({"OPEN_BALANCER_RETRY_BUDGET": "nan"}, "retry budget"),
        ({"PORT": "70000"}, "expected 0 to 65535"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, str], problem: str) -> None:
    """By one sentence, which names it."""
    with pytest.raises(InputError, match=problem):
        Settings.from_environment(given)


def test_others_are_served_with_a_token() -> None:
    """Then the service may listen to all."""
    found = Settings.from_environment({"OPEN_BALANCER_TOKEN": TOKEN}, host="0.0.0.0")  # noqa: S104
    assert found.token == TOKEN


def test_secrets_are_not_shown() -> None:
    """Not even by accident, in a log of settings."""
    found = Settings(
        token=f"{TOKEN}1",
        client_keys=(f"{TOKEN}2",),
        gemini_key=f"{TOKEN}3",
        database="pg://u:pw@h",
    )
    assert TOKEN not in repr(found)
    assert "pw" not in repr(found)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("192.168.0.1", False),
        ("localhost.evil.example", False),
    ],
)
def test_this_machine_is_told_from_others(host: str, local: bool) -> None:
    """By name and by address."""
    assert is_loopback(host) is local


def test_whether_what_no_plan_governs_goes_through() -> None:
    """On unless it is said otherwise, in one of two words."""
    assert Settings.from_environment({}).passing
    assert not Settings.from_environment({"OPEN_BALANCER_PASSING": "off"}).passing
    with pytest.raises(InputError, match="OPEN_BALANCER_PASSING is 'maybe'; expected on or off"):
        Settings.from_environment({"OPEN_BALANCER_PASSING": "maybe"})
