"""How the models of a scenario behave when healthy: ours as measured, changed as it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import ValidationError

from balancer.core.errors import ScenarioError, nearest
from balancer.core.strategy import ROUTES
from balancer.documents import Document, Key, parse
from balancer.schema_errors import explain

from .schema import GeminiUpstream, ModelProfile, Quota, Scenario, UpstreamFault
from .tiers import tier_models
from .upstreams import DEFAULT_BURST_S, DEFAULT_COUNTING, Tier

__all__ = [
    "calibrated_profiles",
    "check_models",
    "profiles",
    "project_quota",
    "provisioned_usd",
]


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
            try:
                found[model] = _profile(changes, document.part(key))
            except ScenarioError:
                # A slip of the pen has no whole profile, as a model of one's own must.
                if nearest(model, known):
                    raise ScenarioError(
                        _unknown(key, model, known), where=document.where(key)
                    ) from None
                raise
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


def check_models(scenario: Scenario, document: Document) -> None:
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
