"""The comparison of all laws over the whole library, and what is claimed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from balancer.policy_file import default_policy
from scenarios.loader import library, load
from sim.compare import LawComparison, contest
from sim.rivals import chosen_laws
from tests.control.laws import Claim

__all__ = [
    "WITHIN_BEST",
    "compare_library",
    "contest_claims",
    "regret_rows",
    "reign_rows",
    "summary_rows",
    "sweep_rows",
]

WITHIN_BEST = 0.8
"""The ladder is within the best's interval in at least this share of the scenarios."""

Record = Mapping[str, Any]


def compare_library(
    names: Sequence[str] | None = None,
    *,
    replications: int | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Record:
    """The object of `comparison.json` over scenarios, all of the library without names."""
    loaded = [load(name) for name in (library() if names is None else names)]
    comparison = LawComparison(
        [
            contest(scenario, own or default_policy(), replications=replications)
            for scenario, own in loaded
        ],
        chosen_laws(None),
    )
    comparison.run(workers=workers, progress=progress)
    return comparison.record()


def contest_claims(record: Record) -> tuple[Claim, ...]:
    """How often the ladder is best, by how much it loses where it loses most, and whether it
    is so more often than its own normal mode without a controller.
    """
    rows = {row["law"]: row for row in record["summary"]}
    ladder, static = rows["ladder"], rows["static"]
    within, scenarios = ladder["within_best"], ladder["scenarios"]
    largest = ladder["largest_regret"]
    measured = [f"{within} of {scenarios} ({within / scenarios:.0%})"]
    if largest:
        measured.append(f"largest regret {_percent(largest)} in {largest['scenario']}")
    if ladder["not_eligible"]:
        measured.append(f"misses an expectation in {', '.join(ladder['not_eligible'])}")
    return (
        Claim(
            name=(
                f"the ladder is best or within the best's interval in {WITHIN_BEST:.0%} of the "
                "scenarios"
            ),
            measured="; ".join(measured),
            holds=within >= WITHIN_BEST * scenarios,
        ),
        Claim(
            name="the ladder is so in more scenarios than static",
            measured=f"{within} against {static['within_best']} of {scenarios}",
            holds=within > static["within_best"],
        ),
    )


def sweep_rows(record: Record) -> list[tuple[str, ...]]:
    """A row for each law: in how many scenarios it is best or level, by the worth of an answer.

    The first row has the worths: every fourth of those looked at.
    """
    worths = tuple(f"${each['answer_usd']:g}" for each in record["summary"][0]["sweep"][::4])
    return [
        ("law", *worths),
        *(
            (row["law"], *(str(each["within_best"]) for each in row["sweep"][::4]))
            for row in record["summary"]
        ),
    ]


def reign_rows(record: Record) -> list[tuple[str, ...]]:
    """A row for each scenario: who is best from which worth of an answer on, of those that meet
    what is expected, and of all.
    """
    return [
        (scenario["scenario"], _reigns(scenario["reigns"]), _reigns(scenario["reigns_of_all"]))
        for scenario in record["scenarios"]
    ]


def _reigns(found: Sequence[Record]) -> str:
    ends = [f" up to ${each['to_usd']:.3g}" for each in found[:-1]]
    parts = [each["law"] + end for each, end in zip(found, [*ends, ""], strict=False)]
    return ", then ".join(parts) or "nobody"


def summary_rows(record: Record) -> list[tuple[str, ...]]:
    """A row for each law: law, best, within best, eligible, dominated, largest regret."""
    return [
        (
            row["law"],
            str(row["best"]),
            str(row["within_best"]),
            str(row["eligible"]),
            str(row["dominated"]),
            (
                f"{_percent(row['largest_regret'])} in {row['largest_regret']['scenario']}"
                if row["largest_regret"]
                else "–"
            ),
        )
        for row in record["summary"]
    ]


def regret_rows(record: Record) -> list[tuple[str, ...]]:
    """A row for each scenario: its name, and the regret of each law.

    In brackets where the law misses an expectation; the best and what cannot be told from it
    are in bold.
    """
    return [
        (scenario["scenario"], *(_regret(law) for law in scenario["laws"]))
        for scenario in record["scenarios"]
    ]


def _regret(law: Record) -> str:
    if law["regret"] is None:
        return "–" if law["eligible"] else "(–)"
    text = f"{100 * law['regret']['estimate']:.1f} %"
    if law["within_best"]:
        return "**best**" if law["best"] else f"**{text}**"
    return text if law["eligible"] else f"({text})"


def _percent(value: Record) -> str:
    if value["low"] is None:
        return f"{100 * value['estimate']:.1f} %"
    ends = f"{100 * value['low']:.1f} to {100 * value['high']:.1f}"
    return f"{100 * value['estimate']:.1f} % ({ends})"
