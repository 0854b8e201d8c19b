"""Observations and decisions as plain values and back: what stands in a line of a journal.

Zeros, empties and what goes without saying are left out: counts of 0, one tick a line, a mix that
is all in the decision's own mode, an admit probability of 1, limits that are none. Histograms are
flat lists of bucket index and count in turn. Reading back is strict, because a journal that has
been changed by accident must not be replayed as if it had not.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from operator import ge
from typing import Any

from .decisions import ADMIT_ALL, ByPriority, Decision, Limits, Mix, Reason, Stance, gates, one_hot
from .errors import JournalError, nearest
from .histogram import EMPTY, Histogram
from .modes import MODES, Mode
from .observations import (
    FAILURES,
    NO_FAILURES,
    NONE_UNJUDGED,
    Alert,
    ModeObservations,
    ModeRequests,
    Observations,
    Override,
)
from .policy import Strategy
from .value_codec import LARGEST_INT, from_plain, to_plain

__all__ = [
    "REQUEST_KEYS",
    "SERVED_KEYS",
    "TICK_KEYS",
    "decision_from_plain",
    "decision_to_plain",
    "observations_from_plain",
    "observations_to_plain",
    "reasons_from_plain",
]

Plain = dict[str, Any]

_LABELS = tuple(mode.label for mode in MODES)
_MODES = {mode.label: mode for mode in MODES}
_ROOM = 2**31 - 1
_HISTOGRAMS = ("latency", "ttft", "ages")
_COUNTS = (
    "started",
    "finished",
    "prompt_tokens",
    "cached_tokens",
    "output_tokens",
    "thinking_tokens",
    "nano_usd",
    "rerouted",
    "downgraded",
)
SERVED_KEYS = frozenset({"mode", "model", "failures", *_HISTOGRAMS, *_COUNTS})
_REQUEST_HISTOGRAMS = ("answered", "failed", "ages")
REQUEST_KEYS = frozenset({"mode", "begun", "unjudged", *_REQUEST_HISTOGRAMS})
_BY_PRIORITY = ("offered", "admitted", "shed", "fallback")
_GAUGES = ("waiting", "reserved_nano_usd", "memory_ppm")
TICK_KEYS = frozenset(
    {"served", "requests", "alerts", "overrides", "ticks", *_BY_PRIORITY, *_GAUGES}
)
"""Keys of a line's observations; `SERVED_KEYS` and `REQUEST_KEYS` are of their entries."""
_DECISION_KEYS = frozenset({"mode", "mix", "mixes", "admit", "limits", "reasons"})


def observations_to_plain(observations: Observations) -> Plain:
    """Plain form, without the tick's index."""
    (
        _, served, offered, admitted, shed, fallback,
        waiting, reserved_nano_usd, memory_ppm, alerts, overrides, requests, ticks,
    ) = observations  # fmt: skip
    plain: Plain = {}
    if served:
        plain["served"] = [_served_to_plain(entry) for entry in served]
    if requests:
        plain["requests"] = [_requests_to_plain(entry) for entry in requests]
    if any(offered):
        plain["offered"] = offered
    if any(admitted):
        plain["admitted"] = admitted
    if any(shed):
        plain["shed"] = shed
    if any(fallback):
        plain["fallback"] = fallback
    if waiting:
        plain["waiting"] = waiting
    if reserved_nano_usd:
        plain["reserved_nano_usd"] = reserved_nano_usd
    if memory_ppm:
        plain["memory_ppm"] = memory_ppm
    if alerts:
        plain["alerts"] = [to_plain(alert) for alert in alerts]
    if overrides:
        plain["overrides"] = [_order_to_plain(order) for order in overrides]
    if ticks != 1:
        plain["ticks"] = ticks
    return plain


def _order_to_plain(order: Override) -> Plain:
    plain: Plain = to_plain(order)
    if not order.number:
        del plain["number"]
    return plain


def _served_to_plain(entry: ModeObservations) -> Plain:
    plain: Plain = {"mode": _LABELS[entry.mode], "model": entry.model}
    failures, latency, ttft, ages = entry.failures, entry.latency, entry.ttft, entry.ages
    if entry.started:
        plain["started"] = entry.started
    if entry.finished:
        plain["finished"] = entry.finished
    if any(failures):
        plain["failures"] = {
            kind: count for kind, count in zip(FAILURES, failures, strict=True) if count
        }
    if latency:
        plain["latency"] = _flat(latency)
    if ttft:
        plain["ttft"] = _flat(ttft)
    if ages:
        plain["ages"] = _flat(ages)
    if entry.prompt_tokens:
        plain["prompt_tokens"] = entry.prompt_tokens
    if entry.cached_tokens:
        plain["cached_tokens"] = entry.cached_tokens
    if entry.output_tokens:
        plain["output_tokens"] = entry.output_tokens
    if entry.thinking_tokens:
        plain["thinking_tokens"] = entry.thinking_tokens
    if entry.nano_usd:
        plain["nano_usd"] = entry.nano_usd
    if entry.rerouted:
        plain["rerouted"] = entry.rerouted
    if entry.downgraded:
        plain["downgraded"] = entry.downgraded
    return plain


