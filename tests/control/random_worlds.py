"""Random worlds: traffic, upstream, faults and a policy, as somebody who is not us may have them.

`world` is a pure function of a seed. It draws what a scenario file could say, and reads it by the
schema that reads such files. Ranges; "~" is log-uniform, "half" and "1 in 5" are chances:

- traffic: ~0.05 to 6 requests/s, or to 50; 40 to 60 minutes; gaps of a CV of 1, 1.09 or ~0.5 to 4;
  1 in 4 with a step, spike or ramp of ~1.3 to 5 times; 1 in 3 with classes of three priorities
- upstream: a quota of ~0.2 to 2 times the traffic (main 1 in 7, all siblings 1 in 3), a capacity of
  ~0.5 to 2 times what is in flight at rest (1 in 5 each), a quota of all models (1 in 10); half
  with a way to count the minute
- faults: none, one or two of `_KINDS`, once, with a ramp, or again and again; and beside them, each
  about 1 in 10: the siblings are gone, observations come late, observations are lost
- the application: 1 in 5 each: no user asks again, less or more patience, 2 to 16 replicas
- the policy: one of `_kinds`, with cost thresholds and baseline in proportion to the traffic
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

from balancer.core.errors import PolicyError
from balancer.core.policy import Policy
from balancer.core.routes import resolve
from balancer.core.strategy import Strategy
from balancer.documents import Document, parse
from balancer.policy_file import default_model, default_policy, default_text, policy_of
from scenarios.schema import Scenario

__all__ = ["MAIN", "SIBLING", "SIBLINGS", "world"]

MAIN = default_model()
SIBLINGS = tuple(
    resolve(Strategy(model=word), MAIN, default_policy().catalog)[0]
    for word in ("one cheaper", "two cheaper", "three cheaper")
)
SIBLING = SIBLINGS[0]
_RARE = ("hang", "cut", "price", "thinking", "output")
_KINDS = (*("latency",) * 4, *("error",) * 5, *("quota",) * 2, *_RARE)
"""Of faults, as often as each is drawn."""
_WARM_UP_S = 300.0
_FIRST_FAULT_S = 360.0
_BUSY = 12.0
"""Requests a second above which a world is short: they are many anyway."""
_IN_FLIGHT_S = {MAIN: 6.5, SIBLING: 2.3}
"""Mean duration of a healthy call; the sibling's when nobody asks it to think."""
_STRUCK = (MAIN,) * 4 + (SIBLING,) + (None,) * 2
"""Whom a fault strikes; None: all models."""
_COST = "token_cost_per_hour"


def world(seed: int) -> tuple[Scenario, Policy]:
    """The world of a seed.

    Returns:
        The scenario, which holds the policy as its file would, and the policy as it is read.
    """
    draw = Random(seed)
    rate = _log(draw, 0.05, 50.0 if _chance(draw, 0.5) else 6.0)
    duration_s = 2400.0 if rate > _BUSY else draw.choice((2400.0, 3000.0, 3600.0))
    faults = _faults(draw, duration_s)
    policy = _policy(draw, rate)
    values = {
        "scenario": f"world_{seed}",
        "title": f"A random world, with a policy of the kind {policy['name']!r}",
        "duration": duration_s,
        "warm_up": _WARM_UP_S,
        "seed": seed,
        "workload": _workload(draw, rate, duration_s),
        "upstream": _upstream(draw, rate, faults),
        "clients": _clients(draw),
        "replicas": draw.choice((2, 4, 8, 16)) if _chance(draw, 0.2) else 1,
        "policy": policy,
        "faults": faults,
    }
    scenario = Scenario.model_validate(values)
    return scenario, policy_of(Document(name=scenario.scenario, values=policy))


# --- traffic ------------------------------------------------------------------------------


def _workload(draw: Random, rate: float, duration_s: float) -> dict[str, Any]:
    arrivals: dict[str, Any] = {
        "process": "gamma",
        "cv": draw.choice((1.0, 1.09, _log(draw, 0.5, 4.0))),
        "rate": rate,
    }
    if _chance(draw, 0.25):
        kind = draw.choice(("step", "spike", "ramp"))
        lasts = {"step": {}, "spike": {"for": _log(draw, 60, 900)}, "ramp": {"over": 300.0}}[kind]
        at_s = _three(draw.uniform(_WARM_UP_S, 0.6 * duration_s))
        part = {"kind": kind, "at": at_s, "factor": _log(draw, 1.3, 5.0), **lasts}
        arrivals["pattern"] = [part]
    workload: dict[str, Any] = {"arrivals": arrivals}
    if _chance(draw, 0.35):
        low, high = draw.randint(5, 60), draw.randint(5, 35)
        shares = {"low": low, "normal": 100 - low - high, "high": high}
        workload["classes"] = [
            {"name": name, "priority": name, "share": share / 100} for name, share in shares.items()
        ]
    return workload


