"""What a delivery says is read, and what it does not say is not made up."""

from __future__ import annotations

import json

import pytest

from balancer.core.errors import InputError
from balancer.core.modes import Mode
from balancer.webhook import PAYLOAD, Transition, read_delivery


def body(**changes: object) -> bytes:
    """A delivery of a monitor that asks for hard."""
    said: dict[str, object] = {
        "transition": "Triggered",
        "cycle_key": "c1",
        "date": "1763800000000",
        "scope": "service:x",
        "tags": "service:x,brownout:hard",
        "monitor_id": "42",
        "event_id": "7",
        "alert_type": "error",
        "title": "slow",
        "link": "https://example.org/",
    }
    return json.dumps(said | changes).encode()


def test_every_key_of_the_payload_is_read() -> None:
    """The definition that `apply` writes and the reader have the same keys."""
    found = read_delivery(body())
    assert set(json.loads(body())) == set(PAYLOAD)
    assert (found.monitor_id, found.scope, found.cycle_key) == ("42", "service:x", "c1")
    assert (found.event_id, found.at_ms, found.title) == ("7", 1763800000000, "slow")
    assert found.link == "https://example.org/"


def test_variables_that_were_not_expanded_are_not_said() -> None:
    """Datadog leaves what it does not know as it stands."""
    found = read_delivery(json.dumps(dict(PAYLOAD) | {"alert_type": "warning"}).encode())
    assert found.transition is Transition.WARN
    assert (found.monitor_id, found.cycle_key, found.at_ms, found.mode) == ("", "", None, None)


@pytest.mark.parametrize("transition", list(Transition), ids=lambda t: t.value)
@pytest.mark.parametrize("change", [str, str.upper, lambda text: text.replace("-", " ")])
def test_every_transition_is_known_however_it_is_written(
    transition: Transition, change: object
) -> None:
    """Case and hyphens differ between places in Datadog."""
    assert callable(change)
    assert read_delivery(body(transition=change(transition.value))).transition is transition


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({"transition": "Triggered"}, Mode.HARD),
        ({"transition": "Re-Triggered"}, Mode.HARD),
        ({"transition": "Warn"}, Mode.SOFT),
        ({"transition": "Re-Warn", "tags": "brownout:soft"}, Mode.SOFT),
        ({"transition": "Warn", "tags": "brownout:emergency,brownout_warn:soft"}, Mode.SOFT),
        ({"transition": "Warn", "tags": "brownout_warn:soft"}, Mode.SOFT),
        ({"transition": "Triggered", "tags": "brownout_warn:soft"}, None),
        ({"transition": "Renotify"}, Mode.HARD),
        ({"transition": "Renotify", "alert_type": "warning"}, Mode.SOFT),
        ({"transition": "Triggered", "tags": "brownout:soft, brownout:emergency"}, Mode.EMERGENCY),
        ({"transition": "Triggered", "tags": ["a:b", "BROWNOUT:Soft", 3, None]}, Mode.SOFT),
        ({"transition": "Triggered", "tags": "service:x"}, None),
        ({"transition": "Triggered", "tags": None}, None),
    ],
)
def test_the_mode_comes_from_the_tags(said: dict[str, object], mode: Mode | None) -> None:
    """Of several the worst; of a warning one rung milder, unless its own tag says."""
    assert read_delivery(body(**said)).asks_for == mode


@pytest.mark.parametrize(
    ("date", "at_ms"),
    [
        (1763800000000, 1763800000000),
        ("1763800000", 1763800000000),
        ("$DATE", None),
        (-5, None),
        (1.5, None),
        (True, None),
        ("9" * 400, None),
        (int("9" * 18), None),
    ],
)
def test_a_date_is_milliseconds(date: object, at_ms: int | None) -> None:
    """Or seconds, where it would be of 1973; anything else is not said."""
    assert read_delivery(body(date=date)).at_ms == at_ms


def test_text_is_made_safe() -> None:
    """It goes into journals and logs: no control characters, no halves, no novels."""
    found = read_delivery(body(title="a\nb\x1b[31m\ud800" + "x" * 1000))
    assert found.title.startswith("a b [31m?x")
    assert len(found.title) <= 500


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON in UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "the body is list, expected a JSON object"),
        (body(transition="Trigered"), "found 'Trigered'.*did you mean 'Triggered'"),
        (body(transition=None, alert_type=""), "found '', expected one of Triggered"),
        (body(tags="brownout:sfot"), "found 'brownout:sfot'.*did you mean 'soft'"),
        (body(tags="brownout:normal"), "expected brownout: and one of soft, hard, emergency"),
        (b'{"transition": 1' + b"0" * 5000 + b"}", "not JSON|transition"),
    ],
)
def test_what_cannot_be_understood_is_told(content: bytes, problem: str) -> None:
    """In one sentence."""
    with pytest.raises(InputError, match=problem):
        read_delivery(content)
