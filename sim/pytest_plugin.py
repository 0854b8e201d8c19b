"""What the pytest plugin does once a scenario file is found: run it once, judge each expectation.

`balancer.pytest_entry` finds the files. The tests of a scenario share one run; workers of
pytest-xdist share it too, by a lock beside the reports: who comes first simulates, the others
read the verdict it wrote. Loading and reporting follow `open-balancer run`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from balancer.core.errors import InputError
from balancer.core.policy import Policy
from balancer.policy_file import load_policy
from balancer.records.deciding import deciding
from balancer.records.verdict import VERDICT
from scenarios.loader import Loaded, load
from scenarios.schema import Scenario

from .study.expectations import expected
from .study.experiment import Result, run_scenario
from .study.record import write_records
from .study.report_directory import report_directory

__all__ = ["ExpectationItem", "Presentation", "Simulate", "expectations", "simulator"]


_PLAIN = re.compile(r"[\w.%$]+").fullmatch
"""Part of a path that stands in a folder's name as it is."""


class NotMetError(Exception):
    """An expectation failed, or is not decided; its text is all there is to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How a directory with verdict and journals is shown; reports stand above this package.

    Attributes:
        write: writes the page into the directory.
        text: the verdict as a table of plain text.
    """

    write: Callable[[Path], Path]
    text: Callable[[Path], str]


# --- scenario files -----------------------------------------------------------------------


def expectations(parent: pytest.File, presentation: Presentation) -> Iterator[pytest.Item]:
    """The tests of a scenario file: one for each expectation.

    A scenario that expects nothing is one test, which passes when it can be simulated.

    Raises:
        InputError: the scenario or the policy cannot be used.
    """
    config = parent.config
    loaded = load(parent.path.absolute())
    shared = _SharedRun(
        loaded=loaded,
        policy=_policy(config, loaded),
        config=config,
        path=parent.path,
        presentation=presentation,
    )
    names = [_slug(each.name) for each in expected(loaded.scenario)] or ["runs"]
    for place, name in enumerate(names):
        again = names[:place].count(name)
        yield ExpectationItem.from_parent(
            parent,
            name=f"{name}-{again + 1}" if again else name,
            place=place,
            shared=shared,
        )


def _slug(name: str) -> str:
    """A test's name that a shell leaves alone: "availability-at-least-99.5%"."""
    return re.sub(r"[^\w.%$-]+", "-", name).strip("-")


def _folder(place: Path) -> str:
    """The name of a scenario's folder, another one for every file: "tests-slow_model".

    Args:
        place: of the file, below pytest's root, or absolute outside of it.
    """
    parts = place.with_suffix("").parts[1:] if place.is_absolute() else place.with_suffix("").parts
    if place.is_absolute() or place.suffix != ".yaml" or any(not _PLAIN(part) for part in parts):
        # Of a-b.yaml, a/b.yaml and a/b.yml only one may be "a-b".
        digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:8]
        return f"{_slug(parts[-1] if place.is_absolute() else '-'.join(parts))}~{digest}"
    return "-".join(parts)


def _policy(config: pytest.Config, loaded: Loaded) -> Policy:
    given = config.getoption("--balancer-policy")
    if given is not None:
        return load_policy(given)
    return loaded.policy or load_policy()


class _SharedRun:
    """The run of a scenario that its tests share."""

    def __init__(
        self,
        *,
        loaded: Loaded,
        policy: Policy,
        config: pytest.Config,
        path: Path,
        presentation: Presentation,
    ) -> None:
        self.scenario = loaded.scenario
        self.presentation = presentation
        self._policy = policy
        self._config = config
        self._record: Mapping[str, Any] | None = None
        self._path = path
        home: Path = config.getoption("--balancer-out")
        try:
            place = path.absolute().relative_to(config.rootpath)
        except ValueError:
            place = path.absolute()
        self.out = config.invocation_params.dir / home / _folder(place)

    def record(self) -> Mapping[str, Any]:
        """The object of `verdict.json`."""
        if self._record is None:
            session = _session(self._config)
            self._record = self._run() if session is None else self._found(session)
        return self._record

    def _found(self, session: str) -> Mapping[str, Any]:
        """What another worker of the same test run wrote, or else what we write."""
        mark = self.out.with_name(f".{self.out.name}.run")
        # The path, too: a verdict of another scenario must never be taken for this one's.
        mine = json.dumps([session, str(self._path.absolute())])
        with _alone(self.out.with_name(f".{self.out.name}.lock")):
            if mark.is_file() and mark.read_text(encoding="utf-8") == mine:
                records: list[Mapping[str, Any]] = json.loads(
                    (self.out / VERDICT.file).read_text(encoding="utf-8")
                )
                return records[0]
            record = self._run()
            mark.write_text(mine, encoding="utf-8")
            return record

    def _run(self) -> Mapping[str, Any]:
        with report_directory(self.out, self._inputs()) as work:
            result = run_scenario(
                self.scenario,
                self._policy,
                replications=self._config.getoption("--balancer-replications"),
                workers=_workers(self._config),
                out=work,
                command=self._again(),
            )
            write_records(work / VERDICT.file, [result.record])
            # A page takes as long to draw as a run; a pass leaves nothing to look at.
            if result.verdict != "pass":
                self.presentation.write(work)
        return result.record

    def _inputs(self) -> list[Path | None]:
        return [self._path, self._config.getoption("--balancer-policy")]

    def _again(self) -> list[str]:
        # A name need not be UTF-8, and reports are.
        path = os.fsencode(self._path).decode("utf-8", "backslashreplace")
        words = ["open-balancer", "run", path]
        given = self._config.getoption("--balancer-policy")
        return words if given is None else [*words, "--policy", str(given)]


