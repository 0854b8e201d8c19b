"""The wrapper and the mock Gemini: what one counts, the other billed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from balancer.adapters.gemini import balancing, served
from balancer.core.policy import Strategy
from balancer.policy_file import default_model
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer
from tests.mock_gemini.caller import settings
from tests.waiting import GIVE_UP_S

from .bench import FLASH, LITE, Bench, failures, policy, served_models
from .test_answers import CHAIN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession"),
]

ROOT = Path(__file__).parents[3]
PAGES = ("README.md", "docs/how-to/wrap-google-genai.md")


def bench(mock: Addresses, kind: str, plan: Strategy) -> Bench:
    """A bench for the mock."""
    return Bench(url=mock.url, kind=kind, policy=policy(plan), api_key=mock.api_key)


def bill(mock: Addresses) -> int:
    """What the mock has charged, in nano-dollars."""
    counters = Admin(mock.admin_url, mock.token).counters()
    found: int = counters["total"]["bill_nano_usd"]
    return found


def test_tokens_and_cost_are_what_the_upstream_bills(kind: str) -> None:
    """Whole answers and streams, from two models."""
    fault = {"kind": "error", "error": "overloaded", "share": 1.0, "model": FLASH}
    with MockServer(settings(fault)) as mock:
        here = bench(mock.addresses, kind, CHAIN)
        with balancing(request=3):
            response = here.ask()
        with balancing(request=4):
            chunks = here.stream()
        for found in (response, chunks[-1]):
            how = served(found)
            assert how is not None
            assert (how.model, how.attempts) == (LITE, 2)
        models = served_models(here.seen())
        assert failures(models[FLASH]) == {"overloaded": 2}
        assert models[LITE].ttft.total == 1
        assert models[LITE].nano_usd == bill(mock.addresses)


def test_a_hang_is_bounded_below_ten_seconds(kind: str) -> None:
    """The mock refuses shorter deadlines, as Gemini does, and is not told of one."""
    fault = {"kind": "hang", "share": 1.0, "model": FLASH}
    with MockServer(settings(fault)) as mock:
        plan = Strategy(model=FLASH, fallback_models=(LITE,), timeout_s=60.0, retries=0)
        here = bench(mock.addresses, kind, plan)
        assert here.ask().text
        assert failures(served_models(here.seen())[FLASH]) == {"timeout": 1}


@pytest.mark.parametrize("page", PAGES)
def test_the_example_runs_as_printed(page: str) -> None:
    """With nothing but its environment to say where Gemini is."""
    example = re.findall(
        r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL
    )[0]
    assert len(example.splitlines()) <= 24
    with MockServer(settings()) as mock:
        environment = {
            **os.environ,
            "GEMINI_API_KEY": mock.addresses.api_key,
            "GOOGLE_GEMINI_BASE_URL": mock.addresses.url,
        }
        environment.pop("GOOGLE_API_KEY", None)
        found = subprocess.run(
            [sys.executable, "-W", "error", "-c", example],
            input="What is a brownout?\nAnd why?\n",
            env=environment,
            capture_output=True,
            text=True,
            timeout=GIVE_UP_S,
            check=False,
        )
    assert found.returncode == 0, found.stderr
    first, second = (line for line in found.stdout.splitlines() if line.startswith("[normal, "))
    assert first.startswith(f"[normal, {default_model()}] ")
    assert second
