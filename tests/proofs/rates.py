"""Proof: the default policy on traffic from one request in fifty seconds to five hundred a second.

    python -m tests.proofs.rates [--law NAME] [--runs N] [--section NAME]... [--workers N]

prints the same with another law or fewer runs, and writes nothing.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sim.intervals import Interval, mean_interval
from sim.pool import fan_out
from tests.control.laws import Claim
from tests.control.rates import (
    ABSORBED,
    FAULTS,
    HEALTHY,
    RATES,
    WARM_UP_S,
    Case,
    Episode,
    Fault,
    policy_at,
    quantile,
    run_case,
)

from .claims import claim_table
from .document import Proof, table

__all__ = ["Limit", "prove_absorbed", "prove_ill", "prove_steady"]

RUNS = 20
"""Of every cell, but for the largest with a fault in it."""
LARGEST, FEWER_RUNS = 500.0, 8
ABSORBED_RATES = (0.1, 1.0, 5.5, 50.0)
MOST_LEAVING = 1
MOST_DEGRADED, MOST_DEGRADED_ABSORBED = 0.001, 0.05

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
the bill. `region`: of all calls, whatever the model, 40 % are refused with 503; no mode helps,
since all of them ask the same two models, and so nothing is asked but to do no harm.

Found: from the start of the fault until the mode leaves normal. Back: from its end until nine of
ten requests are served in normal, to stay. Of a limit in seconds and in requests the longer one
holds, and a fault that ends before so many requests have come need not be found. What single
requests cost varies, so that spending is known later than what every request feels. Within: runs
within the limit for the median, and within that for 95 %.
"""
_ABSORBED = f"""\
{_SETTING}For two hours of four a share of the calls to the main model is refused with 503, and its
fallback is well: every user has an answer. Where P95 or cost would break a rule in normal mode, by
the same requests without a controller, it may be left.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Seconds or requests, whichever is longer."""

    seconds: float
    requests: int

    def __str__(self) -> str:
        return f"max({self.seconds:g} s, {self.requests} requests)"

    def kept(self, seconds: float, requests: float, *, of: float = math.inf) -> bool:
        """Whether something that took so long is within it.

        Args:
            seconds, requests: it took; infinite if it never happened.
            of: requests there were; of fewer than the limit nothing is asked.
        """
        return seconds <= self.seconds or min(requests, of) <= self.requests


_FELT = (Limit(seconds=30.0, requests=12), Limit(seconds=90.0, requests=40))
_SPENT = (Limit(seconds=60.0, requests=100), Limit(seconds=120.0, requests=200))
FOUND: Mapping[str, tuple[Limit, Limit]] = {"slow": _FELT, "hang": _FELT, "cost": _SPENT}
"""By fault: within what it is found in the median, and in 95 % of the runs."""
BACK = Limit(seconds=300.0, requests=60)
"""Within what 95 % of the runs are back in normal."""

Cells = Mapping[tuple[str, float], Sequence[Episode]]
"""Runs by fault and requests a second."""


def prove_steady(workers: int, law: str | None = None, most_runs: int = RUNS) -> Proof:
    """Six hours of healthy traffic."""
    cells = _run({"healthy": HEALTHY}, RATES, workers, law, most_runs, fewer=RUNS, static=False)
    claims = steady_claims(cells)
    heads = ("requests/s", "runs", "leave normal", "degraded", "why the first of them left")
    rows = (
        (
            f"{rate:g}",
            f"{len(episodes)}",
            f"{sum(bool(each.run.transitions) for each in episodes)}",
            f"{_metric(episodes, 'degraded_share'):.3%}",
            next((each.run.transitions[0].reason for each in episodes if each.run.transitions), ""),
        )
        for (_, rate), episodes in cells.items()
    )
    return _proof(_STEADY, claims, table(heads, rows))


def steady_claims(cells: Cells) -> tuple[Claim, ...]:
    """Healthy traffic is left alone."""
    runs = [each.run for episodes in cells.values() for each in episodes]
    leaving = sum(bool(run.transitions) for run in runs)
    degraded = [(rate, _metric(found, "degraded_share")) for (_, rate), found in cells.items()]
    return (
        Claim(
            name=f"at most {MOST_LEAVING} of all runs leaves normal",
            measured=f"{leaving} of {len(runs)}",
            holds=leaving <= MOST_LEAVING,
        ),
        _everywhere(
            f"degraded share at most {MOST_DEGRADED:.1%}",
            [(rate, share <= MOST_DEGRADED, f"{share:.2%}") for rate, share in degraded],
        ),
    )


