"""Finds a scenario, applies overrides to it, and checks it: a file or a name to a `Scenario`.

Every mistake becomes one `ScenarioError` (or `PolicyError`, in a scenario's policy) that
names the file and line, or the override, the key, what was found and what was expected.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from balancer.core.errors import ScenarioError, nearest
from balancer.core.policy import Policy
from balancer.documents import Document, Key, parse, read_text
from balancer.policy_file import default_model, default_policy, load_policy, policy_of
from balancer.schema_errors import explain
from balancer.units import parse_day

from .model_words import with_names
from .profiles import calibrated_profiles, check_models
from .schema import Scenario

__all__ = [
    "PATHS",
    "Loaded",
    "library",
    "load",
    "load_document",
    "place_of",
]

OF_POLICIES = {"thresholds", "alerts", "rules", "modes", "ladder", "law", "budget", "baseline"}
"""Keys of a policy that no scenario has."""
PATHS = (("policy",), ("workload", "arrivals", "trace"))
"""Keys that may name a file, beside the `process` of a fault."""


class Loaded(NamedTuple):
    """A scenario ready to run.

    Attributes:
        scenario: checked; the paths in it are complete.
        policy: the scenario's own, or None where it leaves the choice to others.
    """

    scenario: Scenario
    policy: Policy | None


def library() -> dict[str, Path]:
    """The scenarios that ship, by name."""
    with as_file(files("scenarios").joinpath("library")) as folder:
        return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load(source: str | Path, overrides: Sequence[str] = ()) -> Loaded:
    """A scenario from a file, or by its name in the library.

    Args:
        source: a name ("latency_spike") or a path ("./mine.yaml").
        overrides: "key=value" each: dotted keys, list positions as numbers, the value read
            as YAML. Paths in them start at the current directory; those in the file, at
            the file.

    Raises:
        ScenarioError: it cannot be found or cannot be what its author meant.
        PolicyError: the same of the policy in it.
    """
    path = _find(source)
    document = parse(read_text(path, ScenarioError), str(path), ScenarioError)
    return load_document(document, path.parent, overrides)


def load_document(document: Document, folder: Path, overrides: Sequence[str] = ()) -> Loaded:
    """A scenario from a document that was read already.

    Args:
        document: that.
        folder: where relative paths in it start.
        overrides: see `load`.

    Raises:
        ScenarioError, PolicyError: see `load`.
    """
    if not isinstance(document.values, dict):
        problem = "found no mapping, expected the keys of a scenario"
        raise ScenarioError(problem, where=document.name)
    if "scenario" not in document.values and (mine := document.values.keys() & OF_POLICIES):
        raise ScenarioError(
            "found a policy, expected a scenario; a policy is given beside one: open-balancer run "
            f"SCENARIO --policy {document.name}",
            where=document.where((min(mine, key=lambda name: document.lines[name,]),)),
        )
    document = _from_here(document, folder)
    for text in overrides:
        document = _override(document, text)
    catalog = default_policy().catalog
    with suppress(ValueError):  # of no day, or a wrong one, which the schema refuses
        catalog = catalog.on(parse_day(document.values.get("date")).isoformat())
    document = with_names(document, default_model(), catalog)
    try:
        scenario = Scenario.model_validate(document.values)
    except ValidationError as error:
        raise explain(error, Scenario, document, ScenarioError) from None
    check_models(scenario, document)
    return Loaded(scenario, _policy(scenario, document))


def place_of(source: str | Path, dotted: str) -> str:
    """Where a key of a scenario stands: its file, line and name; its name alone where it has none.

    Args:
        source: as `load` was given it.
        dotted: the key from the root, list positions as numbers; "" for the file.
    """
    try:
        text = read_text(_find(source), ScenarioError)
        document = parse(text, str(source), ScenarioError)
    except ScenarioError:
        # A scenario that was made and not read.
        where = str(source)
    else:
        key = tuple(int(part) if _is_place(part) else part for part in dotted.split(".") if part)
        where = document.where(key) if key else str(source)
    return f"{where}: {dotted}" if dotted else where


def _find(source: str | Path) -> Path:
    known = library()
    if str(source) in known:
        return known[str(source)]
    path = Path(source)
    looks_like_path = path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    if looks_like_path or path.exists():
        return path
    raise ScenarioError(
        f"no scenario is called {str(source)!r}{nearest(str(source), known)}; expected one of the "
        f"{len(known)} that 'open-balancer scenarios' lists, or the path of a .yaml file"
    )


def _policy(scenario: Scenario, document: Document) -> Policy | None:
    if scenario.policy is None:
        return None
    if isinstance(scenario.policy, str):
        if not Path(scenario.policy).exists():
            problem = f"policy: {scenario.policy}: no such file"
            raise ScenarioError(problem, where=document.where(("policy",)))
        return load_policy(scenario.policy)
    base = Path(document.name).parent
    policy = policy_of(document.part(("policy",)), base=base)
    return policy if "name" in scenario.policy else replace(policy, name=scenario.scenario)


# --- paths --------------------------------------------------------------------------------


def _from_here(document: Document, folder: Path) -> Document:
    """The document with relative paths in it made complete from a folder."""
    values = copy.deepcopy(document.values)
    for key in PATHS:
        _complete(values, key, folder)
    faults = values.get("faults")
    for fault in faults if isinstance(faults, list) else ():
        _complete(fault, ("process",), folder)
    return replace(document, values=values)


def _complete(values: Any, key: Key, folder: Path) -> None:
    for step in key[:-1]:
        values = values.get(step) if isinstance(values, dict) else None
    if isinstance(values, dict) and isinstance(values.get(key[-1]), str):
        values[key[-1]] = str(folder.absolute() / values[key[-1]])


# --- overrides ----------------------------------------------------------------------------


def _override(document: Document, text: str) -> Document:
    where = f"--set {text}"
    dotted, equals, value = text.partition("=")
    if not equals or not dotted.strip():
        raise ScenarioError("expected KEY=VALUE such as workload.arrivals.rate=20", where=where)
    try:
        given = parse(f"value: {value}\n", where, ScenarioError).values["value"]
    except ScenarioError as error:
        raise ScenarioError(error.problem, where=where) from None
    key = _key(dotted.strip(), document.values)
    values = copy.deepcopy(document.values)
    _put(values, key, given, where)
    changed = replace(
        document,
        values=values,
        lines={k: line for k, line in document.lines.items() if k[: len(key)] != key},
        origins={**document.origins, key: where},
    )
    return _from_here(changed, Path.cwd())


def _is_place(part: str) -> bool:
    # Python reads no number of thousands of digits, and no list has as many items.
    return part.isdecimal() and len(part) <= 9


def _key(dotted: str, values: Any) -> Key:
    """Key of a dotted text. Names with dots in them, such as models', are taken whole."""
    key: list[str | int] = []
    models = calibrated_profiles()
    while dotted:
        names = [*values] if isinstance(values, dict) else []
        whole = [
            name
            for name in (*names, *models)
            if "." in name and (dotted == name or dotted.startswith(f"{name}."))
        ]
        part = max(whole, key=len) if whole else dotted.partition(".")[0]
        dotted = dotted[len(part) + 1 :]
        step: str | int = part
        if _is_place(part) and not isinstance(values, dict):
            step = int(part)
        key.append(step)
        if isinstance(step, int):
            values = values[step] if isinstance(values, list) and step < len(values) else None
        else:
            values = values.get(step) if isinstance(values, dict) else None
    return tuple(key)


def _put(values: Any, key: Key, given: Any, where: str) -> None:
    """Write a value, making the mappings and lists on the way to it."""
    for place, step in enumerate(key):
        last = place == len(key) - 1
        following: Any = None if last else ([] if isinstance(key[place + 1], int) else {})
        so_far = ".".join(map(str, key[: place + 1]))
        if isinstance(values, list) and isinstance(step, int):
            if step > len(values):
                raise ScenarioError(
                    f"{so_far}: found {len(values)} items, counted from 0; "
                    f"expected a position up to {len(values)}",
                    where=where,
                )
            if step == len(values):
                values.append(following)
            if last:
                values[step] = given
        elif isinstance(values, dict) and isinstance(step, str):
            if last:
                values[step] = given
            elif values.get(step) is None:
                values[step] = following
        else:
            expected = "a position" if isinstance(values, list) else "the key of a mapping"
            found = f"found {step!r}" if isinstance(values, dict | list) else "found a plain value"
            raise ScenarioError(f"{so_far}: {found}, expected {expected}", where=where)
        if not last:
            values = values[step]