def _session(config: pytest.Config) -> str | None:
    """What the workers of one test run have in common; None where pytest-xdist runs none."""
    given = getattr(config, "workerinput", None)
    return None if given is None else str(given["testrunuid"])


def _workers(config: pytest.Config) -> int | None:
    given: int | None = config.getoption("--balancer-workers")
    # The workers of pytest-xdist keep the cores busy by themselves.
    return 1 if given is None and _session(config) is not None else given


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that ends with its process; where there is none (Windows), each runs itself."""
    try:
        import fcntl
    except ModuleNotFoundError:
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


class ExpectationItem(pytest.Item):
    """One expectation of a scenario as a test.

    Attributes:
        scenario: the scenario, for hooks that choose or mark tests.
    """

    def __init__(self, *, place: int, shared: _SharedRun, **rest: Any) -> None:
        super().__init__(**rest)
        self._place = place
        self._shared = shared
        self.scenario: Scenario = shared.scenario
        self.add_marker("scenario")
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(str(self.path)))
        # So that -k finds a scenario by its name, and by what goes wrong in it.
        self.extra_keyword_matches.add(self.scenario.scenario)
        self.extra_keyword_matches.update(fault.kind for fault in self.scenario.faults)

    def runtest(self) -> None:
        """Judge the expectation, from the run that its scenario's tests share."""
        record = self._shared.record()
        if not record["expectations"]:
            return
        judged = record["expectations"][self._place]
        verdict = str(judged["verdict"])
        self.user_properties += [
            ("scenario", str(record["scenario"])),
            ("policy", str(record["policy"])),
            ("expectation", str(judged["name"])),
            ("verdict", verdict),
            *((key, judged[key]) for key in ("estimate", "low", "high", "bound", "unit")),
            *([("against", judged["against"])] if judged["against"] else []),
            ("replications", record["replications"]),
            ("harm", record["harm"]["found"]),
        ]
        if verdict == "pass":
            return
        if verdict == "inconclusive":
            self._undecided(record, judged)
        raise NotMetError(self._told(record, judged))

    def _undecided(self, record: Mapping[str, Any], judged: Mapping[str, Any]) -> None:
        choice = self.config.getoption("--balancer-inconclusive")
        if choice == "skip":
            pytest.skip(_sentence(record, judged))
        if choice == "xfail":
            pytest.xfail(_sentence(record, judged))

    def _told(self, record: Mapping[str, Any], judged: Mapping[str, Any]) -> str:
        out = self._shared.out
        return "\n".join(
            [
                _sentence(record, judged),
                "",
                self._shared.presentation.text(out).rstrip(),
                "",
                f"report: {_near(out / 'report.html')}",
            ]
        )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any) -> Any:
        """The verdict's table, or a message; a traceback is for bugs alone."""
        if isinstance(excinfo.value, NotMetError | InputError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args)

    def reportinfo(self) -> tuple[Path, int, str]:
        """File and name, for headings."""
        return self.path, 0, f"{self.scenario.scenario}: {self.name}"


def _sentence(record: Mapping[str, Any], judged: Mapping[str, Any]) -> str:
    text = f"{judged['verdict']}: {record['scenario']}: {judged['name']}"
    if judged["note"]:
        text += f" ({judged['note']})"
    told = deciding(judged["verdict"], judged["replications_needed"])
    return f"{text}; {told}" if told else text


def _near(path: Path) -> Path:
    """The path from here, where it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


# --- fixtures -----------------------------------------------------------------------------


class Simulate(Protocol):
    """The fixture `simulate`."""

    def __call__(
        self,
        scenario: str | Path | Scenario,
        policy: Policy | str | Path | None = None,
        *,
        replications: int | None = None,
        seed: int | None = None,
        overrides: Sequence[str] = (),
    ) -> Result:
        """Simulate a scenario with the controller and in the other arms, and judge it.

        Args:
            scenario: a name from the library, a file, or a scenario.
            policy: a policy or its file; None: that of `--balancer-policy`, else the
                scenario's, else the default one.
            replications, seed: instead of the scenario's own.
            overrides: "key=value" each, as `--set` of `open-balancer run`.

        Raises:
            InputError: the scenario or the policy cannot be used.
        """


def simulator(config: pytest.Config) -> Simulate:
    """What the fixture `simulate` gives."""

    def simulate(
        scenario: str | Path | Scenario,
        policy: Policy | str | Path | None = None,
        *,
        replications: int | None = None,
        seed: int | None = None,
        overrides: Sequence[str] = (),
    ) -> Result:
        if isinstance(scenario, Scenario):
            if overrides:
                raise InputError("overrides change a file; change the scenario itself")
            loaded = Loaded(scenario, None)
        else:
            loaded = load(scenario, overrides)
        if policy is None:
            policy = _policy(config, loaded)
        elif not isinstance(policy, Policy):
            policy = load_policy(policy)
        if replications is None:
            replications = config.getoption("--balancer-replications")
        return run_scenario(
            loaded.scenario,
            policy,
            replications=replications,
            seed=seed,
            workers=_workers(config),
        )

    return simulate
