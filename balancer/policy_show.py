"""A policy as a file: everything in force, every default filled in, with units.

What `show_policy` writes can be read back and gives an equal policy. A latency is judged at the
nearest edge of the latency histogram, which stands beside its threshold as a comment.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from .core.catalog import DatedPrices, ModelCard
from .core.constants import Constants
from .core.modes import MODES, Mode
from .core.policy import SIGNALS, BudgetLimit, Policy, Rule
from .core.pricing import NANO_USD, PriceRow
from .core.routes import resolve
from .core.rules import shown as in_words
from .core.surcharges import NO_SURCHARGES, Surcharges
from .policy_schema import WINDOWS_S, ConstantsEntry, LadderEntry
from .policy_strategy import Entry, show_strategy
from .prices import default_catalog
from .units import Seconds, Share, show_factor, show_seconds, show_share, show_tokens, show_usd

__all__ = ["show_policy", "shown_threshold"]

_SHOW: dict[str, Callable[[float], str]] = {
    "seconds": show_seconds,
    "share": show_share,
    "usd_per_hour": show_usd,
    "usd": show_usd,
    "tokens_per_minute": lambda tokens: show_tokens(int(tokens)),
    "requests": lambda requests: f"{requests:g}",
    "times": show_factor,
}


_UNITS: dict[object, Callable[[float], str]] = {
    Seconds | None: show_seconds,
    Share | None: show_share,
}


def shown_threshold(rule: Rule) -> str:
    """A rule's threshold as a policy file says it: "15s", "5%", "$120", "x1.75"."""
    if rule.at_rest is not None:
        return show_factor(rule.at_rest)
    return _SHOW[SIGNALS[rule.signal]](rule.threshold)


def show_policy(policy: Policy) -> str:
    """YAML of a policy, complete; as of the day that policies are read for, whatever its own is."""
    return _shown(policy.on(default_catalog().as_of))


@lru_cache(maxsize=32)
def _shown(policy: Policy) -> str:
    # A service, its console and its fleet ask for the same one again and again; it takes 25 ms.
    document = CommentedMap(
        name=policy.name,
        law=policy.law,
        tick=show_seconds(policy.tick_s),
        rules=CommentedSeq(_rule(rule) for rule in policy.rules),
        modes=CommentedMap((mode.label, show_strategy(policy.strategies[mode])) for mode in MODES),
        ladder=_constants(LadderEntry, policy.ladder),
        constants=_laws(policy.constants),
        budget=_budgets(policy.budgets, policy.priority_budgets),
        baseline=_baseline(policy),
        prices=_prices(policy),
    )
    text = StringIO()
    writer = YAML()
    writer.width = 96
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.representer.add_representer(type(None), _null)
    writer.dump(document, text)
    return text.getvalue()


