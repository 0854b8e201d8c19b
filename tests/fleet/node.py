"""A process of a live fleet: makes calls, and writes down what it pays for them.

`python -m tests.fleet.node URL NAME FOLDER` runs until its stdin ends, and answers each line of it
with how it stands. Each line of `FOLDER/NAME.spent` is a call that was paid: Unix time and
nano-dollars, written before it settles.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from balancer.core.policy import BudgetLimit
from balancer.core.pricing import cost_nano_usd
from balancer.fleet import Fleet
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, CallSettings, Outcome

LIMIT_USD = 0.4
WINDOW_S = 20.0
PROMPT, CAP = 500, 400
STREAMS = 128


def main(url: str, name: str, folder: Path) -> None:
    """See the module."""
    limit = BudgetLimit(usd=LIMIT_USD, window_s=WINDOW_S)
    policy = replace(default_policy(), budgets=(limit,), rules=())
    balancer = Balancer(
        policy,
        settings=CallSettings(model="gemini-2.5-flash"),
        journal=folder / f"{name}.jsonl",
        fleet=Fleet(url=url, replica=f"{name}-{random.getrandbits(32):x}", timeout_s=1.0),
    )
    price = policy.catalog.card("gemini-2.5-flash").price
    spent = (folder / f"{name}.spent").open("a", buffering=1)
    over = threading.Event()
    slowest, calls = 0.0, 0

    def stream(seed: int) -> None:
        nonlocal slowest, calls
        chance = random.Random(f"{name} {seed}")
        while not over.is_set():
            began = time.perf_counter()
            request = balancer.request(asked=Asked(prompt_tokens=PROMPT, output_cap_tokens=CAP))
            attempt = request.start()
            slowest = max(slowest, time.perf_counter() - began)
            calls += 1
            if attempt is None:
                request.close()
                over.wait(chance.uniform(1.0, 3.0))
                continue
            over.wait(chance.expovariate(1.0))
            output = chance.randint(10, attempt.output_cap_tokens or CAP)
            cost = cost_nano_usd(price, PROMPT, 0, output, 0)
            spent.write(f"{time.time()} {cost}\n")
            attempt.finish(Outcome(prompt_tokens=PROMPT, output_tokens=output))
            request.close()

    streams = [
        threading.Thread(target=stream, args=(each,), daemon=True) for each in range(STREAMS)
    ]
    with balancer:
        for each in streams:
            each.start()
        for _ in sys.stdin:
            status = balancer.status()
            assert status.fleet is not None
            (budget,) = status.budgets
            sys.stdout.write(
                json.dumps(
                    {
                        "place": status.fleet.place,
                        "tick": status.fleet.tick,
                        "problem": status.fleet.problem,
                        "replicas": status.fleet.replicas,
                        "leased": status.fleet.leased,
                        "problems": status.problems,
                        "slowest_s": slowest,
                        "calls": calls,
                        "used": budget.used,
                    }
                )
                + "\n"
            )
            sys.stdout.flush()
        over.set()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
