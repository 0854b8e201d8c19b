"""A fit as a scenario file that a person can read: beside every number, how well it is known."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping

from balancer.units import show_factor, show_seconds, show_tokens

from .calls import QUANTILES, Z95
from .episodes import Episode
from .fit import Fit
from .quotas import SeenQuota
from .traffic import Curve

__all__ = ["scenario_text", "slug"]

WIDTH = 96
LEAST_USUAL = 0.001
"""A usual share of failures that is worth a line."""


def slug(text: str) -> str:
    """A name for a scenario, made of another one."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:60] or "fitted"


def scenario_text(fit: Fit, name: str, file: str = "") -> str:
    """The text of the scenario file.

    Args:
        fit: what was found.
        name: of the scenario.
        file: that the journal was made of, where a service did not write it.
    """
    return "\n".join(
        [
            *_head(fit, name, file),
            "",
            *_workload(fit),
            "",
            *_upstream(fit),
            "",
            *_clients(fit),
            *_faults(fit),
            "",
        ]
    )


def _comment(text: str, indent: int = 0) -> list[str]:
    room = WIDTH - indent - 2
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [f"{' ' * indent}# {each}" for each in [*lines, line]]


def _head(fit: Fit, name: str, file: str) -> list[str]:
    requests = f"{show_seconds(fit.duration_s)} with {fit.columns.offered.sum():,} requests"
    lines = _comment(
        (
            f"Fitted to the calls of {file}: {requests}."
            if file
            else f"Fitted to a journal of {requests} under policy {fit.policy.name}."
        )
        + " Numbers say how well they are known: ± is a standard error, n the calls behind them."
    )
    kind = "file" if file else "journal"
    lines += ["#", f"# What the {kind} cannot tell, and what is taken for true in its place:"]
    for each in fit.assumptions:
        wrapped = _comment(each)
        lines += ["# - " + wrapped[0][2:], *("#   " + line[2:] for line in wrapped[1:])]
    lines += [
        "#",
        *_comment(
            "There are no expectations: a fit says what was, and not what would be acceptable. "
            "Add yours before it goes into CI (docs/how-to/backtest-a-policy.md)."
        ),
        f"scenario: {json.dumps(name)}",
        f"title: {json.dumps(f'Would another policy have served this better? ({name})')}",
        f"source: {json.dumps(file or f'journal of policy {fit.policy.name}')}",
        f"duration: {show_seconds(fit.duration_s)}",
        f"warm_up: {show_seconds(fit.warm_up_s)}  # the simulation begins empty",
        f"date: {fit.policy.catalog.as_of}  # whose prices hold",
    ]
    if fit.starts_at is not None:
        lines.append(f"starts_at: {fit.starts_at.isoformat(timespec='milliseconds')}")
    return lines


def _rounded(value: float, figures: int = 4) -> str:
    return f"{float(f'{value:.{figures}g}'):g}"


def _seconds(value: float) -> str:
    return f"{max(1, round(value * 1000))}ms" if value < 60 else show_seconds(round(value))


def _percent(share: float) -> str:
    return f"{round(share * 100, 3):g}%"


def _workload(fit: Fit) -> list[str]:
    traffic = fit.traffic
    lines = ["workload:"]
    lines += _comment(
        f"The rate by slices of {show_seconds(traffic.slice_s)}, as multiples of the mean, and the "
        "unevenness within them.",
        2,
    )
    lines += ["  arrivals:", *_arrivals(traffic.shared, 4)]
    if len(fit.asked) > 1:
        shares = ", ".join(
            f"{json.dumps(model)}: {share!r}" for model, share in _adding_up(fit.asked).items()
        )
        lines += ["  # Of normal mode's calls while nothing was wrong.", f"  models: {{{shares}}}"]
    lines.append("  classes:")
    shares_of = _adding_up(traffic.shares)
    tokens = _tokens(fit)
    for priority, share in shares_of.items():
        lines.append(f"    - name: {priority}")
        lines.append(f"      share: {share!r}")
        lines += _class(fit, priority, tokens)
    for priority, curve in traffic.own.items():
        lines.append(f"    - name: {priority}  # its share of the requests changed")
        lines += _class(fit, priority, tokens)
        lines += ["      arrivals:", *_arrivals(curve, 8)]
    return lines


