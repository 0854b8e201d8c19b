"""The page of a backtest: whether the fit is to be trusted, and what each policy would do."""

from __future__ import annotations

import shlex
from pathlib import Path

from balancer.records.backtest import BACKTEST, Backtest, BacktestArm

from ..amounts import amount
from ..page import render
from ..run.page import REPORT
from . import words

__all__ = ["backtest_page", "write_backtest_report"]


def write_backtest_report(directory: Path) -> Path:
    """Write a backtest's page beside its `backtest.json`.

    Returns:
        The page's path.

    Raises:
        InputError: the record is missing or cannot be read.
    """
    path = directory / REPORT
    page = backtest_page(BACKTEST.read(directory))
    path.write_text(page, encoding="utf-8", newline="\n")
    return path


def backtest_page(found: Backtest) -> str:
    """The page of a backtest."""
    return render(
        "backtest.html.jinja",
        title=f"Backtest: {found.scenario}",
        question=words.question(found),
        answer=words.answer(found),
        verdict="pass" if found.trustworthy else "inconclusive",
        policy=found.journal.policy,
        figures=words.figure_rows(found),
        arms=[
            (
                f"a{place}",
                _name(each),
                words.arm_rows(each),
                words.assumed(each, found.swept),
                _modes(each),
                bool(each.assumed.bounds),
            )
            for place, each in enumerate(found.arms)
        ],
        faults=words.seen_faults(found),
        assumptions=found.assumptions,
        confidence=amount(found.confidence, "share", exact=True),
        command=shlex.join(found.command),
        facts=words.facts(found),
    )


def _name(arm: BacktestArm) -> str:
    return f"{arm.arm}: {arm.policy}" if arm.arm in ("live", "static") else arm.arm


def _modes(arm: BacktestArm) -> str:
    return ", ".join(
        f"{amount(share, 'share')} in {mode}" for mode, share in arm.time_in.items() if share > 0
    )