def _null(representer: Any, _value: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _rule(rule: Rule) -> CommentedMap:
    shown = CommentedMap(
        name=rule.name,
        signal=rule.signal,
        above=shown_threshold(rule),
        level=rule.level.label,
        window=show_seconds(rule.window_s),
        sustained=show_seconds(rule.sustained_s),
        jump=rule.jump,
    )
    if rule.objective is not None:
        shown["objective"] = show_share(rule.objective)
    if rule.short_window_s is not None:
        shown["short_window"] = show_seconds(rule.short_window_s)
    if rule.at_rest is not None:
        shown.yaml_add_eol_comment(in_words(rule.threshold, rule.signal), "above", 0)
    if rule.effective_threshold != rule.threshold:
        shown.yaml_add_eol_comment(f"judged at {rule.effective_threshold:.4g}s", "above", 0)
    return shown


def _constants(entry: type[Entry], values: object) -> CommentedMap:
    """Constants by the keys that files have for them, in the unit of each."""
    mapping = CommentedMap()
    for key, schema in entry.model_fields.items():
        value = getattr(values, key if hasattr(values, key) else f"{key}_s")
        show = _UNITS.get(schema.annotation)
        mapping[key] = value if show is None else show(value)
    return mapping


def _laws(constants: Constants) -> CommentedMap:
    """Those of every law, each on a line."""
    mapping = CommentedMap()
    for law, schema in ConstantsEntry.model_fields.items():
        entry: Any = schema.annotation
        mapping[law] = _constants(entry, getattr(constants, law))
        mapping[law].fa.set_flow_style()
    return mapping


def _budgets(
    limits: tuple[BudgetLimit, ...], priority: tuple[BudgetLimit, ...] = ()
) -> CommentedMap:
    names = {window_s: name for name, window_s in WINDOWS_S.items()}
    shown = CommentedMap()
    if priority:
        shown["priority"] = _budgets(priority)
    for limit in limits:
        place = shown
        if limit.key is not None:
            tenants = shown.setdefault("per_key", CommentedMap())
            place = tenants.setdefault(limit.key, CommentedMap())
        if limit.window_s in names:
            place[names[limit.window_s]] = show_usd(limit.usd)
        else:
            windows = place.setdefault("windows", CommentedMap())
            windows[show_seconds(limit.window_s)] = show_usd(limit.usd)
    return shown


def _baseline(policy: Policy) -> CommentedMap | None:
    baseline = policy.baseline
    if baseline is None:
        return None
    p95_s = baseline.latency_p95_s
    shown = CommentedMap(
        workload=baseline.workload,
        requests_per_s=baseline.requests_per_s,
        prompt_tokens=baseline.prompt_tokens,
        output_tokens=baseline.output_tokens,
        thinking_tokens=baseline.thinking_tokens,
        latency_p95=None if p95_s is None else show_seconds(p95_s),
        model=baseline.model,
    )
    usd = policy.expected_cost_usd(Mode.NORMAL)
    if usd is not None:
        hourly = usd * baseline.requests_per_s * 3600
        shown.yaml_add_eol_comment(f"about ${hourly:.4g} an hour in normal", "workload", 0)
    return shown


def _prices(policy: Policy) -> CommentedMap:
    """The models this policy names, or makes of the usual one, and those a user has changed."""
    named = {name for strategy in policy.strategies for name in strategy.named_models}
    for strategy in policy.strategies:
        named.update(resolve(strategy, policy.usual_model, policy.catalog))
    known = {card.name: card for card in default_catalog().cards}
    shown = CommentedMap(
        dated=_date(policy.catalog.dated),
        models=CommentedMap(
            (card.name, _card(card, known.get(card.name)))
            for card in policy.catalog.cards
            if card.name in named or card != known.get(card.name)
        ),
    )
    if policy.catalog.unknown is not None:
        shown["unknown"] = _card(policy.catalog.unknown, None)
    return shown


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


_NAMES = ("input", "output", "cached")
_AS_THEY_ARE = (
    "family", "rank", "routed", "system_instruction", "caching", "json_with_functions",
    "signs_calls", "provider", "served_by",
)  # fmt: skip
_SETS = ("inputs", "outputs", "tools")
_DAYS = ("released", "shutdown")


def _card(card: ModelCard, known: ModelCard | None) -> CommentedMap:
    """A model's row: its prices, how it thinks, and what else is not as it is known."""
    first, *later = card.price_list or (
        DatedPrices(since="", price=card.price, tier_prices=card.tier_prices),
    )
    shown = _priced(first)
    if later:
        shown["later"] = [_priced(prices) for prices in later]
    thinking = CommentedMap()
    if card.budget:
        thinking["budget"] = list(card.budget)
    if card.off:
        thinking["off"] = True
    if card.levels:
        thinking["levels"] = list(card.levels)
    if card.default_thinking is not None:
        thinking["default"] = card.default_thinking
    thinking.fa.set_flow_style()
    shown["thinking"] = thinking
    shown["output_limit"] = card.output_limit_tokens
    blank = known or ModelCard(name=card.name, price=card.price, budget=None, off=False)
    if card.context_limit_tokens != blank.context_limit_tokens:
        shown["context_limit"] = card.context_limit_tokens
    for name in (*_AS_THEY_ARE, *_SETS, *_DAYS):
        value = getattr(card, name)
        if value != getattr(blank, name):
            shown[name] = (
                sorted(value) if name in _SETS else _date(value) if name in _DAYS else value
            )
    if card.aliases:
        shown["aliases"] = list(card.aliases)
    if card.surcharges != NO_SURCHARGES:
        shown["surcharges"] = _surcharges(card.surcharges)
    return shown


def _priced(prices: DatedPrices) -> CommentedMap:
    shown = CommentedMap({"from": _date(prices.since)} if prices.since else {})
    _write_row(shown, prices.price)
    if prices.tier_prices:
        shown["tiers"] = CommentedMap()
    for tier, row in prices.tier_prices:
        shown["tiers"][tier] = CommentedMap()
        _write_row(shown["tiers"][tier], row)
        shown["tiers"][tier].fa.set_flow_style()
    return shown


def _write_row(shown: CommentedMap, row: PriceRow) -> None:
    tier_tokens, *nano_usd = row
    prices = [nano / NANO_USD for nano in nano_usd]
    shown.update(zip(_NAMES, prices[:3], strict=True))
    if prices[3:] != prices[:3]:
        shown["above_200k"] = CommentedMap(zip(_NAMES, prices[3:], strict=True))
        shown["above_200k"].fa.set_flow_style()
        shown.yaml_add_eol_comment(f"prompts above {show_tokens(tier_tokens)}", "above_200k", 0)


def _surcharges(surcharges: Surcharges) -> CommentedMap:
    shown = CommentedMap()
    for price in surcharges.media:
        row = {"input": price.input, "output": price.output, "cached": price.cached}
        shown[price.modality] = CommentedMap(
            (name, nano / NANO_USD) for name, nano in row.items() if nano is not None
        )
    for name, fee in (("search", surcharges.search), ("maps", surcharges.maps)):
        if fee is not None:
            shown[name] = CommentedMap(
                usd=fee.nano_usd / NANO_USD, per="query" if fee.per_query else "prompt"
            )
            if fee.per_query:
                shown[name]["most_queries"] = fee.most_queries
    for row in shown.values():
        row.fa.set_flow_style()
    return shown