def prove_ill(workers: int, law: str | None = None, most_runs: int = RUNS) -> Proof:
    """One hour of four in which something is wrong."""
    cells = _run(FAULTS, RATES, workers, law, most_runs, fewer=FEWER_RUNS)
    claims = tuple(
        claim
        for name in FAULTS
        for claim in ill_claims(name, {rate: cells[name, rate] for rate in RATES})
    )
    heads = (
        *("fault", "requests/s", "runs", "away before"),
        *("found s, median", "95 %", "requests, median", "95 %", "within"),
        *("back s, median", "95 %", "requests, median", "95 %", "within"),
        *("degraded", "at most", "availability", "static", "transitions"),
    )
    rows = (_ill_row(name, rate, episodes) for (name, rate), episodes in cells.items())
    return _proof(_ILL, claims, table(heads, rows))


def ill_claims(name: str, cells: Mapping[float, Sequence[Episode]]) -> tuple[Claim, ...]:
    """What is asked of a fault that users feel, and of one that no mode helps against.

    Args:
        name: of the fault.
        cells: its runs, by requests a second.
    """
    ahead = [(rate, _ahead(episodes)) for rate, episodes in cells.items()]
    unharmed = _everywhere(
        f"{name}: availability not below static's, beyond its interval",
        [(rate, not of.high < 0.0, f"{of.estimate * 100:+.2f} points") for rate, of in ahead],
    )
    if name not in FOUND:
        return (unharmed,)
    middle, most = FOUND[name]
    return (
        _in_time(f"{name}: found", middle, 0.5, cells, _found_within),
        _in_time(f"{name}: found", most, 0.95, cells, _found_within),
        _in_time(f"{name}: back", BACK, 0.95, cells, _back_within),
        _everywhere(
            f"{name}: degraded share at most that of the ill hour and {BACK}",
            [
                (rate, share <= _most_degraded(rate, FAULTS[name]), f"{share:.1%}")
                for rate, episodes in cells.items()
                for share in [_metric(episodes, "degraded_share")]
            ],
        ),
        unharmed,
    )


def _in_time(
    what: str,
    limit: Limit,
    share: float,
    cells: Mapping[float, Sequence[Episode]],
    within: Callable[[Sequence[Episode], Limit], int],
) -> Claim:
    counts = [(rate, within(runs, limit), len(runs)) for rate, runs in cells.items()]
    return _everywhere(
        f"{what} within {limit} in {share:.0%} of the runs",
        [(rate, kept >= share * runs, f"{kept} of {runs}") for rate, kept, runs in counts],
    )


def _found_within(episodes: Sequence[Episode], limit: Limit) -> int:
    return sum(
        limit.kept(each.found_s, each.found_requests, of=each.ill_requests) for each in episodes
    )


def _back_within(episodes: Sequence[Episode], limit: Limit) -> int:
    return sum(limit.kept(each.back_s, each.back_requests) for each in episodes)


def _most_degraded(rate: float, fault: Fault) -> float:
    """Share of the requests after the warm-up that come in the ill time and the way back."""
    span_s = fault.until_s - fault.from_s + max(BACK.seconds, BACK.requests / rate)
    return span_s / (fault.duration_s - WARM_UP_S)


def _ill_row(name: str, rate: float, episodes: Sequence[Episode]) -> tuple[str, ...]:
    limits = FOUND.get(name, ())
    return (
        name,
        f"{rate:g}",
        f"{len(episodes)}",
        f"{sum(each.away for each in episodes)}",
        *_quantiles([each.found_s for each in episodes]),
        *_quantiles([each.found_requests for each in episodes]),
        ", ".join(f"{_found_within(episodes, limit)}" for limit in limits) or "–",
        *_quantiles([each.back_s for each in episodes]),
        *_quantiles([each.back_requests for each in episodes]),
        f"{_back_within(episodes, BACK)}",
        f"{_metric(episodes, 'degraded_share'):.1%}",
        f"{_most_degraded(rate, FAULTS[name]):.1%}",
        *_availabilities(episodes),
        f"{_metric(episodes, 'transitions'):.1f}",
    )


def prove_absorbed(workers: int, law: str | None = None, most_runs: int = RUNS) -> Proof:
    """Two hours of four in which the fallback answers what the main model does not."""
    cells = _run(ABSORBED, ABSORBED_RATES, workers, law, most_runs, fewer=RUNS)
    heads = (
        *("calls that fail", "requests/s", "runs", "degraded", "leave normal", "transitions"),
        *("availability", "static", "P95 s of static", "cost of static, of the threshold"),
    )
    rows = (
        (
            name,
            f"{rate:g}",
            f"{len(episodes)}",
            f"{_metric(episodes, 'degraded_share'):.1%}",
            f"{sum(bool(each.run.transitions) for each in episodes)}",
            f"{_metric(episodes, 'transitions'):.1f}",
            *_availabilities(episodes),
            f"{_static(episodes, 'latency_p95_s'):.1f}",
            f"{_cost_of_threshold(rate, episodes):.0%}",
        )
        for (name, rate), episodes in cells.items()
    )
    return _proof(_ABSORBED, absorbed_claims(cells), table(heads, rows))


