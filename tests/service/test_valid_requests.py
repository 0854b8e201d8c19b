"""Valid requests through the proxy in every mode of the default policy: none is refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from balancer.core.catalog import Catalog
from balancer.core.modes import MODES, Mode
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from tests.service.conftest import serving
from tests.service.strict_upstream import StrictUpstream
from tests.wire.valid_requests import CARDS, Valid, requests

pytestmark = pytest.mark.slow

pytest.importorskip("balancer.core.routes", reason="without routes every model becomes another one")


def only(mode: Mode) -> Policy:
    """The default policy with one mode's strategy in all modes, nothing shed, nothing repeated."""
    default = default_policy()
    strategy = replace(default.strategies[mode], shed=(0.0, 0.0, 0.0), retries=0)
    catalog = Catalog(dated=default.catalog.dated, cards=CARDS)
    return replace(default, strategies=(strategy,) * 4, catalog=catalog, baseline=None)


@pytest.fixture(scope="module")
def proxies(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[Mode, tuple[httpx.Client, StrictUpstream]]]:
    """A proxy for each mode, before an upstream of its own that is as strict as Gemini."""
    with ExitStack() as stack:
        found = {}
        for mode in MODES:
            service = stack.enter_context(
                serving(tmp_path_factory.mktemp("data"), policy=only(mode))
            )
            found[mode] = stack.enter_context(service.client()), StrictUpstream(service.script)
        yield found


_CALLERS = itertools.count()


@settings(
    max_examples=150,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=requests())
def test_no_valid_request_is_refused_in_any_mode(
    proxies: dict[Mode, tuple[httpx.Client, StrictUpstream]], asked: Valid
) -> None:
    """150 requests in four modes, to a healthy upstream and to one that fails: the whole chain."""
    for client, upstream in proxies.values():
        for ill in (False, True):
            upstream.ill = ill
            path = f"/v1beta/models/{asked.card.name}:generateContent"
            # Of a caller of its own each, or one that failed would be taken for tried again.
            key = {"x-open-balancer-key": f"caller-{next(_CALLERS)}"}
            reply = client.post(path, json=asked.body, headers=key)
            assert upstream.refused == []
            assert reply.status_code == (
                200 if not ill or "fallback" in str(reply.headers) else 503
            )


def test_the_upstream_can_refuse(tmp_path: Path) -> None:
    """So that none refused means something."""
    with serving(tmp_path) as service, service.client() as client:
        upstream = StrictUpstream(service.script)
        body: dict[str, Any] = {"contents": [{"role": "robot", "parts": [{"text": "x"}]}]}
        assert client.post(f"/v1beta/models/{CARDS[0].name}:generateContent", json=body).is_error
        assert len(upstream.refused) == 1
