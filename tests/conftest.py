"""Settings for all tests: property tests draw the same examples everywhere."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import httpx
import pytest
from hypothesis import HealthCheck, settings

from balancer.prices import default_catalog
from balancer.runtime import clock
from tests.certificates import self_signed
from tests.environments import TRUSTED, TRUSTED_BEFORE
from tests.waiting import GIVE_UP_S

# A busy machine must not decide whether a test passes, nor the luck of a draw: whoever wants
# fresh examples gives --hypothesis-profile=explore.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Trust one certificate in place of all that the machine trusts.

    Tests speak to 127.0.0.1 alone, and every client of httpx reads what is trusted: of the
    machine's certificates, which are hundreds, that takes 25 ms each time.
    """
    _be_patient()
    if not hasattr(config, "workerinput"):
        # Workers, and all processes that tests start, inherit it.
        os.environ.setdefault(TRUSTED_BEFORE, os.environ.get(TRUSTED, ""))
        folder = Path(mkdtemp(prefix="open-balancer-trusted-"))
        config.add_cleanup(lambda: rmtree(folder))
        os.environ[TRUSTED] = str(self_signed(folder / "certificate.pem", "nobody"))


def _be_patient() -> None:
    """Let no client of httpx give up after its usual five seconds: a busy machine takes longer."""
    patience = signature(httpx.get).parameters["timeout"].default
    assert isinstance(patience, httpx.Timeout)
    for wait in ("connect", "read", "write", "pool"):
        setattr(patience, wait, GIVE_UP_S)


def pytest_collection_finish() -> None:
    """Spare the collector what lasts until the end: half a million objects of tests and modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _a_day_that_stands_still() -> Iterator[None]:
    """No test depends on the day it is run: today is the day of the model table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "today", lambda: default_catalog().as_of)
        yield


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, and interrupts what is started: a shell ignores it in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
