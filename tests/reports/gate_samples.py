"""A made-up gate: three scenarios, with every verdict there is."""

from __future__ import annotations

from typing import Any

__all__ = ["difference", "sample_gate", "scenario"]


def difference(
    metric: str,
    worsening: tuple[float | None, float | None, float | None],
    verdict: str,
    **changes: Any,
) -> dict[str, Any]:
    """One difference; `worsening` is estimate, low, high; relative for all but availability."""
    relative = metric != "availability"
    unit = {"availability": "share", "latency_p95_s": "seconds", "quality": "score"}
    found: dict[str, Any] = {
        "metric": metric,
        "unit": unit.get(metric, "usd"),
        "better": "higher" if metric in {"availability", "quality"} else "lower",
        "relative": relative,
        "margin": 0.05 if relative else 0.001,
        "margin_text": "5%" if relative else "0.1pp",
        "verdict": verdict,
        "baseline": {"estimate": 0.99, "low": 0.985, "high": 0.995},
        "candidate": {"estimate": 0.98, "low": 0.975, "high": 0.985},
        "worsening": dict(zip(("estimate", "low", "high"), worsening, strict=True)),
        "replications": 40,
        "look": 3,
        "settled": True,
        "replications_needed": None,
        "note": "",
    }
    return {**found, **changes}


def scenario(name: str, verdict: str, *differences: dict[str, Any]) -> dict[str, Any]:
    """One scenario."""
    return {
        "scenario": name,
        "title": f"Does {name} hold?",
        "verdict": verdict,
        "seed": 1,
        "replications": 40,
        "differences": list(differences),
    }


def sample_gate(**changes: Any) -> dict[str, Any]:
    """The object of `gate.json`; `changes` replace its keys."""
    gate: dict[str, Any] = {
        "version": 1,
        "verdict": "fail",
        "complete": True,
        "missing": [],
        "baseline": {"name": "default", "law": "ladder", "file": None, "fingerprint": "9f2c"},
        "candidate": {"name": "mine", "law": "ladder", "file": "mine.yaml", "fingerprint": "04b1"},
        "identical": False,
        "error_rates": {"pass": 0.05, "fail": 0.001},
        "levels": {"pass": 0.00833, "fail": 0.0000833},
        "looks": [10, 20, 40],
        "scenarios": [
            scenario(
                "latency_spike",
                "inconclusive",
                difference("availability", (0.0001, -0.0003, 0.0005), "pass"),
                difference(
                    "latency_p95_s",
                    (0.0483, 0.0262, 0.0681),
                    "inconclusive",
                    baseline={"estimate": 9.31, "low": 9.18, "high": 9.44},
                    candidate={"estimate": 9.76, "low": 9.6, "high": 9.92},
                    replications_needed=5230,
                    note="too close to the margin to tell",
                ),
                difference("quality", (-0.012, -0.02, -0.004), "pass"),
            ),
            scenario(
                "cost_spike",
                "fail",
                difference("availability", (0.0042, 0.0030, 0.0054), "fail"),
                difference("cost_per_answer_usd", (-0.31, -0.34, -0.28), "pass"),
                difference("latency_p95_s", (0.11, 0.09, 0.13), "fail"),
            ),
            scenario(
                "steady",
                "inconclusive",
                difference("availability", (0.0, 0.0, 0.0), "pass"),
                difference("latency_p95_s", (None, None, None), "inconclusive"),
            ),
        ],
        "command": ["open-balancer", "gate", "--candidate", "mine.yaml", "latency_spike"],
        "versions": {"open-balancer": "0.1.0"},
    }
    return {**gate, **changes}