def absorbed_claims(cells: Cells) -> tuple[Claim, ...]:
    """Errors that no user feels degrade nobody."""
    return tuple(
        _everywhere(
            f"{name} of the calls fail: degraded share at most {MOST_DEGRADED_ABSORBED:.0%}, "
            "unless P95 or cost breaks a rule",
            [
                (
                    rate,
                    share <= MOST_DEGRADED_ABSORBED or _breaks_a_rule(rate, episodes),
                    f"{share:.1%}",
                )
                for (of, rate), episodes in cells.items()
                for share in [_metric(episodes, "degraded_share")]
                if of == name
            ],
        )
        for name in dict.fromkeys(name for name, _ in cells)
    )


def _breaks_a_rule(rate: float, episodes: Sequence[Episode]) -> bool:
    """Whether normal mode would break the P95 or the cost that the policy asks for."""
    late = _static(episodes, "latency_p95_s") > _least_threshold(rate, "latency_p95")
    return late or _cost_of_threshold(rate, episodes) > 1.0


def _cost_of_threshold(rate: float, episodes: Sequence[Episode]) -> float:
    hours = (episodes[0].run.duration_s - WARM_UP_S) / 3600.0
    per_hour = _static(episodes, "cost_usd") / hours
    return per_hour / _least_threshold(rate, "token_cost_per_hour")


def _least_threshold(rate: float, signal: str) -> float:
    return min(rule.threshold for rule in policy_at(rate).rules if rule.signal == signal)


# --- what the three have in common --------------------------------------------------------


def _run(
    faults: Mapping[str, Fault],
    rates: Sequence[float],
    workers: int,
    law: str | None,
    most_runs: int,
    *,
    fewer: int,
    static: bool = True,
) -> Cells:
    """All runs, the smallest first; `fewer` of the largest rate."""
    keys = [(name, rate) for rate in rates for name in faults]
    cases = {
        (name, rate): [
            Case(
                rate=rate,
                fault=faults[name],
                replication=replication,
                law=law,
                against_static=static,
            )
            for replication in range(min(most_runs, fewer if rate == LARGEST else RUNS))
        ]
        for name, rate in keys
    }
    every = [case for key in keys for case in cases[key]]
    episodes = iter(fan_out(run_case, every, workers=workers, done=lambda _: None))
    found = {key: [next(episodes) for _ in cases[key]] for key in keys}
    return {(name, rate): found[name, rate] for name in faults for rate in rates}


def _everywhere(name: str, judged: Sequence[tuple[float, bool, str]]) -> Claim:
    """A claim that is to hold at every rate.

    Args:
        name: of the claim.
        judged: requests a second, whether it holds there, and what was measured.
    """
    missed = [f"{rate:g}/s ({measured})" for rate, holds, measured in judged if not holds]
    return Claim(
        name=name,
        measured=f"not at {', '.join(missed)}" if missed else f"at all {len(judged)} rates",
        holds=not missed,
    )


def _metric(episodes: Sequence[Episode], name: str) -> float:
    return mean_interval([each.run.metrics[name] for each in episodes]).estimate


def _static(episodes: Sequence[Episode], name: str) -> float:
    return mean_interval([each.static.metrics[name] for each in episodes if each.static]).estimate


def _ahead(episodes: Sequence[Episode]) -> Interval:
    """Availability above static's."""
    return mean_interval(
        [
            each.run.metrics["availability"] - each.static.metrics["availability"]
            for each in episodes
            if each.static
        ]
    )


def _availabilities(episodes: Sequence[Episode]) -> tuple[str, str]:
    return (
        f"{_metric(episodes, 'availability'):.3%}",
        f"{_static(episodes, 'availability'):.3%}",
    )


def _quantiles(values: Sequence[float]) -> Iterable[str]:
    for share in (0.5, 0.95):
        value = quantile(values, share)
        yield "never" if math.isinf(value) else f"{value:.0f}"


def _proof(text: str, claims: Sequence[Claim], *tables: str) -> Proof:
    return Proof(
        text="\n".join([text, claim_table(claims), *tables]),
        holds=all(claim.holds for claim in claims),
    )


if __name__ == "__main__":
    sections = {"steady": prove_steady, "ill": prove_ill, "absorbed": prove_absorbed}
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.rates")
    parser.add_argument("--law", help="instead of the default policy's")
    parser.add_argument("--runs", type=int, default=RUNS, help="of every cell, at most")
    parser.add_argument("--section", action="append", choices=[*sections])
    parser.add_argument("--workers", type=int, default=1, help="processes")
    asked = parser.parse_args()
    for title in asked.section or sections:
        print(f"## {title}\n\n{sections[title](asked.workers, asked.law, asked.runs).text}")
