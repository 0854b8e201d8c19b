"""The comparison of all laws over the whole library, and what is claimed of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from balancer.policy_file import default_policy
from scenarios.loader import library, load
from sim.run.result import STATIC
from sim.study.compare import LawComparison, contest
from sim.study.compared_laws import chosen_laws, tuning
from sim.study.law_summary import NEAR
from sim.workers.pool import Workers
from tests.control.laws import Claim

__all__ = [
    "LEVEL",
    "MOST_REGRET",
    "OUTCOME_HEADS",
    "RANKING_HEADS",
    "TUNING_HEADS",
    "compare_library",
    "contest_claims",
    "held_out",
    "lived_rows",
    "outcome_rows",
    "ranking_rows",
    "regret_rows",
    "reign_rows",
    "sweep_rows",
    "tuning_rows",
]

LEVEL = 0.75
"""The default law is best or level with it in at least this share of the scenarios."""
MOST_REGRET = 0.1
"""Its largest regret, as a share of what perfect answers are worth."""

OUTCOME_HEADS = (
    "law",
    "best or level",
    "best",
    *(f"within {100 * near:g} %" for near in NEAR),
    "meets all",
    "dominated",
    "mean regret",
    "largest regret",
)
RANKING_HEADS = (
    "law",
    "best or level, mean",
    "least to most",
    "first in",
    "mean regret",
    "largest regret, at worth, quality, prices",
)
TUNING_HEADS = ("law", "chosen", "loss as published", "loss as chosen", "trials")

Record = Mapping[str, Any]


def compare_library(
    names: Sequence[str] | None = None,
    *,
    replications: int | None = None,
    workers: int | Workers | None = None,
    progress: Callable[[float, int], None] | None = None,
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


def held_out(record: Record) -> list[Record]:
    """Objects of the scenarios that no law was tuned on."""
    training = tuning()["training"]
    return [row for row in record["scenarios"] if row["scenario"] not in training]


def contest_claims(record: Record) -> tuple[Claim, ...]:
    """What is claimed of the default policy's law, by outcomes alone, tuned rivals present."""
    law, rows = record["reference"], record["scenarios"]
    level, without = _level(rows, law), _level(rows, STATIC)
    unseen = held_out(record)
    unseen_level = _level(unseen, law)
    regrets = {row["scenario"]: _law(row, law)["regret"] for row in rows}
    worst = max(
        (name for name, each in regrets.items() if each is not None),
        key=lambda name: regrets[name]["estimate"],
        default=None,
    )
    dominated = [
        f"{row['scenario']} by {', '.join(by)}"
        for row in rows
        if (by := _law(row, law)["dominated_by"])
    ]
    missed = list(_missed(rows, law))
    return (
        Claim(
            name=(
                f"{law}, the default law, is best or level with the best in {LEVEL:.0%} of the "
                "scenarios, and of those that no law was tuned on"
            ),
            measured=(
                f"{_share(level, len(rows))}; {_share(unseen_level, len(unseen))} not tuned on; "
                + ", ".join(
                    f"{_near(rows, law, near)} within {100 * near:g} % of perfect worth"
                    for near in NEAR
                )
            ),
            holds=level >= LEVEL * len(rows) and unseen_level >= LEVEL * len(unseen),
        ),
        Claim(
            name=f"its largest regret is at most {MOST_REGRET:.0%}, whether it meets all or not",
            measured="none" if worst is None else f"{_percent(regrets[worst])} in {worst}",
            holds=worst is None or regrets[worst]["estimate"] <= MOST_REGRET,
        ),
        Claim(
            name="no law dominates it anywhere",
            measured="; ".join(dominated) or "none does",
            holds=not dominated,
        ),
        Claim(
            name="wherever a law meets all that is expected of the outcome, it does",
            measured="; ".join(missed) or "it does",
            holds=not missed,
        ),
        Claim(
            name="it is best or level in more scenarios than static",
            measured=f"{level} against {without} of {len(rows)}",
            holds=level > without,
        ),
    )


def _missed(rows: Sequence[Record], law: str) -> Iterator[str]:
    """Scenarios in which another law meets all, and this one does not."""
    for row in rows:
        own = _law(row, law)
        others = [each["law"] for each in row["laws"] if each["eligible"]]
        if others and not own["eligible"]:
            what = [
                each["name"] for each in own["expectations"] if each["counts"] and not each["met"]
            ]
            yield f"{row['scenario']}: misses {', '.join(what)}, which {len(others)} others meet"