def _requests_to_plain(entry: ModeRequests) -> Plain:
    mode, begun, answered, failed, ages, unjudged = entry
    plain: Plain = {"mode": _LABELS[mode]}
    if begun:
        plain["begun"] = begun
    if answered:
        plain["answered"] = _flat(answered)
    if failed:
        plain["failed"] = _flat(failed)
    if ages:
        plain["ages"] = _flat(ages)
    if any(unjudged):
        plain["unjudged"] = unjudged
    return plain


def _flat(histogram: Histogram) -> list[int]:
    values = array("i", histogram.packed).tolist()
    middle = len(values) // 2
    flat = values[:]
    flat[::2] = values[:middle]
    flat[1::2] = values[middle:]
    return flat


def observations_from_plain(tick: int, plain: object) -> Observations:
    """Observations of a tick.

    Raises:
        JournalError: an unknown key, a negative count, no tick, or anything else
            `observations_to_plain` does not write.
    """
    found = _object(plain, TICK_KEYS, "observations")
    served = tuple(_served(entry) for entry in _list(found.get("served", []), "served"))
    if len({(entry.mode, entry.model) for entry in served}) < len(served):
        raise JournalError("served: a mode and model occur twice")
    requests = tuple(_requests(entry) for entry in _list(found.get("requests", []), "requests"))
    if len({entry.mode for entry in requests}) < len(requests):
        raise JournalError("requests: a mode occurs twice")
    offered, admitted, shed, fallback = (
        _triple(found[name], name) if name in found else (0, 0, 0) for name in _BY_PRIORITY
    )
    waiting, reserved_nano_usd, memory_ppm = (_count(found.get(name, 0), name) for name in _GAUGES)
    alerts = _list(found.get("alerts", []), "alerts")
    overrides = _list(found.get("overrides", []), "overrides")
    ticks = _count(found.get("ticks", 1), "ticks")
    if not ticks:
        raise JournalError("ticks: found 0, expected at least 1")
    return Observations(
        tick,
        served,
        offered,
        admitted,
        shed,
        fallback,
        waiting,
        reserved_nano_usd,
        memory_ppm,
        tuple(from_plain(Alert, entry, "alerts") for entry in alerts),
        tuple(from_plain(Override, entry, "overrides") for entry in overrides),
        requests,
        ticks,
    )


def _served(plain: object) -> ModeObservations:
    found = _object(plain, SERVED_KEYS, "served")
    model = found.get("model")
    if not isinstance(model, str):
        raise JournalError(f"served: model is {model!r}, expected a text")
    started, finished, *settled = (
        _count(found[name], name) if name in found else 0 for name in _COUNTS
    )
    latency, ttft, ages = (
        _histogram(found[name], name) if name in found else EMPTY for name in _HISTOGRAMS
    )
    failures = NO_FAILURES
    if "failures" in found:
        kinds = _object(found["failures"], FAILURES, "failures")
        failures = tuple(_count(kinds.get(kind, 0), kind) for kind in FAILURES)
    return ModeObservations(
        _mode(found.get("mode")), model, started, finished, failures, latency, ttft, ages, *settled
    )


def _requests(plain: object) -> ModeRequests:
    found = _object(plain, REQUEST_KEYS, "requests")
    begun = _count(found.get("begun", 0), "begun")
    answered, failed, ages = (
        _histogram(found[name], name) if name in found else EMPTY for name in _REQUEST_HISTOGRAMS
    )
    unjudged = NONE_UNJUDGED
    if "unjudged" in found:
        unjudged = _triple(found["unjudged"], "unjudged")
    return ModeRequests(_mode(found.get("mode")), begun, answered, failed, ages, unjudged)


def decision_to_plain(decision: Decision, *, reasons: bool = True) -> Plain:
    """Plain form, without the tick's index and without what follows from the policy.

    Args:
        decision: what was decided.
        reasons: whether to give them; they stay the same for minutes.
    """
    mode, mixes = decision.mode, decision.mixes
    plain: Plain = {"mode": _LABELS[mode]}
    everything = one_hot(mode)
    if decision.mix != everything or mixes != (everything,) * 3:
        plain["mix"] = decision.mix
        plain["mixes"] = mixes
    if decision.admit != ADMIT_ALL:
        plain["admit"] = decision.admit
    limits = decision.limits
    if limits.max_in_flight is not None or limits.max_starts is not None:
        plain["limits"] = to_plain(limits)
    if reasons:
        plain["reasons"] = [to_plain(reason) for reason in decision.reasons]
    return plain


