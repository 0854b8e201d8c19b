"""Proof: the default policy on traffic from one request in fifty seconds to five hundred a second.

    python -m tests.proofs.rates [--law NAME] [--runs N] [--rate R]... [--section NAME]...

prints the same for another law, with fewer runs, or at some of the rates, and writes nothing.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence

from balancer.core.policy import LAWS
from sim.workers.pool import Workers, fan_out
from tests.control.laws import Claim
from tests.control.rate_claims import (
    BACK,
    FOUND,
    Cells,
    absorbed_claims,
    back_within,
    cost_of_threshold,
    found_within,
    ill_claims,
    mean_of,
    mean_of_static,
    most_degraded,
    steady_claims,
)
from tests.control.rates import (
    ABSORBED,
    FAULTS,
    HEALTHY,
    RATES,
    Case,
    Episode,
    Fault,
    quantile,
    run_case,
)

from .claims import claim_table
from .document import Proof, table

__all__ = ["prove_absorbed", "prove_ill", "prove_steady"]

RUNS = 20
"""Of every cell, but for the largest with a fault in it."""
ILL_RUNS = 8
"""Of every cell with an hour ill in it: 95 % of eight are all of them."""
LARGEST, FEWER_RUNS = 500.0, 4
TOLD = 50
"""Runs after which the progress is told."""
ABSORBED_RATES = (0.1, 1.0, 5.5, 50.0)

_SETTING = """\
The default policy with its cost thresholds and its baseline in proportion to the traffic (made for
5.5 requests a second); Poisson arrivals of the calibrated conversation; models without quotas or
capacities, so that nothing is wrong with the size itself.
"""
_STEADY = f"""\
{_SETTING}Nothing goes wrong for six hours.
"""
_ILL = f"""\
{_SETTING}One hour of four is ill. `slow`: the main model takes five times as long. `hang`: it never
answers. `cost`: it thinks and writes 3.2 times as much in the same time, which makes three times
the bill. No mode helps against two more, since all of them ask the same two models, and so nothing
is asked there but to do no harm: `region`: of all calls, whatever the model, 40 % are refused with
503; `all hang`: no model answers.