def _level(rows: Sequence[Record], law: str) -> int:
    return sum(_law(row, law)["within_best"] for row in rows)


def _near(rows: Sequence[Record], law: str, near: float) -> int:
    own = [_law(row, law) for row in rows]
    return sum(each["eligible"] and each["regret"]["estimate"] <= near for each in own)


def _law(row: Record, law: str) -> Record:
    found: Record = next(each for each in row["laws"] if each["law"] == law)
    return found


def _share(count: int, of: int) -> str:
    return f"{count} of {of} ({count / of:.0%})" if of else "none"


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


def outcome_rows(summary: Sequence[Record]) -> list[tuple[str, ...]]:
    """A row for each law, of outcomes alone: `OUTCOME_HEADS`."""
    return [
        (
            row["law"],
            str(row["within_best"]),
            str(row["best"]),
            *(str(each["scenarios"]) for each in row["near_best"]),
            str(row["eligible"]),
            str(row["dominated"]),
            _plain(row["mean_regret"]),
            (
                f"{_percent(row['largest_regret'])} in {row['largest_regret']['scenario']}"
                if row["largest_regret"]
                else "–"
            ),
        )
        for row in summary
    ]


def lived_rows(summary: Sequence[Record]) -> list[tuple[str, ...]]:
    """A head, and a row for each law, of what operators live through."""
    ways = [each["about"] for each in summary[0]["lived_through"]["expectations"]]
    found = [("law", *(f"{way} met" for way in ways), "changes of mode an hour", "degraded")]
    for row in summary:
        lived = row["lived_through"]
        found.append(
            (
                row["law"],
                *(f"{each['met']} of {each['asked']}" for each in lived["expectations"]),
                f"{lived['transitions_per_hour']:.1f}",
                f"{lived['degraded_share']:.0%}",
            )
        )
    return found


def ranking_rows(record: Record, summary: Sequence[Record]) -> list[tuple[str, ...]]:
    """A row for each law over all cells: `RANKING_HEADS`; who is level most often is first."""
    by_level = sorted(summary, key=lambda row: -row["cells"]["mean_level"])
    return [_ranked(row["law"], row["cells"], record["cells"]) for row in by_level]


def _ranked(law: str, found: Record, cells: Sequence[Record]) -> tuple[str, ...]:
    largest = "–"
    if found["largest_regret"]:
        at, cell = found["largest_regret"], cells[found["largest_regret"]["cell"]]
        largest = (
            f"{_plain(at['estimate'])} in {at['scenario']} at ${cell['answer_usd']:g}, "
            f"{cell['sibling_quality']:g}, x{cell['prices']:g}"
        )
    return (
        law,
        f"{found['mean_level']:.1f}",
        f"{found['least_level']} to {found['most_level']}",
        f"{found['first']} of {len(cells)}",
        _plain(found["mean_regret"]),
        largest,
    )


def tuning_rows() -> list[tuple[str, ...]]:
    """A row for each law that was tuned: `TUNING_HEADS`."""
    found = tuning()
    return [
        (
            law,
            _constants(found["chosen"][law]) or "as published",
            _plain(trials[0]["mean_loss"]),
            _plain(
                min(
                    each["mean_loss"]
                    for each in trials
                    # What was given up early was never to be chosen.
                    if each["replications"] == trials[0]["replications"]
                )
            ),
            str(len(trials)),
        )
        for law, trials in found["trials"].items()
    ]


def _constants(values: Record) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def regret_rows(record: Record) -> list[tuple[str, ...]]:
    """A row for each scenario: its name, and the regret of each law.

    In brackets where the law misses an expectation; the best and what cannot be told from it
    are in bold.
    """
    training = tuning()["training"]
    return [
        (
            scenario["scenario"] + (" (training)" if scenario["scenario"] in training else ""),
            *(_regret(law) for law in scenario["laws"]),
        )
        for scenario in record["scenarios"]
    ]


def _regret(law: Record) -> str:
    if law["regret"] is None:
        return "–" if law["eligible"] else "(–)"
    text = f"{100 * law['regret']['estimate']:.1f} %"
    if law["within_best"]:
        return "**best**" if law["best"] else f"**{text}**"
    return text if law["eligible"] else f"({text})"


def _plain(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _percent(value: Record) -> str:
    if value["low"] is None:
        return f"{100 * value['estimate']:.1f} %"
    ends = f"{100 * value['low']:.1f} to {100 * value['high']:.1f}"
    return f"{100 * value['estimate']:.1f} % ({ends})"