def _class(fit: Fit, priority: str, tokens: list[str]) -> list[str]:
    lines = [f"      priority: {priority}", *tokens]
    mistakes = fit.traffic.mistakes.get(priority, 0.0)
    if mistakes:
        lines.append(f"      mistakes: {_percent(mistakes)}  # failed by another's fault")
    return lines


def _adding_up(shares: Mapping[str, float]) -> dict[str, float]:
    """Rounded shares that still add up to one."""
    found = {name: round(share, 6) for name, share in shares.items()}
    first = next(iter(found))
    found[first] = round(found[first] + 1.0 - sum(found.values()), 6)
    return found


def _arrivals(curve: Curve, indent: int) -> list[str]:
    space = " " * indent
    lines = [
        f"{space}process: gamma",
        f"{space}cv: {_rounded(curve.cv, 3)}  # ± {_percent(round(curve.cv_known, 3))}; "
        "1 is Poisson",
        f"{space}rate: {_rounded(curve.rate, 6)}  # n {curve.requests:,}, "
        f"± {_percent(round(curve.cv / math.sqrt(curve.requests), 4))}",
    ]
    if len(curve.steps) > 1 or curve.steps[0][1] != 1.0:
        lines.append(f"{space}pattern:")
        lines += [
            f"{space}  - {{kind: step, at: {show_seconds(at)}, factor: {show_factor(level)}}}"
            for at, level in curve.steps
        ]
    return lines


def _tokens(fit: Fit) -> list[str]:
    prompts, calls = fit.prompts, fit.calls
    n = sum(fit.answers.values())
    space = " " * 6
    sigma = math.sqrt(math.log1p((prompts.deviation / max(prompts.mean, 1.0)) ** 2))
    p50 = max(1, round(prompts.mean * math.exp(-sigma * sigma / 2.0)))
    p95 = max(p50, round(p50 * math.exp(Z95 * sigma)))
    most = max(p95, round(p50 * math.exp(4.5 * sigma)))
    lines = [
        f"{space}# Mean {prompts.mean:,.0f} "
        f"± {_percent(_error(prompts.deviation, prompts.mean, n))}, deviation"
        f" {prompts.deviation:,.0f} from sums of ticks; their form is assumed.",
        f"{space}prompt: {{p50: {p50}, p95: {p95}, max: {min(most, 1_000_000)}}}",
    ]
    if prompts.cached >= LEAST_USUAL:
        lines.append(f"{space}cached: {_percent(prompts.cached)}")
    points = ", ".join(
        f"{q:g}: {max(1, round(tokens))}" for q, tokens in zip(QUANTILES, calls.output, strict=True)
    )
    lines += [
        f"{space}# Mean and deviation from sums of ticks, their form from how long calls took.",
        f"{space}output: {{quantiles: {{{points}}}}}",
    ]
    if calls.thinking is None:
        lines.append(f"{space}thinking: 0  # none was seen in normal mode")
    else:
        low, high = (max(1, round(each)) for each in calls.thinking)
        lines.append(f"{space}thinking: {{p50: {low}, p95: {max(low, high)}}}")
    return lines


def _error(deviation: float, mean: float, n: int) -> float:
    return round(deviation / max(mean, 1e-9) / math.sqrt(max(n, 1)), 4)


def _upstream(fit: Fit) -> list[str]:
    lines = ["upstream:"]
    told = [cell for cell in fit.answers if fit.policy.strategies[cell[0]].instruction is not None]
    if told:
        lines.append(
            f"  concise_factor: {_percent(round(fit.calls.concise, 3))}  "
            f"# n {sum(fit.answers[cell] for cell in told):,}"
        )
    lines.append("  models:")
    for model, profile in fit.calls.profiles.items():
        n = sum(count for (_, name), count in fit.answers.items() if name == model)
        misfit = fit.calls.misfit.get(model, 0.0)
        lines += [
            f"    {json.dumps(model)}:  # n {n:,}; quantiles of its latency come out within "
            f"{_percent(round(misfit, 3))} (root mean square)",
            f"      ttft_p50: {_seconds(profile.ttft_p50)}",
            f"      ttft_p95: {_seconds(max(profile.ttft_p95, profile.ttft_p50))}",
            f"      tokens_per_s: {_rounded(profile.tokens_per_s)}",
            f"      speed_sigma: {_rounded(min(profile.speed_sigma, 3.0), 3)}",
            f"      thinking_factor: x{_rounded(profile.thinking_factor, 3)}",
        ]
        usual = fit.usual.get(model, {}).get("overloaded", 0.0)
        if usual >= LEAST_USUAL:
            lines.append(f"      error_share: {_percent(usual)}  # 503s while nothing was wrong")
        if model in fit.quotas:
            lines += _quota(fit.quotas[model])
    return lines


