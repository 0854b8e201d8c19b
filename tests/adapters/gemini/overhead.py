"""What the wrapper costs a call: `python -m tests.adapters.gemini.overhead`.

The SDK's method is replaced by one that answers at once, so all that is measured is ours. Beside it
the same call of the SDK itself over the loopback interface, whose client is the larger part.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from google import genai
from google.genai import types

from balancer.adapters.gemini.client import WrappedModels
from balancer.adapters.gemini.given import Wrapping
from balancer.core.modes import Mode
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from tests.waiting import until

from .bench import FLASH
from .script import Script, whole

CALLS = 2000


class Instant:
    """Models that answer at once."""

    def __init__(self) -> None:
        self._response = types.GenerateContentResponse.model_validate(
            {**whole("Hello. " * 50), "sdk_http_response": {"headers": {"date": "today"}}}
        )

    def generate_content(self, **_: Any) -> types.GenerateContentResponse:
        """The same answer every time."""
        return self._response


def cpu_us(call: Callable[[], object], calls: int) -> float:
    """CPU of this thread for a call in microseconds, the median of ten rounds."""
    rounds = []
    for _ in range(10):
        began = time.thread_time()
        for _ in range(calls // 10):
            call()
        rounds.append((time.thread_time() - began) / (calls // 10) * 1e6)
    return statistics.median(rounds)


def main() -> None:
    """Measure and print."""
    config = types.GenerateContentConfig(system_instruction="You are a pirate.", top_p=0.5)
    question = "What is a brownout? " * 20
    arguments: dict[str, Any] = {"model": FLASH, "contents": question, "config": config}
    rows = []
    with Balancer(default_policy()) as balancer:
        models = WrappedModels(Instant(), Wrapping(balancer=balancer))
        rows.append(("in normal", cpu_us(lambda: models.generate_content(**arguments), CALLS)))
        balancer.override(Mode.HARD, "to measure", for_s=3600)
        until(lambda: balancer.decision.mode == Mode.HARD)
        rows.append(("in hard", cpu_us(lambda: models.generate_content(**arguments), CALLS)))
    with Script() as script:
        options = types.HttpOptions(base_url=script.url)
        with genai.Client(api_key="k", http_options=options) as client:
            plain = cpu_us(lambda: client.models.generate_content(**arguments), 200)
            rows.append(("the SDK itself", plain))
    for name, microseconds in rows:
        sys.stdout.write(f"{name:>16} {microseconds:8.0f} us of CPU a call\n")


if __name__ == "__main__":
    main()
