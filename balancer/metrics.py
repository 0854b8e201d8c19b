"""The metric table: name, alias, unit, kind, attributes and meaning of everything we measure.

Whatever emits, queries or draws a metric reads it from here: the OpenTelemetry exporter, the
Datadog monitors, the dashboards and the page in the docs. Native names are `open_balancer.*`
and, where the GenAI conventions have one, theirs; the alias is the name that users were
promised, under which the same values are emitted a second time. In Datadog an alias has the
prefix `custom.`.

Units are UCUM, as OpenTelemetry writes them. Counters only grow and are exported as deltas
where a backend asks for them; gauges are the last value; histograms become distributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = [
    "DATADOG_PREFIX",
    "METRICS",
    "Kind",
    "Metric",
    "metric_named",
]

DATADOG_PREFIX: Final = "custom."
"""What an alias begins with in Datadog."""

MODE: Final = "open_balancer.mode"
PRIORITY: Final = "open_balancer.priority"
OUTCOME: Final = "open_balancer.outcome"
CALLER: Final = "open_balancer.caller"
PASSED_KIND: Final = "open_balancer.passed.kind"
BUDGET_KEY: Final = "open_balancer.budget.key"
BUDGET_WINDOW: Final = "open_balancer.budget.window"
MODE_FROM: Final = "open_balancer.mode.from"
MODE_TO: Final = "open_balancer.mode.to"
ARM: Final = "open_balancer.arm"
"""Of simulated traffic only, on every metric: `policy`, or an arm without a controller
(`static`, `cheapest`, `none`).
"""
RULE: Final = "open_balancer.rule"
MODEL: Final = "gen_ai.request.model"
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 -- an attribute, and no password
ERROR_TYPE: Final = "error.type"


class Kind(Enum):
    """What instrument a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A row of the table.

    Attributes:
        name: as it is emitted.
        alias: the promised name of the same values; None where none was promised.
        unit: UCUM; "1" for shares, braces for what is counted.
        kind: of instrument.
        attributes: keys that its points may have, beside the resource's.
        meaning: one sentence.
        live_only: a simulated run has none: its journal holds sums a tick, and neither single
            calls and requests nor a process.
    """

    name: str
    alias: str | None = None
    unit: str
    kind: Kind
    attributes: tuple[str, ...] = ()
    meaning: str
    live_only: bool = False

    @property
    def datadog_alias(self) -> str | None:
        """The alias as Datadog shows it."""
        return None if self.alias is None else DATADOG_PREFIX + self.alias


# ------------------------------------------------------------------- requests and attempts

REQUEST_DURATION: Final = Metric(
    name="open_balancer.request.duration",
    alias="request.latency",
    unit="s",
    kind=Kind.HISTOGRAM,
    attributes=(MODE, MODEL),
    meaning="From a request's first attempt to the end of each that was answered, timed out or "
    "was given up by its caller; quick failures are left out, and calls that were sent as flex.",
)
FIRST_TOKEN: Final = Metric(
    name="open_balancer.request.time_to_first_token",
    alias="llm.response.first_token",
    unit="s",
    kind=Kind.HISTOGRAM,
    attributes=(MODE, MODEL),
    meaning="From the start of an attempt to the first token of its answer.",
)
REQUESTS: Final = Metric(
    name="open_balancer.requests",
    alias="request.throughput",
    unit="{request}",
    kind=Kind.COUNTER,
    attributes=(PRIORITY, OUTCOME),
    meaning="Requests by what the balancer did with them: admitted or shed; those that got the "
    "static answer are counted a second time, as fallback.",
)
ATTEMPTS_STARTED: Final = Metric(
    name="open_balancer.attempts.started",
    unit="{attempt}",
    kind=Kind.COUNTER,
    attributes=(MODE, MODEL),
    meaning="Calls upstream that were started; those in one mode are its part of the traffic.",
)
ATTEMPTS_FINISHED: Final = Metric(
    name="open_balancer.attempts.finished",
    alias="request.attempts",
    unit="{attempt}",
    kind=Kind.COUNTER,
    attributes=(MODE, MODEL),
    meaning="Calls upstream that ended, failed ones and those given up by their callers included; "
    "not those that are unjudged.",
)
ATTEMPTS_FAILED: Final = Metric(
    name="open_balancer.attempts.failed",
    alias="request.errors",
    unit="{attempt}",
    kind=Kind.COUNTER,
    attributes=(MODE, MODEL, ERROR_TYPE),
    meaning="Calls upstream that failed by its own fault, by kind; over those that finished it is "
    "the error rate.",
)
ATTEMPTS_UNJUDGED: Final = Metric(
    name="open_balancer.attempts.unjudged",
    unit="{attempt}",
    kind=Kind.COUNTER,
    attributes=(MODE, MODEL, ERROR_TYPE),
    meaning="Calls upstream that failed by another's fault: the caller's mistake (rejected), an "
    "edit of ours that was refused (edited), a project that is closed (closed), flex that was full "
    "or too late (flex_full).",
)
ATTEMPTS_REROUTED: Final = Metric(
    name="open_balancer.attempts.rerouted",
    unit="{attempt}",
    kind=Kind.COUNTER,
    attributes=(MODE, MODEL),
    meaning="Calls upstream that another model answered than was sent, such as one that has ended; "
    "they are billed as the one that answered.",
)
ATTEMPTS_DOWNGRADED: Final = Metric(
    name="open_balancer.attempts.downgraded",
    unit="{attempt}",
    kind=Kind.COUNTER,
    attributes=(MODE, MODEL),
    meaning="Calls upstream that were served in another service tier than they were sent in, such "
    "as priority beyond its share; they are billed in the one that served.",
)
MISTAKES: Final = Metric(
    name="open_balancer.callers.mistakes",
    unit="{request}",
    kind=Kind.COUNTER,
    attributes=(CALLER,),
    meaning="Requests that the upstream refuses as their caller wrote them, by caller: the key of "
    "the request, at most 64 of them; the rest are other.",
    live_only=True,
)
EDITS_WITHDRAWN: Final = Metric(
    name="open_balancer.edits.withdrawn",
    unit="{edit}",
    kind=Kind.GAUGE,
    meaning="Edits of plans that are not made, because the upstream refused what we made of a "
    "request and took it as it was written.",
    live_only=True,
)
PROJECTS_CLOSED: Final = Metric(
    name="open_balancer.projects.closed",
    unit="{project}",
    kind=Kind.GAUGE,
    meaning="Projects that the upstream has closed until their owner acts: billing, a spend cap, "
    "an API that is off, the service's own key. Their calls are held back.",
    live_only=True,
)
ERROR_RATE: Final = Metric(
    name="open_balancer.error_rate",
    alias="request.error_rate",
    unit="1",
    kind=Kind.GAUGE,
    meaning="Attempts failed by the upstream's fault over those finished, over the last minute.",
)
AVAILABILITY: Final = Metric(
    name="open_balancer.availability",
    alias="service.availability",
    unit="1",
    kind=Kind.GAUGE,
    meaning="Requests that got a complete answer of a model over those offered, but for those "
    "that are unjudged, last minute.",
)
IN_FLIGHT: Final = Metric(
    name="open_balancer.attempts.in_flight",
    unit="{attempt}",
    kind=Kind.GAUGE,
    attributes=(MODE, MODEL),
    meaning="Calls upstream that have not ended yet, but for those that were sent as flex.",
)

PASSED: Final = Metric(
    name="open_balancer.passed.calls",
    unit="{call}",
    kind=Kind.COUNTER,
    attributes=(PASSED_KIND, ERROR_TYPE),
    meaning="Calls that went through the proxy and that no plan governs, by what they are of: "
    "embeddings, files and the like. They are in no other metric and no signal.",
    live_only=True,
)
PASSED_DURATION: Final = Metric(
    name="open_balancer.passed.duration",
    unit="s",
    kind=Kind.HISTOGRAM,
    attributes=(PASSED_KIND,),
    meaning="Of a call that no plan governs, from its arrival to the end of its answer; quick "
    "failures are left out. Of the Live API, how long a session lasted.",
    live_only=True,
)
PASSED_COST: Final = Metric(
    name="open_balancer.passed.cost",
    unit="{USD}",
    kind=Kind.COUNTER,
    attributes=(PASSED_KIND,),
    meaning="Dollars of calls that no plan governs, where their answer says what they used and "
    "their model has a price; a hard budget books them.",
    live_only=True,
)
BYPASS: Final = Metric(
    name="open_balancer.bypass",
    unit="1",
    kind=Kind.GAUGE,
    meaning="1 while the kill switch lets all calls through unchanged, else 0.",
    live_only=True,
)

# -------------------------------------------------------------------------- GenAI and cost

OPERATION_DURATION: Final = Metric(
    name="gen_ai.client.operation.duration",
    alias="llm.response.duration",
    unit="s",
    kind=Kind.HISTOGRAM,
    attributes=(OPERATION, PROVIDER, MODEL, ERROR_TYPE),
    meaning="One call upstream, from start to end, as the GenAI conventions define it.",
    live_only=True,
)
OPERATION_FIRST_CHUNK: Final = Metric(
    name="gen_ai.client.operation.time_to_first_chunk",
    unit="s",
    kind=Kind.HISTOGRAM,
    attributes=(OPERATION, PROVIDER, MODEL),
    meaning="One streamed call upstream, from start to its first chunk.",
    live_only=True,
)
OPERATION_TOKENS: Final = Metric(
    name="gen_ai.client.token.usage",
    unit="{token}",
    kind=Kind.HISTOGRAM,
    attributes=(OPERATION, PROVIDER, MODEL, TOKEN_TYPE),
    meaning="Tokens of one call upstream, input and output apart; thinking counts as output.",
    live_only=True,
)
TOKENS: Final = Metric(
    name="open_balancer.tokens",
    alias="llm.tokens.used",
    unit="{token}",
    kind=Kind.COUNTER,
    attributes=(MODE, MODEL, TOKEN_TYPE),
    meaning="Tokens settled: input, output, thinking, and cached, which is part of input: leave it "
    "out of a sum.",
)
SESSION_TOKENS: Final = Metric(
    name="open_balancer.session.tokens",
    alias="llm.tokens.per_session",
    unit="{token}",
    kind=Kind.HISTOGRAM,
    meaning="Tokens of one session (prompts, answers and thinking of all its requests), recorded "
    "when it is over; only of requests whose caller names their session.",
    live_only=True,
)
COST: Final = Metric(
    name="open_balancer.cost",
    alias="llm.cost.total",
    unit="{USD}",
    kind=Kind.COUNTER,
    attributes=(MODE, MODEL),
    meaning="Dollars settled, estimated from usage and the policy's prices.",
)
REQUEST_COST: Final = Metric(
    name="open_balancer.request.cost",
    alias="llm.cost.per_request",
    unit="{USD}",
    kind=Kind.HISTOGRAM,
    attributes=(MODE,),
    meaning="Dollars of one admitted request, all its attempts together, recorded when it is over; "
    "0 where nothing was billed.",
    live_only=True,
)
COST_PER_ANSWER: Final = Metric(
    name="open_balancer.cost.per_answer",
    alias="llm.cost.per_successful_interaction",
    unit="{USD}",
    kind=Kind.GAUGE,
    meaning="Dollars settled over complete answers, over the last hour.",
)
COST_RATE: Final = Metric(
    name="open_balancer.cost.rate",
    alias="token_cost_per_hour",
    unit="{USD}/h",
    kind=Kind.GAUGE,
    meaning="Mean cost of the last minute's calls, times those started, an hour: the signal "
    "token_cost_per_hour over all modes, of this replica; replicas add up.",
)
SPEND: Final = Metric(
    name="open_balancer.spend",
    alias="llm.spend",
    unit="{USD}",
    kind=Kind.GAUGE,
    attributes=(BUDGET_WINDOW,),
    meaning="Dollars settled over the last hour and the last day.",
)
BUDGET_LEFT: Final = Metric(
    name="open_balancer.budget.left",
    alias="llm.budget.left",
    unit="{USD}",
    kind=Kind.GAUGE,
    attributes=(BUDGET_WINDOW, BUDGET_KEY),
    meaning="What a hard budget still affords in its window, less what is reserved; of a key's "
    "only live.",
)
BUDGET_USED: Final = Metric(
    name="open_balancer.budget.used",
    unit="{USD}",
    kind=Kind.GAUGE,
    attributes=(BUDGET_WINDOW, BUDGET_KEY),
    meaning="What was settled in a hard budget's window, by its ledger.",
    live_only=True,
)
BUDGET_RESERVED: Final = Metric(
    name="open_balancer.budget.reserved",
    unit="{USD}",
    kind=Kind.GAUGE,
    attributes=(BUDGET_WINDOW, BUDGET_KEY),
    meaning="What a hard budget holds for calls in flight.",
    live_only=True,
)
BUDGET_FREE: Final = Metric(
    name="open_balancer.budget.free",
    unit="s",
    kind=Kind.GAUGE,
    attributes=(BUDGET_WINDOW, BUDGET_KEY),
    meaning="Until all of what is used has left a hard budget's window; 0 where nothing is used.",
    live_only=True,
)
PRIORITY_LEFT: Final = Metric(
    name="open_balancer.budget.priority.left",
    unit="{USD}",
    kind=Kind.GAUGE,
    attributes=(BUDGET_WINDOW,),
    meaning="What the budget of the priority tier still affords in its window, less what is "
    "reserved; beyond it calls go as standard.",
    live_only=True,
)
BUDGET_PROJECTED: Final = Metric(
    name="open_balancer.budget.projected",
    alias="llm.budget.projected",
    unit="{USD}",
    kind=Kind.GAUGE,
    attributes=(BUDGET_WINDOW,),
    meaning="Spend over a whole window of a hard budget at the last minute's rate; not of a key's.",
)

# ------------------------------------------------------------------------------- brownout

FLEET_ALONE: Final = Metric(
    name="open_balancer.fleet.alone",
    unit="1",
    kind=Kind.GAUGE,
    meaning="1 while a replica of a fleet decides by itself, because the fleet's decisions do not "
    "come; 0 while it follows or leads. Processes by themselves have none.",
    live_only=True,
)
FLEET_LEADS: Final = Metric(
    name="open_balancer.fleet.leads",
    unit="1",
    kind=Kind.GAUGE,
    meaning="1 while this replica leads its fleet, 0 otherwise: the sum over a fleet is 1.",
    live_only=True,
)
FLEET_REPLICAS: Final = Metric(
    name="open_balancer.fleet.replicas",
    unit="{replica}",
    kind=Kind.GAUGE,
    meaning="Replicas that had a part in the fleet's last decision that this one has heard of.",
    live_only=True,
)
CURRENT_MODE: Final = Metric(
    name="open_balancer.mode.current",
    alias="brownout.current_mode",
    unit="{mode}",
    kind=Kind.GAUGE,
    meaning="The mode: 0 normal, 1 soft, 2 hard, 3 emergency. Emitted without traffic too.",
)
MODE_SHARE: Final = Metric(
    name="open_balancer.mode.share",
    alias="brownout.mode_distribution",
    unit="1",
    kind=Kind.GAUGE,
    attributes=(MODE,),
    meaning="Share of the admitted requests that the decision serves in each mode.",
)
MODE_CHANGES: Final = Metric(
    name="open_balancer.mode.changes",
    alias="brownout.mode_changes",
    unit="{change}",
    kind=Kind.COUNTER,
    attributes=(MODE_FROM, MODE_TO),
    meaning="Changes of mode, up and down.",
)
ACTIVATIONS: Final = Metric(
    name="open_balancer.activations",
    alias="brownout.activations.count",
    unit="{activation}",
    kind=Kind.COUNTER,
    attributes=(MODE,),
    meaning="Entries of a degraded mode from a milder one.",
)
RECOVERY: Final = Metric(
    name="open_balancer.recovery.duration",
    alias="brownout.recovery.duration",
    unit="s",
    kind=Kind.HISTOGRAM,
    meaning="From leaving normal to being back in it.",
)
COST_SAVED: Final = Metric(
    name="open_balancer.cost.saved",
    alias="brownout.cost_saved",
    unit="{USD}",
    kind=Kind.GAUGE,
    meaning="An estimate: last hour's calls at the price of a call in normal, less what they cost.",
)
MISFIT: Final = Metric(
    name="open_balancer.policy.misfit",
    unit="1",
    kind=Kind.GAUGE,
    attributes=(RULE,),
    meaning="Of each threshold that healthy traffic crosses: the signal where nothing is wrong "
    "over the threshold. Not emitted where the policy fits, and before an hour of traffic.",
    live_only=True,
)
QUALITY: Final = Metric(
    name="open_balancer.quality",
    alias="response.quality_score",
    unit="1",
    kind=Kind.GAUGE,
    meaning="Mean quality of the last minute's answers, as the application's scorer says; not "
    "emitted without one.",
    live_only=True,
)

# ---------------------------------------------------------------------------- the process

QUEUE_DEPTH: Final = Metric(
    name="open_balancer.queue.depth",
    alias="queue.depth",
    unit="{request}",
    kind=Kind.GAUGE,
    meaning="Requests waiting to start, not those in flight.",
)
MEMORY: Final = Metric(
    name="open_balancer.memory.utilization",
    alias="system.memory.usage",
    unit="1",
    kind=Kind.GAUGE,
    meaning="Memory in use over what there is: of the container's limit, or of the machine; in a "
    "simulation only while a fault sets it.",
)
CPU: Final = Metric(
    name="open_balancer.cpu.utilization",
    alias="system.cpu.usage",
    unit="1",
    kind=Kind.GAUGE,
    meaning="CPU time of the process over the time that passed, over what it may use.",
    live_only=True,
)
TELEMETRY_DROPPED: Final = Metric(
    name="open_balancer.telemetry.dropped",
    unit="{item}",
    kind=Kind.COUNTER,
    meaning="Spans and log records that were given up because the receiver was away or slow; "
    "metrics are totals, and catch up.",
    live_only=True,
)

METRICS: Final[tuple[Metric, ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, Metric)
)
"""All rows, in the order of this file."""

_BY_NAME = {
    name: metric
    for metric in METRICS
    for name in (metric.name, metric.alias, metric.datadog_alias)
    if name is not None
}


def metric_named(name: str) -> Metric | None:
    """The row of a native name, of an alias, or of an alias as Datadog shows it."""
    return _BY_NAME.get(name)
