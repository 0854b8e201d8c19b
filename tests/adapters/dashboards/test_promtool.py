"""Prometheus's own tool takes the rules, and they fire and end at the policy's thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from balancer.adapters.dashboards.alert_file import alerts_text
from balancer.core.policy import Policy
from balancer.prometheus_names import Translation
from tests.adapters.dashboards.promtool import EVERY_S, FIRING, Promtool, needs_promtool

pytestmark = needs_promtool

SECONDS = "open_balancer_request_duration_seconds_bucket"
FINISHED = 'open_balancer_attempts_finished_total{job="shop"}'
FAILED = 'open_balancer_attempts_failed_total{job="shop"}'
STARTED = 'open_balancer_attempts_started_total{job="shop"}'
COST = 'open_balancer_cost_total{job="shop"}'
MODE = 'open_balancer_mode_current{job="shop", instance="1"}'
EDGES = ("10", "14", "20", "30", "+Inf")


def grows(*phases: tuple[float, float]) -> list[float | None]:
    """A counter: minutes, and how much it grows in a minute."""
    found = [0.0]
    for minutes, per_minute in phases:
        for _ in range(round(minutes * 60 / EVERY_S)):
            found.append(found[-1] + per_minute * EVERY_S / 60)
    return list(found)


def stands(*phases: tuple[float, float | None]) -> list[float | None]:
    """A gauge: minutes, and its value; None: nothing is reported."""
    return [value for minutes, value in phases for _ in range(round(minutes * 60 / EVERY_S))]


def latencies(
    *phases: tuple[float, str], per_minute: float = 60
) -> dict[str, Sequence[float | None]]:
    """A histogram: minutes, and the upper edge of the bucket that all samples fall into."""
    return {
        f'{SECONDS}{{job="shop", le="{edge}"}}': grows(
            *(
                (minutes, per_minute if EDGES.index(into) <= EDGES.index(edge) else 0)
                for minutes, into in phases
            )
        )
        for edge in EDGES
    }


@pytest.mark.parametrize(
    "translation", [Translation.UNDERSCORES, Translation.BARE_UNDERSCORES], ids=lambda t: t.value
)
def test_rules_are_valid(everything: Policy, promtool: Promtool, translation: Translation) -> None:
    """Dotted names need a promtool of Prometheus 3, which Debian does not have yet."""
    promtool.check(alerts_text(everything, "shop", translation))


def test_latency_fires_above_entry_and_ends_below_exit(default: Policy, promtool: Promtool) -> None:
    """Entry 15 s, exit 12 s, hold 2 min: 13.8 s begins nothing, and ends nothing."""
    firing = FIRING.format("OpenBalancerSoftLatencyP95")
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {
            **latencies((5, "14"), (5, "20"), (5, "14"), (10, "10")),
            FINISHED: grows((25, 60)),
        },
        [
            (5 * 60, "round(open_balancer:latency_p95:1m * 10) / 10", 13.8),
            (5 * 60, firing, 0),
            (7 * 60, "round(open_balancer:latency_p95:1m * 10) / 10", 19.7),
            (6 * 60, firing, 0),  # above for less than a minute
            (8 * 60, firing, 1),
            (14 * 60 + 45, "round(open_balancer:latency_p95:1m * 10) / 10", 13.8),
            (14 * 60 + 45, firing, 1),  # below entry for minutes, above exit
            (17 * 60, "round(open_balancer:latency_p95:1m * 10) / 10", 9.5),
            (17 * 60, firing, 1),  # calm for less than the hold
            (19 * 60, firing, 0),
            (25 * 60, firing, 0),
        ],
    )


def test_an_alert_says_what_it_is_about(default: Policy, promtool: Promtool) -> None:
    """Labels to route by, and texts with numbers and units."""
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {FAILED: grows((10, 7.5)), FINISHED: grows((10, 100))},
        alerts=[
            {
                "eval_time": "8m",
                "alertname": "OpenBalancerSoftErrorRate",
                "exp_alerts": [
                    {
                        "exp_labels": {
                            "job": "shop",
                            "severity": "warning",
                            "brownout": "soft",
                            "signal": "error_rate",
                            "service": "shop",
                        },
                        "exp_annotations": {
                            "summary": "shop: soft error_rate",
                            "description": "error_rate over 1m is 7.5%. The threshold of soft "
                            "brownout is 5% in policy default; the alert ends when it was at "
                            "most 4% for 2m.",
                        },
                    }
                ],
            },
            {"eval_time": "8m", "alertname": "OpenBalancerHardErrorRate", "exp_alerts": []},
        ],
    )


def test_errors_are_a_share_and_none_is_zero(default: Policy, promtool: Promtool) -> None:
    """Without a failure there is no series of failures."""
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {FINISHED: grows((10, 100))},
        [(300, "open_balancer:error_rate:1m", 0)],
    )


def test_a_few_calls_prove_nothing(default: Policy, promtool: Promtool) -> None:
    """Ten calls a minute, all failed, are fewer than the policy's least number of samples."""
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {FAILED: grows((10, 10)), FINISHED: grows((10, 10))},
        [
            (480, "open_balancer:error_rate:1m", 1),
            (480, FIRING.format("OpenBalancerSoftErrorRate"), 0),
        ],
    )


