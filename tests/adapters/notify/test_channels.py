"""Addresses become channels, and are never shown."""

from __future__ import annotations

import pytest

from balancer.adapters.notify import Channel, parse_channels
from balancer.core.errors import InputError

MARKER = "KpQ7vXw2Zr9TmB4s"


def only(url: str) -> Channel:
    """The one channel of an address."""
    (found,) = parse_channels(url)
    return found


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://hooks.slack.com/services/T0/B0/xyz", "slack"),
        ("https://hooks.slack-gov.com/services/T0/B0/xyz", "slack"),
        ("slack+https://chat.example.org/hooks/xyz", "slack"),
        (
            "https://prod-161.westeurope.logic.azure.com:443/workflows/64/triggers/manual/paths/"
            "invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KOD",
            "teams",
        ),
        (
            "https://default98.73.environment.api.powerplatform.com:443/powerautomate/automations/"
            "direct/workflows/09/triggers/manual/paths/invoke?api-version=1&sig=fK",
            "teams",
        ),
        ("teams+https://flows.example.org/x", "teams"),
        ("https://example.org/hook", "json"),
        ("http://bridge:8080/hook", "json"),
        ("json+https://hooks.slack.com/services/T0/B0/xyz", "json"),
    ],
)
def test_an_address_says_which_body_it_takes(url: str, kind: str) -> None:
    """By its host, or by its scheme where that cannot tell."""
    assert only(url).kind == kind


def test_several_addresses_stand_between_white_space() -> None:
    """As a line of the environment, or as lines of a secret's file; the same one counts once."""
    text = "https://a.example.org/1\n  https://b.example.org/2 \thttps://a.example.org/1\n"
    assert [channel.url for channel in parse_channels(text)] == [
        "https://a.example.org/1",
        "https://b.example.org/2",
    ]
    assert parse_channels("  \n") == ()


def test_what_is_signed_is_posted_as_it_was_given() -> None:
    """Escapes in a query stay as they are; a fragment is not sent."""
    url = "https://a.logic.azure.com:443/workflows/1?sp=%2Ftriggers%2Frun&sig=a%2Bb#x"
    assert (
        only(url).url == "https://a.logic.azure.com:443/workflows/1?sp=%2Ftriggers%2Frun&sig=a%2Bb"
    )


def test_user_and_password_leave_the_address() -> None:
    """They go into a header."""
    channel = only(f"https://me:{MARKER}%21@example.org/hook")
    assert (channel.user, channel.password) == ("me", f"{MARKER}!")
    assert channel.url == "https://example.org/hook"


def test_a_channel_shows_its_host_and_four_digits() -> None:
    """Enough to tell two channels of one host apart, and not the secret."""
    one = only(f"https://hooks.slack.com/services/T0/B0/{MARKER}")
    other = only(f"https://hooks.slack.com/services/T0/B1/{MARKER}")
    assert one.name.startswith("slack hooks.slack.com #") and len(one.name) == 27
    assert one.name != other.name
    assert MARKER not in f"{one!r}{one!s}{[one]}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"T0/B0/{MARKER}", "found no scheme"),
        (f"{MARKER}:abc", "found a scheme that is none of ours"),
        (f"slack://T0/B0/{MARKER}", "did you mean 'slack+https'"),
        (f"htps://example.org/{MARKER}", "did you mean 'https'"),
        (f"https:///{MARKER}", "has no host"),
        (f"https://[{MARKER}/", "found no URL"),
        (f"https://example.org:{MARKER}/", "found no URL"),
        (f"https://example.org/{MARKER}/ü", "characters that no URL has"),
        (f"http://hooks.slack.com/services/{MARKER}", "plain http"),
        (f"https://hooks.slack.com/triggers/T0/{MARKER}", "incoming webhook"),
        (f"https://x.webhook.office.com/webhookb2/{MARKER}", "retired"),
        (f"https://outlook.office.com/webhook/{MARKER}", "retired"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(url: str, says: str) -> None:
    """The message says which one it is and what was expected; nothing is chained to it."""
    with pytest.raises(InputError, match=r"OPEN_BALANCER_NOTIFY, URL 2 of 2: ") as caught:
        parse_channels(f"https://example.org/ok {url}")
    error = caught.value
    assert says in str(error)
    assert MARKER.lower() not in f"{error}{error!r}".lower()
    assert error.__cause__ is None and error.__context__ is None
