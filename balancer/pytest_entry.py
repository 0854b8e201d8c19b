"""The pytest plugin's entry: finds scenario files, and imports nothing of the harness before.

pytest loads this module in every project of an environment that has open-Balancer, so it
costs next to nothing until a scenario is collected. The work is in `sim.pytest_plugin`.
`-p no:open-balancer` keeps pytest from loading it; `--no-balancer`, or `balancer = false`
in pytest's configuration, from collecting anything.
"""

from __future__ import annotations

import codecs
import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sim.pytest_plugin import Simulate

    from .core.policy import Policy

__all__ = ["ScenarioFile"]

LARGEST_BYTES = 1_000_000
"""A larger file is no scenario: they are a page each."""

NAMED = re.compile(rb"""^(["']?)scenario\1[ \t]*:[ \t]+[^\s#]""", re.MULTILINE)
"""A key `scenario` at the top, with a name: files of other tools may nest something there."""


MOST = 100_000
"""Replications, or workers."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and the ini value of the plugin."""
    group = parser.getgroup("open-balancer", "open-Balancer: scenario files as tests")
    group.addoption(
        "--balancer-policy",
        metavar="FILE",
        type=Path,
        help="policy to try, instead of each scenario's or the default one",
    )
    group.addoption(
        "--balancer-replications",
        metavar="N",
        type=_positive,
        help="independent runs, instead of each scenario's number",
    )
    group.addoption(
        "--balancer-workers",
        metavar="N",
        type=_positive,
        help="processes that simulate; the result does not depend on it",
    )
    group.addoption(
        "--balancer-inconclusive",
        choices=("fail", "skip", "xfail"),
        default="fail",
        help="what becomes of an expectation that the replications do not decide",
    )
    group.addoption(
        "--balancer-out",
        metavar="DIR",
        type=Path,
        default=Path("balancer-reports"),
        help="directory with one report for each scenario (default: %(default)s)",
    )
    group.addoption(
        "--no-balancer", action="store_true", help="do not collect scenario files as tests"
    )
    parser.addini("balancer", "whether scenario files are collected as tests", "bool", default=True)


def _positive(text: str) -> int:
    # As many as `open-balancer run` takes; a number of more digits is larger in any case.
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= MOST):
        raise ArgumentTypeError(f"found {text!r}, expected a whole number from 1 to {MOST}")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that every expectation carries."""
    config.addinivalue_line("markers", "scenario: an expectation of a scenario of open-Balancer")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A scenario file, or nothing."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    config = parent.config
    if config.getoption("--no-balancer") or not config.getini("balancer"):
        return None
    if not _names_a_scenario(file_path):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


def _names_a_scenario(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError:
        return False
    text = content.removeprefix(codecs.BOM_UTF8)  # as some editors begin a file
    return len(content) <= LARGEST_BYTES and NAMED.search(text) is not None


class ScenarioFile(pytest.File):
    """A scenario; its expectations are the tests."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each expectation.

        Raises:
            CollectError: the scenario, the policy or the installation cannot be used.
        """
        from .core.errors import BalancerError
        from .installation import require

        try:
            require(extras=("sim", "report"))
            from sim.pytest_plugin import Presentation, expectations

            yield from expectations(self, Presentation(write=_page, text=_table))
        except BalancerError as error:
            raise self.CollectError(str(error)) from None


def _page(directory: Path) -> Path:
    from reports.run.page import write_report

    return write_report(directory)


def _table(directory: Path) -> str:
    from io import StringIO

    from balancer.records.verdict import read_verdicts
    from reports.console import show
    from reports.run.terminal import verdict_tables

    text = StringIO()
    show(verdict_tables(read_verdicts(directory)), text)
    return text.getvalue()


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """An expectation that is not decided is told apart from one that failed."""
    if not isinstance(report, pytest.TestReport) or not report.failed:
        return None
    if ("verdict", "inconclusive") in report.user_properties:
        return "failed", "?", ("INCONCLUSIVE", {"yellow": True})
    return None


@pytest.fixture
def policy(request: pytest.FixtureRequest) -> Policy:
    """The policy of `--balancer-policy`, else the default one."""
    from .policy_file import load_policy

    return load_policy(request.config.getoption("--balancer-policy"))


@pytest.fixture
def simulate(request: pytest.FixtureRequest) -> Simulate:
    """Runs a scenario and judges it: `simulate("latency_spike").verdict == "pass"`."""
    from .installation import require

    require(extras=("sim",))
    from sim.pytest_plugin import simulator

    return simulator(request.config)
