"""`python -m tests.benchmarks.keys`: what many keys with a budget each cost, as ratios.

Each figure is of a replica with 100,000 keys over one with 1,000, the best of several in turn: 1 is
a cost that does not grow with the keys.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from tests.fleet.test_many_keys import Replica, policy

FEW, MANY, ROUNDS = 1_000, 100_000, 15
_CALLS = 200


def main() -> None:
    """Print a line each."""
    both = Replica(policy(FEW)), Replica(policy(MANY))
    now_s = [100.0]

    def tick(replica: Replica) -> None:
        now_s[0] += 1.0
        replica.ledger.advance(int(now_s[0]))
        replica.leases.lapse(now_s[0])

    def calls(replica: Replica) -> None:
        for number in range(_CALLS):
            replica.call(f"k{number}")

    def look(replica: Replica) -> None:
        now_s[0] += 1.0
        replica.look(now_s[0])

    def lapsed(replica: Replica) -> None:
        replica.leases.lapse(now_s[0] + 100.0)

    kinds: dict[str, Callable[[Replica], object]] = {
        "a tick": tick,
        f"{_CALLS} calls of as many keys": calls,
        "a look at the store after them": look,
        "what is shown": lambda replica: replica.ledger.standings(),
        "a tick without the store": lapsed,
    }
    for replica in both:
        lapsed(replica)  # once an outage, of all limits
        replica.look(now_s[0] + 100.0)
    best = {name: [float("inf")] * 2 for name in kinds}
    for _ in range(ROUNDS):
        for name, work in kinds.items():
            for place, replica in enumerate(both):
                began = time.perf_counter()
                work(replica)
                best[name][place] = min(best[name][place], time.perf_counter() - began)
    for name, (few, many) in best.items():
        sys.stdout.write(f"{name}: {many / few:.1f} times\n")


if __name__ == "__main__":
    main()
