"""A thousand random and mutated deliveries: no 5xx, no unauthorised effect, a legal state."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.controller import Controller
from balancer.core.modes import MODES
from balancer.core.observations import Observations
from balancer.core.orders import Orders
from balancer.policy_file import default_policy
from balancer.webhook import PAYLOAD, Inbox
from balancer.webhook.delivery import Transition
from balancer.webhook.verdict import Fate
from tests.webhook.test_inbox import AUTHENTIC, NOW_MS, NOW_S, SECRET

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.sampled_from(list(PAYLOAD.values())),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
SENSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "transition": st.sampled_from([t.value for t in Transition]),
    "cycle_key": st.sampled_from(["c1", "c2"]),
    "date": st.integers(NOW_MS - 400_000, NOW_MS + 90_000).map(str),
    "scope": st.sampled_from(["", "service:x"]),
    "tags": st.sampled_from(["brownout:soft", "a:b,brownout:emergency", "a:b", "brownout:x"]),
    "monitor_id": st.sampled_from(["1", "2"]),
    "event_id": st.integers(0, 5).map(str),
    "alert_type": st.sampled_from(["error", "warning", "success"]),
    "title": st.text(max_size=10),
    "link": st.just("https://example.org"),
}


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A sensible payload with keys replaced by junk, left out, or bytes broken."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return json.dumps(draw(JUNK)).encode()
    said = {key: draw(value) for key, value in SENSIBLE.items()}
    for key in draw(st.sets(st.sampled_from(list(SENSIBLE)), max_size=2 if kind > 4 else 0)):
        said[key] = draw(JUNK)
    for key in draw(st.sets(st.sampled_from(list(SENSIBLE)), max_size=1)):
        del said[key]
    content = bytearray(json.dumps(said).encode())
    if kind == 9:
        at = draw(st.integers(0, len(content) - 1))
        content[at] = draw(st.integers(0, 255))
    return bytes(content)


HEADERS = st.sampled_from(
    [AUTHENTIC, AUTHENTIC, AUTHENTIC, {}, {"authorization": "Bearer x"}, {"Authorization": SECRET}]
)
DELIVERIES = st.lists(st.tuples(bodies(), HEADERS, st.integers(0, 5)), min_size=8, max_size=12)


@pytest.mark.slow
@settings(max_examples=125)
@given(DELIVERIES)
def test_no_delivery_breaks_anything(deliveries: list[tuple[bytes, dict[str, str], int]]) -> None:
    """125 histories of at least 8 deliveries, taken by a controller as they come."""
    epoch = int(NOW_S) - 1000
    inbox = Inbox([SECRET], tick_of=lambda s: int(s) - epoch)
    controller = Controller(default_policy())
    orders = Orders()
    tick = 1000
    for body, headers, wait in deliveries:
        tick += wait + 1
        verdict = inbox.receive(body, headers, float(epoch + tick))
        assert verdict.status in (200, 202, 401, 413, 422)
        json.dumps(verdict.answer()).encode()
        if headers is not AUTHENTIC:
            assert (verdict.status, verdict.alerts) == (401, ())
        assert bool(verdict.alerts) == (verdict.fate is Fate.ACCEPTED)
        for alert in verdict.alerts:
            assert alert.mode in MODES[1:]
            assert 0 <= alert.at_tick <= tick
            assert alert.lifetime_ticks == 1800
        observed = Observations(tick, alerts=verdict.alerts)
        orders.observe(observed)
        decision = controller.step(observed)
        assert decision.mode in MODES
        assert abs(sum(decision.mix) - 1.0) < 1e-9
    orders.observe(Observations(tick + 1800))
    assert orders.floor() is None, "whatever was said, it ends by itself"
