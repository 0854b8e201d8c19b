"""What the tests of the wrapper share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from balancer.core.policy import Policy, Strategy

from .bench import KINDS, Bench, policy
from .interacting import FAST
from .script import Reply, Script


@pytest.fixture
def play() -> Iterator[Callable[..., Script]]:
    """Starts scripts, and stops them."""
    with ExitStack() as stack:

        def start(*replies: Reply) -> Script:
            return stack.enter_context(Script(list(replies)))

        yield start


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Every kind of client."""
    found: str = request.param
    return found


@pytest.fixture
def bench(kind: str) -> Callable[..., Bench]:
    """Makes a bench of the kind for a script."""

    def make(script: Script, plan: Policy | None = None, **more: Any) -> Bench:
        return Bench(url=script.url, kind=kind, policy=policy() if plan is None else plan, **more)

    return make


@pytest.fixture(params=["sync", "httpx"])
def make(request: pytest.FixtureRequest) -> Callable[..., Bench]:
    """Benches of blocking and of asynchronous clients; there is one HTTP client for these."""

    def bench(script: Script, plan: Policy | None = None, **more: Any) -> Bench:
        return Bench(
            url=script.url,
            kind=request.param,
            policy=policy(Strategy(timeout_s=60.0, retries=0)) if plan is None else plan,
            **{"options": FAST, **more},
        )

    return bench
