"""Finds a scenario, applies overrides to it, and checks it: a file or a name to a `Scenario`.

Every mistake becomes one `ScenarioError` (or `PolicyError`, in a scenario's policy) that
names the file and line, or the override, the key, what was found and what was expected.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from balancer.core.errors import ScenarioError, nearest
from balancer.core.policy import Policy
from balancer.core.strategy import ROUTES
from balancer.documents import Document, Key, explain, parse, read_text
from balancer.policy_file import default_model, default_policy, load_policy, policy_of

from .model_words import with_names
from .schema import GeminiUpstream, ModelProfile, Quota, Scenario, UpstreamFault
from .tiers import tier_models
from .upstreams import DEFAULT_BURST_S, DEFAULT_COUNTING, Tier

__all__ = [
    "PATHS",
    "Loaded",
    "calibrated_profiles",
    "library",
    "load",
    "load_document",
    "place_of",
    "profiles",
    "project_quota",
    "provisioned_usd",
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
    catalog, day = default_policy().catalog, document.values.get("date")
    if isinstance(day, date):
        catalog = catalog.on(day.isoformat())
    document = with_names(document, default_model(), catalog)
    try:
        scenario = Scenario.model_validate(document.values)
    except ValidationError as error:
        raise explain(error, Scenario, document, ScenarioError) from None
    _check_models(scenario, document)
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
        key = tuple(int(part) if part.isdigit() else part for part in dotted.split(".") if part)
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
        if part.isdecimal() and not isinstance(values, dict):
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


# --- models -------------------------------------------------------------------------------


@cache
def calibrated_profiles() -> dict[str, ModelProfile]:
    """How the models we know behave when healthy, by name (`profiles.yaml`).

    Raises:
        ScenarioError: the file is damaged.
    """
    name = "profiles.yaml"
    text = files("scenarios").joinpath(name).read_text(encoding="utf-8")
    document = parse(text, name, ScenarioError)
    return {
        model: _profile(values, document.part((model,)))
        for model, values in document.values.items()
    }


@cache
def _tier_profiles(tier: Tier) -> dict[str, ModelProfile]:
    """The same of a project in one of Gemini's tiers, with what it allows.

    Raises:
        ScenarioError: a file of ours is damaged.
    """
    allowed, document = tier_models(tier), Document(name="tiers.yaml", values={})
    return {
        model: _profile(_merge(profile.model_dump(), allowed[model]), document)
        if model in allowed
        else profile
        for model, profile in calibrated_profiles().items()
    }


def profiles(scenario: Scenario) -> dict[str, ModelProfile]:
    """Profile of every model, the scenario's changes included.

    Raises:
        ScenarioError: a change of a model we do not know that is not a complete profile, or
            an impossible value.
    """
    upstream = scenario.upstream
    if not isinstance(upstream, GeminiUpstream):
        return {}
    values = {"upstream": {"models": upstream.models}}
    return _profiles(upstream, Document(name=scenario.scenario, values=values))


def _profiles(upstream: GeminiUpstream, document: Document) -> dict[str, ModelProfile]:
    known = calibrated_profiles() if upstream.tier is None else _tier_profiles(upstream.tier)
    allowed = {} if upstream.tier is None else tier_models(upstream.tier)
    found = dict(known)
    for model in dict.fromkeys((*found, *upstream.models)):
        key = ("upstream", "models", model)
        changes = upstream.models.get(model, {})
        if model not in found:
            if nearest(model, ROUTES):
                raise ScenarioError(_unknown(key, model, found), where=document.where(key))
            found[model] = _profile(changes, document.part(key))
        elif changes:
            own = _merge(found[model].model_dump(), changes)
            found[model] = _profile(own, document.part(key))
        if found[model].quota.limited:
            quota = _counted(found[model].quota, upstream.quota, document, key)
            found[model] = found[model].model_copy(update={"quota": quota})
        elif upstream.tier is not None and model not in allowed:
            raise ScenarioError(
                f"{'.'.join(key)}: tier {upstream.tier} says no limits of this model; "
                "give it a quota (and a capacity)",
                where=document.where(key),
            )
    return found


def _counted(quota: Quota, project: Quota, document: Document, key: Key) -> Quota:
    """A model's quota with all of how it counts; what it leaves out is as the project has it."""
    counting = quota.counting or project.counting or DEFAULT_COUNTING
    if quota.burst is not None and counting != "bucket":
        raise ScenarioError(
            f"{'.'.join(map(str, key))}.quota.burst: belongs to counting: bucket, and this "
            f"quota is counted {counting}",
            where=document.where((*key, "quota", "burst")),
        )
    counts = quota.counts_refused if quota.counts_refused is not None else project.counts_refused
    burst = None
    if counting == "bucket":
        burst = quota.burst or project.burst or DEFAULT_BURST_S
    return quota.model_copy(
        update={"counting": counting, "counts_refused": bool(counts), "burst": burst}
    )


def project_quota(upstream: GeminiUpstream) -> Quota:
    """The quota that all models share, with all of how it counts."""
    return _counted(upstream.quota, upstream.quota, Document(name="upstream", values={}), ())


def provisioned_usd(scenario: Scenario) -> float:
    """What provisioned throughput costs in the time that is measured, used or not."""
    usd_per_hour = sum(
        profile.provisioned.usd_per_hour
        for profile in profiles(scenario).values()
        if profile.provisioned is not None
    )
    return usd_per_hour * max(0.0, scenario.duration - scenario.warm_up) / 3600.0


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        inner = merged.get(name)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        merged[name] = _merge(inner, value) if both and isinstance(inner, Mapping) else value
    return merged


def _profile(values: Any, document: Document) -> ModelProfile:
    try:
        return ModelProfile.model_validate(values)
    except ValidationError as error:
        raise explain(error, ModelProfile, document, ScenarioError) from None


def _check_models(scenario: Scenario, document: Document) -> None:
    """Models named by the clients and the faults must be ones the upstream serves."""
    if not isinstance(scenario.upstream, GeminiUpstream):
        return
    known = _profiles(scenario.upstream, document)
    named: list[tuple[Key, str]] = [(("clients", "model"), scenario.clients.model)]
    named += [(("workload", "models", model), model) for model in scenario.workload.models]
    for place, fault in enumerate(scenario.faults):
        if isinstance(fault, UpstreamFault) and fault.model is not None:
            named.append((("faults", place, "model"), fault.model))
    for key, model in named:
        if model not in known:
            raise ScenarioError(_unknown(key, model, known), where=document.where(key))


def _unknown(key: Key, model: str, known: Iterable[str]) -> str:
    names = [*known, *ROUTES]
    return (
        f"{'.'.join(map(str, key))}: unknown model {model!r}{nearest(model, names)}; "
        f"known: {', '.join(names)}"
    )