Found: from the start of the fault until the mode leaves normal. Back: from its end until nine of
ten requests are served in normal, to stay. Of a limit in seconds and in requests the longer one
holds, and a fault that ends before so many requests have come need not be found. What single
requests cost varies, so that spending is known later than what every request feels. Within: runs
within the limit for the median, and within that for 95 %. Degraded is at most the share of requests
that come in the ill hour and the time allowed for the way back.
"""
_ABSORBED = f"""\
{_SETTING}For two hours of four a share of the calls to the main model is refused with 503, and its
fallback is well: every user has an answer. Where P95 or cost would break a rule in normal mode, by
the same requests without a controller, it may be left.
"""


def prove_steady(
    workers: int | Workers,
    law: str | None = None,
    most_runs: int = RUNS,
    rates: Sequence[float] = RATES,
) -> Proof:
    """Six hours of healthy traffic."""
    cells = _run({"healthy": HEALTHY}, rates, workers, law, most_runs, static=False)["healthy"]
    heads = ("requests/s", "runs", "leave normal", "degraded", "why the first of them left")
    rows = (
        (
            f"{rate:g}",
            f"{len(episodes)}",
            f"{len(left)}",
            f"{mean_of(episodes, 'degraded_share'):.3%}",
            left[0].run.transitions[0].reason if left else "–",
        )
        for rate, episodes in cells.items()
        for left in [[each for each in episodes if each.run.transitions]]
    )
    return _proof(_STEADY, steady_claims(cells), table(heads, rows))


def prove_ill(
    workers: int | Workers,
    law: str | None = None,
    most_runs: int = ILL_RUNS,
    rates: Sequence[float] = RATES,
) -> Proof:
    """One hour of four in which something is wrong."""
    cells = _run(FAULTS, rates, workers, law, most_runs, fewer=FEWER_RUNS)
    heads = (
        *("fault", "requests/s", "runs", "away before"),
        *("found s, median", "95 %", "requests, median", "95 %", "within"),
        *("back s, median", "95 %", "requests, median", "95 %", "within"),
        *("degraded", "at most", "availability", "static", "transitions"),
    )
    rows = (_ill_row(name, rate, episodes) for name, rate, episodes in _each(cells))
    claims = [claim for name in cells for claim in ill_claims(name, cells[name])]
    return _proof(_ILL, claims, table(heads, rows))


def _ill_row(name: str, rate: float, episodes: Sequence[Episode]) -> tuple[str, ...]:
    timed = name in FOUND
    limits = FOUND.get(name, ())
    return (
        name,
        f"{rate:g}",
        f"{len(episodes)}",
        f"{sum(each.away for each in episodes)}",
        *_quantiles([each.found_s for each in episodes]),
        *_quantiles([each.found_requests for each in episodes]),
        ", ".join(f"{found_within(episodes, limit)}" for limit in limits) or "–",
        *_quantiles([each.back_s for each in episodes]),
        *_quantiles([each.back_requests for each in episodes]),
        f"{back_within(episodes, BACK)}" if timed else "–",
        f"{mean_of(episodes, 'degraded_share'):.1%}",
        f"{most_degraded(rate, FAULTS[name]):.1%}" if timed else "–",
        *_availabilities(episodes),
        f"{mean_of(episodes, 'transitions'):.1f}",
    )


def prove_absorbed(
    workers: int | Workers,
    law: str | None = None,
    most_runs: int = RUNS,
    rates: Sequence[float] = ABSORBED_RATES,
) -> Proof:
    """Two hours of four in which the fallback answers what the main model does not."""
    cells = _run(ABSORBED, rates, workers, law, most_runs)
    heads = (
        *("calls that fail", "requests/s", "runs", "degraded", "leave normal", "transitions"),
        *("availability", "static", "P95 s of static", "cost of static, of the threshold"),
    )
    rows = (
        (
            name,
            f"{rate:g}",
            f"{len(episodes)}",
            f"{mean_of(episodes, 'degraded_share'):.1%}",
            f"{sum(bool(each.run.transitions) for each in episodes)}",
            f"{mean_of(episodes, 'transitions'):.1f}",
            *_availabilities(episodes),
            f"{mean_of_static(episodes, 'latency_p95_s'):.1f}",
            f"{cost_of_threshold(rate, episodes):.0%}",
        )
        for name, rate, episodes in _each(cells)
    )
    claims = [claim for name in cells for claim in absorbed_claims(name, cells[name])]
    return _proof(_ABSORBED, claims, table(heads, rows))


def _run(
    faults: Mapping[str, Fault],
    rates: Sequence[float],
    workers: int | Workers,
    law: str | None,
    most_runs: int,
    *,
    fewer: int = RUNS,
    static: bool = True,
) -> Mapping[str, Cells]:
    """All runs by fault, the smallest made first; `fewer` of the largest rate."""
    cases = [
        Case(
            rate=rate,
            fault=fault,
            replication=replication,
            law=law,
            against_static=static,
        )
        for rate in rates
        for fault in faults.values()
        for replication in range(min(most_runs, fewer if rate == LARGEST else RUNS))
    ]
    count = 0

    def tell(_episode: Episode) -> None:
        nonlocal count
        count += 1
        if count % TOLD == 0:
            print(f"  {count} of {len(cases)} runs", flush=True)

    episodes = fan_out(run_case, cases, workers=workers, done=tell)
    pairs = list(zip(cases, episodes, strict=True))
    return {
        name: {
            rate: [found for case, found in pairs if case.rate == rate and case.fault == fault]
            for rate in rates
        }
        for name, fault in faults.items()
    }


def _each(cells: Mapping[str, Cells]) -> Iterable[tuple[str, float, Sequence[Episode]]]:
    for name, by_rate in cells.items():
        for rate, episodes in by_rate.items():
            yield name, rate, episodes


def _availabilities(episodes: Sequence[Episode]) -> Iterable[str]:
    for mean in (mean_of, mean_of_static):
        yield f"{mean(episodes, 'availability'):.3%}"


def _quantiles(values: Sequence[float]) -> Iterable[str]:
    for share in (0.5, 0.95):
        value = quantile(values, share)
        yield "never" if math.isinf(value) else f"{value:.0f}"


def _proof(text: str, claims: Sequence[Claim], rows: str) -> Proof:
    return Proof(
        text="\n".join([text, claim_table(claims), rows]),
        holds=all(claim.holds for claim in claims),
    )


def main() -> None:
    """Print what is asked for."""
    sections = {"steady": prove_steady, "ill": prove_ill, "absorbed": prove_absorbed}
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.rates")
    parser.add_argument("--law", choices=LAWS, help="instead of the default policy's")
    parser.add_argument("--runs", type=int, default=RUNS, help="of every cell, at most")
    parser.add_argument("--rate", action="append", type=float, help="requests/s; without, all")
    parser.add_argument("--section", action="append", choices=[*sections])
    parser.add_argument("--workers", type=int, default=1, help="processes")
    asked = parser.parse_args()
    for title in asked.section or sections:
        rates = {} if asked.rate is None else {"rates": asked.rate}
        proof = sections[title](asked.workers, asked.law, asked.runs, **rates)
        print(f"## {title}\n\n{proof.text}", flush=True)


if __name__ == "__main__":
    main()