def _quota(quota: SeenQuota) -> list[str]:
    what = "tpm" if quota.tokens else "rpm"
    lines = [
        f"      # {quota.refused:,} calls were refused in {quota.minutes} minutes, each of which "
        f"granted about as {'much' if quota.tokens else 'many'}.",
    ]
    if quota.factor != 1.0:
        lines.append("      # More was granted at other times: it is taken as ten times the most.")
    limit = show_tokens(max(1, round(quota.limit)))
    lines.append(f"      quota: {{{what}: {limit}, counting: {quota.counting}}}")
    return lines


def _clients(fit: Fit) -> list[str]:
    first = next(iter(fit.asked))
    lines = [
        "clients:",
        f"  model: {json.dumps(first)}",
        "  reasks: {share: 0%, after: 20s}  # those who asked again are among the arrivals",
    ]
    if fit.timeout_s is not None:
        lines.append(f"  timeout: {_seconds(fit.timeout_s)}  # calls were called off after it")
    return lines


def _faults(fit: Fit) -> list[str]:
    lines = [line for each in fit.episodes for line in _fault(fit, each)]
    lines += _standing(fit)
    for model, quota in fit.quotas.items():
        if quota.factor != 1.0:
            end_s = min(quota.end_s, fit.duration_s)
            lines += [
                f"  - name: {json.dumps(f'less quota of {model}')}",
                "    kind: quota",
                f"    model: {json.dumps(model)}",
                f"    factor: x{_rounded(quota.factor, 6)}",
                f"    at: {show_seconds(quota.begin_s)}",
                f"    for: {show_seconds(end_s - quota.begin_s)}",
            ]
    return ["", "faults:", *lines] if lines else []


def _fault(fit: Fit, each: Episode) -> Iterable[str]:
    tick_s = fit.policy.tick_s
    segment = each.segment
    begin_s, end_s = segment.begin * tick_s, min(segment.end * tick_s, fit.duration_s)
    said = f"n {each.calls:,.0f}"
    if segment.begin_high - segment.begin_low > 1:
        said += (
            f"; it began between {show_seconds(segment.begin_low * tick_s)} and "
            f"{show_seconds(segment.begin_high * tick_s)}"
        )
    if segment.end_high - segment.end_low > 1:
        said += (
            f"; it ended between {show_seconds(segment.end_low * tick_s)} and "
            f"{show_seconds(segment.end_high * tick_s)}, and nothing was called meanwhile"
        )
    if each.note:
        said += f"; {each.note}"
    what = each.error or each.kind
    yield from _comment(said, 2)
    yield f"  - name: {json.dumps(f'{what} of {each.model} at {show_seconds(begin_s)}')}"
    yield f"    kind: {each.kind}"
    if each.error:
        yield f"    error: {each.error}"
    yield f"    model: {json.dumps(each.model)}"
    if each.kind in ("error", "hang", "cut"):
        error = math.sqrt(max(each.share * (1.0 - each.share), 1e-9) / max(each.calls, 1.0))
        yield f"    share: {_percent(each.share)}  # ± {_percent(round(error, 4))}"
    else:
        yield f"    factor: x{_rounded(each.factor, 3)}"
    if each.ignores_budget:
        yield "    ignores_budget: true"
    yield f"    at: {show_seconds(begin_s)}"
    yield f"    for: {show_seconds(end_s - begin_s)}"


def _standing(fit: Fit) -> Iterable[str]:
    """Failures that were always there, and are no 503s."""
    for model, shares in fit.usual.items():
        for kind, share in shares.items():
            if kind == "overloaded" or share < LEAST_USUAL:
                continue
            yield "  # All the time."
            yield f"  - name: {json.dumps(f'{kind} of {model}')}"
            yield f"    kind: {'cut' if kind == 'cut' else 'error'}"
            if kind != "cut":
                yield f"    error: {kind}"
            yield f"    model: {json.dumps(model)}"
            yield f"    share: {_percent(share)}"
            yield "    at: 0s"
            yield f"    for: {show_seconds(fit.duration_s)}"