def decision_from_plain(
    tick: int, plain: object, reasons: tuple[Reason, ...], strategies: tuple[Strategy, ...]
) -> Decision:
    """The decision of a tick.

    Args:
        tick: its index.
        plain: what `decision_to_plain` gave.
        reasons: those of the tick before, for when they are left out.
        strategies: of the policy; a request's look-up table is made from them.

    Raises:
        JournalError: anything `decision_to_plain` does not write.
    """
    found = _object(plain, _DECISION_KEYS, "decision")
    mode = _mode(found.get("mode"))
    if "reasons" in found:
        reasons = reasons_from_plain(found["reasons"])
    mix = one_hot(mode)
    mixes = (mix, mix, mix)
    if ("mix" in found) != ("mixes" in found):
        raise JournalError("decision: mix and mixes are given together or not at all")
    if "mix" in found:
        mix = _mix(found["mix"], "mix")
        low, normal, high = (
            _mix(entry, "mixes") for entry in _list(found["mixes"], "mixes", length=3)
        )
        mixes = (low, normal, high)
    admit: ByPriority = ADMIT_ALL
    if "admit" in found:
        low_share, normal_share, high_share = _shares(found["admit"], "admit", length=3)
        admit = (low_share, normal_share, high_share)
    limits = from_plain(Limits, found["limits"], "limits") if "limits" in found else Limits()
    stance = Stance(mode=mode, mixes=mixes, admit=admit, limits=limits, reasons=reasons)
    return Decision(tick, mode, mix, admit, limits, reasons, mixes, gates(stance, strategies))


def reasons_from_plain(plain: object) -> tuple[Reason, ...]:
    """Reasons, in their order."""
    return tuple(from_plain(Reason, entry, "reasons") for entry in _list(plain, "reasons"))


def _object(plain: object, known: frozenset[str] | tuple[str, ...], what: str) -> Mapping[str, Any]:
    if not isinstance(plain, dict):
        raise JournalError(f"{what}: found {type(plain).__name__}, expected an object")
    for name in plain:
        if name not in known:
            raise JournalError(f"{what}: unknown key {name!r}{nearest(name, known)}")
    return plain


def _list(plain: object, what: str, *, length: int | None = None) -> list[Any]:
    if not isinstance(plain, list):
        raise JournalError(f"{what}: found {type(plain).__name__}, expected a list")
    if length is not None and len(plain) != length:
        raise JournalError(f"{what}: found {len(plain)} values, expected {length}")
    return plain


def _count(plain: object, what: str) -> int:
    # `type is int` also refuses true and 1.0, which would pass for 1.
    if type(plain) is not int or not 0 <= plain <= LARGEST_INT:
        raise JournalError(f"{what}: found {plain!r}, expected a whole number, not negative")
    return plain


def _triple(plain: object, what: str) -> tuple[int, int, int]:
    low, normal, high = (_count(value, what) for value in _list(plain, what, length=3))
    return low, normal, high


def _mode(plain: object) -> Mode:
    if not isinstance(plain, str) or plain not in _MODES:
        raise JournalError(f"mode: found {plain!r}, expected one of {', '.join(_LABELS)}")
    return _MODES[plain]


def _shares(plain: object, what: str, *, length: int) -> list[float]:
    values = _list(plain, what, length=length)
    for value in values:
        if type(value) not in (float, int) or not (math.isfinite(value) and 0 <= value <= 1):
            raise JournalError(f"{what}: found {value!r}, expected a share from 0 to 1")
    return values


def _mix(plain: object, what: str) -> Mix:
    normal, soft, hard, emergency = _shares(plain, what, length=len(MODES))
    if not math.isclose(normal + soft + hard + emergency, 1.0, abs_tol=1e-6):
        raise JournalError(f"{what}: the shares {plain!r} do not add up to 1")
    return normal, soft, hard, emergency


def _histogram(plain: object, what: str) -> Histogram:
    flat = _list(plain, what)
    if len(flat) % 2:
        raise JournalError(f"{what}: an odd number of values; expected index and count in turn")
    indices, counts = flat[::2], flat[1::2]
    if not {int}.issuperset(map(type, flat)) or max(map(abs, flat), default=0) > _ROOM:
        raise JournalError(f"{what}: a bucket or count is no whole number, or too large")
    if any(map(ge, indices, indices[1:])):
        raise JournalError(f"{what}: buckets are not in ascending order")
    if min(counts, default=1) < 1:
        raise JournalError(f"{what}: a count is not positive")
    try:
        return Histogram.from_counts(dict(zip(indices, counts, strict=True)))
    except ValueError as error:
        raise JournalError(f"{what}: {error}") from None