def _clients(draw: Random) -> dict[str, Any]:
    clients: dict[str, Any] = {"honours_retry_delay": _chance(draw, 0.5)}
    if _chance(draw, 0.2):
        clients["reasks"] = {"share": 0.0}
    if _chance(draw, 0.2):
        clients["patience"] = draw.choice((20.0, 45.0, 300.0))
    return clients


# --- upstream -----------------------------------------------------------------------------


def _upstream(draw: Random, rate: float, faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    models: dict[str, dict[str, Any]] = {MAIN: {}, SIBLING: {}}
    for model, limited in ((MAIN, 0.15), (SIBLING, 0.3)):
        if _chance(draw, limited):
            models[model]["quota"] = {"rpm": _calls(60 * rate * _log(draw, 0.2, 2.0))}
        if _chance(draw, 0.2):
            room = _calls(rate * _IN_FLIGHT_S[model] * _log(draw, 0.5, 2.0))
            models[model]["capacity"] = room
            if _chance(draw, 0.4):
                models[model]["overload_limit"] = _calls(room * _log(draw, 1.0, 4.0))
    # Four quotas would flatter: what the next model lacks, those below it lack as well.
    models |= {other: dict(models[SIBLING]) for other in SIBLINGS[1:]}
    for fault in faults:
        if fault["kind"] == "quota":
            # Of nothing nothing can be cut.
            cut = models[fault.get("model", MAIN)]
            cut.setdefault("quota", {"rpm": _calls(90 * rate)})
    project: dict[str, Any] = {}
    if _chance(draw, 0.1):
        project["rpm"] = _calls(60 * rate * _log(draw, 0.5, 3.0))
    if _chance(draw, 0.5):
        project["counting"] = draw.choice(("calendar", "sliding", "bucket"))
    return {"models": models, "quota": project}


def _calls(about: float) -> int:
    return max(1, round(about))


# --- faults -------------------------------------------------------------------------------


def _faults(draw: Random, duration_s: float) -> list[dict[str, Any]]:
    faults = [_fault(draw, duration_s) for _ in range(draw.choice((0, 1, 1, 1, 2, 2)))]
    if _chance(draw, 0.12):
        gone = {"kind": "error", "error": "quota_day", "at": 0.0, "for": duration_s}
        faults += [{**gone, "model": sibling} for sibling in SIBLINGS]
    if _chance(draw, 0.1):
        lasts = {"at": _FIRST_FAULT_S, "for": duration_s - _FIRST_FAULT_S}
        faults.append({"kind": "delay", "by": _log(draw, 5, 120), **lasts})
    if _chance(draw, 0.1):
        lasts = {"at": _three(draw.uniform(_WARM_UP_S, 1500.0)), "for": _log(draw, 60, 900)}
        faults.append({"kind": "loss", "share": _three(draw.uniform(0.2, 1.0)), **lasts})
    return faults


def _fault(draw: Random, duration_s: float) -> dict[str, Any]:
    """One of the upstream: what it does, to whom, and when."""
    kind, model = draw.choice(_KINDS), draw.choice(_STRUCK)
    fault = {"kind": kind, **_value(draw, kind), **_window(draw, duration_s)}
    return fault if model is None else {**fault, "model": model}


def _value(draw: Random, kind: str) -> dict[str, Any]:
    if kind == "latency":
        return {"factor": _log(draw, 2.0, 20.0), "share": _share(draw)}
    if kind == "quota":
        return {"factor": _log(draw, 0.01, 0.9)}
    if kind in ("price", "thinking", "output"):
        return {"factor": _log(draw, 1.5, 8.0)}
    value: dict[str, Any] = {"share": _share(draw)}
    if kind == "hang":
        value["where"] = "inside" if _chance(draw, 0.3) else "before"
    if kind == "error":
        errors = ("overloaded", "internal", "reset", "malformed", "quota_minute", "quota_day")
        value |= {"error": draw.choice(errors), "deterministic": _chance(draw, 0.1)}
        if not value["error"].startswith("quota") and _chance(draw, 0.15):
            value["where"] = "inside"
    return value


def _share(draw: Random) -> float:
    """Of the calls that are hit: all of them, or a part."""
    return 1.0 if _chance(draw, 0.5) else _log(draw, 0.05, 1.0)


def _window(draw: Random, duration_s: float) -> dict[str, float]:
    """Once for ~30 s to 25 min (1 in 5 with a ramp), or 3 in 10 every ~30 s to 10 min."""
    at_s = _three(draw.uniform(_FIRST_FAULT_S, 0.6 * duration_s))
    shape = draw.choice((*("once",) * 5, *("ramp",) * 2, *("again",) * 3))
    if shape == "again":
        every_s = _log(draw, 30.0, 600.0)
        for_s = _three(every_s * draw.uniform(0.2, 0.8))
        return {"at": at_s, "for": for_s, "repeat_every": every_s}
    for_s = _three(min(duration_s - at_s - 60.0, _log(draw, 30.0, 1500.0)))
    if shape == "ramp":
        return {"at": at_s, "for": for_s, "ramp": _three(min(0.49 * for_s, _log(draw, 10, 300)))}
    return {"at": at_s, "for": for_s}


# --- policy -------------------------------------------------------------------------------


def _policy(draw: Random, rate: float) -> dict[str, Any]:
    """What a policy file says; one in five is the default policy, but for the traffic."""
    own = _default()
    scale = rate / own["baseline"]["requests_per_s"]
    rules = [rule for rule in default_policy().rules if rule.signal == _COST]
    usd = {rule.level.label: rule.threshold for rule in rules}
    levels = {
        level: {**signals, _COST: _three(scale * usd[level])}
        for level, signals in own["thresholds"].items()
    }
    kinds = _kinds(draw, levels, scale)
    kind = draw.choice(("default", "default", *kinds))
    changes = kinds[kind]
    given = {} if "rules" in changes else {"thresholds": levels}
    baseline = {**own["baseline"], "requests_per_s": rate}
    return {"name": kind, "baseline": baseline, **given, **changes}


@cache
def _default() -> Any:
    """What the default policy's file says."""
    return parse(default_text(), "default policy", PolicyError).values


def _kinds(
    draw: Random, levels: Mapping[str, Mapping[str, Any]], scale: float
) -> dict[str, dict[str, Any]]:
    """What each kind of policy changes in the default one, whose scaled thresholds are `levels`."""

    def only(signal: str) -> dict[str, Any]:
        return {"thresholds": {level: {signal: levels[level][signal]} for level in levels}}

    def other(signal: str, *values: Any) -> dict[str, Any]:
        pairs = zip(levels.items(), values, strict=True)
        return {"thresholds": {level: {**own, signal: value} for (level, own), value in pairs}}

    def modes(key: str, **values: Any) -> dict[str, Any]:
        return {"modes": {mode: {key: value} for mode, value in values.items()}}

    def rule(signal: str, above: float, level: str, **more: Any) -> dict[str, Any]:
        return {"signal": signal, "above": above, "level": level, **more}

    lasting = [{"sustained": draw.choice(("30s", "1m", "3m"))} for _ in range(4)]
    late, failed = "latency_p95", "error_rate"
    most = {"low": "100%", "normal": "90%", "high": "30%"}
    return {
        "default": {},
        "hard shedding": modes("shed", hard={"low": "50%"}, emergency=most),
        "no fallback": modes("fallback_models", normal=[], soft=[], hard=[], emergency=[]),
        "none when degraded": modes("fallback_models", soft=[], hard=[], emergency=[]),
        "fewer retries": modes("retries", normal=3, soft=1, hard=0, emergency=0),
        "no baseline": {"baseline": None},
        "errors only": only(failed),
        "cost only": only(_COST),
        "ttft": {
            "thresholds": {
                "soft": {"ttft_p95": "12s", failed: "3%"},
                "hard": {"ttft_p95": "20s"},
                "emergency": {"ttft_p95": "30s", failed: "30%"},
            }
        },
        # Healthy traffic takes about 9 s, and costs about $109 an hour at the default's rate.
        "misfit": other(late, draw.choice(("3s", "6s", "8s")), "25s", "40s"),
        "tight cost": other(_COST, *(_three(scale * usd) for usd in (96, 144, 176))),
        "sustained": {
            "rules": [
                rule(late, 15, "soft", **lasting[0]),
                rule(failed, 0.05, "soft", **lasting[1]),
                rule(late, 30, "hard", **lasting[2]),
                rule(failed, 0.2, "emergency", **lasting[3]),
            ]
        },
        "jump": {
            "rules": [
                rule(late, 15, "soft"),
                rule(late, 30, "hard", jump=True),
                rule(failed, 0.1, "emergency", jump=True),
            ]
        },
    }


# --- draws --------------------------------------------------------------------------------


def _chance(draw: Random, share: float) -> bool:
    return draw.random() < share


def _log(draw: Random, low: float, high: float) -> float:
    """Log-uniform."""
    return _three(math.exp(draw.uniform(math.log(low), math.log(high))))


def _three(value: float) -> float:
    """To three digits, as people write numbers."""
    return float(f"{value:.3g}")
