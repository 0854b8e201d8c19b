"""What a `BrownoutPolicy` asks for: its spec, as the CRD has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import InputError
from ..units import parse_seconds

__all__ = [
    "GROUP",
    "KIND",
    "PLURAL",
    "VERSION",
    "Asked",
    "ConfigMapKey",
    "ConfigMapKeys",
    "Target",
    "read_asked",
]

GROUP = "open-balancer.dev"
VERSION = "v1alpha1"
PLURAL = "brownoutpolicies"
KIND = "BrownoutPolicy"

KEY = "policy.yaml"
"""Of a ConfigMap, unless it is said."""
PROBATION = "30m"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapKey:
    """Where a document stands in the resource's namespace."""

    name: str
    key: str = KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapKeys:
    """Where several documents stand in the resource's namespace: a key each; () for all keys."""

    name: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who follows the policy.

    Attributes:
        service: whose endpoints are the replicas, each an `open-balancer serve`.
        port: of the Service, by its name; "": the first.
        document: that the replicas mount and `--policy` names.
    """

    service: str
    port: str = ""
    document: ConfigMapKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A spec.

    Attributes:
        name, namespace: of the resource.
        generation: of the spec.
        policy: the document itself; None: it stands in `source`.
        source: a ConfigMap that has the document.
        scenarios: of the library, by name, on which it is gated.
        own_scenarios: a ConfigMap that has more of them; None: there are no more.
        margin: how much worse it may be, as of `open-balancer gate`; "": the command's own.
        replications_max: of a scenario; None: the command's own.
        target: who follows it.
        probation_s: in which an incident takes it back.
    """

    name: str
    namespace: str
    generation: int
    policy: str | None
    source: ConfigMapKey | None
    scenarios: tuple[str, ...]
    own_scenarios: ConfigMapKeys | None
    margin: str
    replications_max: int | None
    target: Target
    probation_s: float


def read_asked(resource: Mapping[str, Any]) -> Asked:
    """The spec of a resource.

    The API server has checked it by the CRD; what only another CRD lets through is refused here.

    Raises:
        InputError: names the key, what was found and what was expected.
    """
    metadata, spec = resource["metadata"], resource.get("spec") or {}
    gate, target = spec.get("gate") or {}, spec.get("target") or {}
    policy, source = spec.get("policy"), spec.get("policyFrom")
    if (policy is None) == (source is None):
        raise InputError("give policy or policyFrom, one of both", where="spec")
    try:
        probation_s = parse_seconds(spec.get("probation", PROBATION))
    except ValueError as error:
        raise InputError(str(error), where="spec.probation") from None
    scenarios, own = tuple(gate.get("scenarios") or ()), gate.get("scenariosFrom")
    if not scenarios and own is None:
        raise InputError("names no scenario, and scenariosFrom none", where="spec.gate.scenarios")
    return Asked(
        name=metadata["name"],
        namespace=metadata["namespace"],
        generation=metadata.get("generation", 0),
        policy=policy,
        source=None if source is None else _document(source, "spec.policyFrom"),
        scenarios=scenarios,
        own_scenarios=None if own is None else _documents(own, "spec.gate.scenariosFrom"),
        margin=gate.get("margin", ""),
        replications_max=gate.get("replicationsMax"),
        target=Target(
            service=_named(target, "service", "spec.target"),
            port=target.get("port", ""),
            document=_document(target, "spec.target"),
        ),
        probation_s=probation_s,
    )


def _document(said: Mapping[str, Any], where: str) -> ConfigMapKey:
    return ConfigMapKey(name=_named(said, "configMap", where), key=said.get("key", KEY))


def _documents(said: Mapping[str, Any], where: str) -> ConfigMapKeys:
    return ConfigMapKeys(name=_named(said, "configMap", where), keys=tuple(said.get("keys") or ()))


def _named(said: Mapping[str, Any], key: str, where: str) -> str:
    name: str = said.get(key, "")
    if not name:
        raise InputError("is missing; expected a name", where=f"{where}.{key}")
    return name