def test_cost_is_dollars_an_hour(default: Policy, promtool: Promtool) -> None:
    """$4 a minute is $240 an hour: soft, and not hard."""
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {COST: grows((10, 4)), FINISHED: grows((10, 60))},
        [
            (480, "round(open_balancer:token_cost_per_hour:1m)", 240),
            (480, FIRING.format("OpenBalancerSoftTokenCostPerHour"), 1),
            (480, FIRING.format("OpenBalancerHardTokenCostPerHour"), 0),
        ],
    )


def test_sustained_means_for_so_long(everything: Policy, promtool: Promtool) -> None:
    """`> 2000ms for 5 minutes`; the table's threshold of the same mode fires after one."""
    text = alerts_text(everything, "shop", Translation.UNDERSCORES)
    promtool.play(
        text,
        {**latencies((12, "10")), FINISHED: grows((12, 60))},
        [
            (4 * 60, FIRING.format("OpenBalancerSoftLatencyP95"), 1),
            (4 * 60, FIRING.format("OpenBalancerHighP95Latency"), 0),
            (8 * 60, FIRING.format("OpenBalancerHighP95Latency"), 1),
        ],
    )


def test_replicas_and_others_are_told_apart(default: Policy, promtool: Promtool) -> None:
    """Replicas add up; another service and a simulated run stay out; a namespace is no matter."""
    name = 'open_balancer_attempts_{}_total{{job="{}", instance="{}", open_balancer_arm="{}"}}'
    series: dict[str, Sequence[float | None]] = {}
    for job, instance, arm, failed in (
        ("web/shop", "1", "", 0),
        ("web/shop", "2", "", 8),
        ("web/shop", "3", "policy", 40),
        ("workshop", "4", "", 40),
    ):
        series[name.format("finished", job, instance, arm)] = grows((10, 40))
        series[name.format("failed", job, instance, arm)] = grows((10, failed))
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        series,
        [
            (480, "round(sum(open_balancer:error_rate:1m) * 100)", 10),
            (480, FIRING.format("OpenBalancerSoftErrorRate"), 1),
        ],
    )


def test_silence_is_an_alert(default: Policy, promtool: Promtool) -> None:
    """After ten minutes; it ends when something is heard again."""
    firing = FIRING.format("OpenBalancerNoData")
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {MODE: stands((5, 0), (20, None), (5, 0))},
        [(14 * 60, firing, 0), (16 * 60, firing, 1), (26 * 60, firing, 0)],
    )


@pytest.mark.slow
def test_flapping_is_counted_once_for_all_replicas(default: Policy, promtool: Promtool) -> None:
    """A change a minute, by two replicas: more than 12 in an hour, and over when it stops."""
    firing = FIRING.format("OpenBalancerModeFlapping")
    back_and_forth = stands(*((1, float(k % 2)) for k in range(20)), (60, 0))
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {MODE: back_and_forth, MODE.replace('"1"', '"2"'): back_and_forth},
        [(10 * 60, firing, 0), (16 * 60, firing, 1), (78 * 60, firing, 0)],
    )


def test_a_mode_is_told_and_asks_for_nothing(default: Policy, promtool: Promtool) -> None:
    """Hard and worse; soft is what users hardly notice."""
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {MODE: stands((5, 1), (5, 3))},
        [(4 * 60, FIRING.format("OpenBalancerDegraded"), 0)],
        alerts=[
            {
                "eval_time": "9m",
                "alertname": "OpenBalancerDegraded",
                "exp_alerts": [
                    {
                        "exp_labels": {"job": "shop", "severity": "warning", "service": "shop"},
                        "exp_annotations": {
                            "summary": "shop: hard brownout or worse",
                            "description": "shop is in emergency brownout: answers are short, "
                            "and some requests may be refused.",
                        },
                    }
                ],
            }
        ],
    )


def test_calls_that_hang_are_seen(default: Policy, promtool: Promtool) -> None:
    """They are started and never end; latency and errors show nothing."""
    promtool.play(
        alerts_text(default, "shop", Translation.UNDERSCORES),
        {STARTED: grows((10, 60)), FINISHED: grows((3, 60), (7, 0))},
        [
            (3 * 60, FIRING.format("OpenBalancerStalled"), 0),
            (8 * 60, FIRING.format("OpenBalancerStalled"), 1),
        ],
    )


def test_budgets_warn_before_they_are_used_up(everything: Policy, promtool: Promtool) -> None:
    """$50 an hour: heading for $60 is a warning, $4 left is critical; another window's is not."""
    labels = 'job="shop", open_balancer_budget_window="{}"'
    mine, other = labels.format("3600s"), labels.format("86400s")
    tenant = other + ', open_balancer_budget_key="acme"'
    promtool.play(
        alerts_text(everything, "shop", Translation.UNDERSCORES),
        {
            f"open_balancer_budget_projected{{{mine}}}": stands((10, 40), (10, 60)),
            f"open_balancer_budget_projected{{{other}}}": stands((20, 900)),
            f"open_balancer_budget_left{{{mine}}}": stands((10, 30), (10, 4)),
            f"open_balancer_budget_left{{{other}}}": stands((20, 1)),
            f"open_balancer_budget_left{{{tenant}}}": stands((15, 9), (5, 1)),
        },
        [
            (9 * 60, FIRING.format("OpenBalancerBudgetProjected"), 0),
            (18 * 60, FIRING.format("OpenBalancerBudgetProjected"), 1),
            (9 * 60, FIRING.format("OpenBalancerBudgetLow"), 0),
            (14 * 60, FIRING.format("OpenBalancerBudgetLow"), 1),
            (18 * 60, FIRING.format("OpenBalancerBudgetLow"), 2),  # the tenant's too
        ],
    )
