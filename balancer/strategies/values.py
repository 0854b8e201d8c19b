"""Any values of the core: observations, messages, decisions; their counts need make no story."""

from __future__ import annotations

from hypothesis import strategies as st

from ..core.decisions import Decision, Limits, Mix, Reason, Stance, gates, one_hot
from ..core.histogram import MAX_INDEX, MIN_INDEX, Histogram
from ..core.modes import MODES, Mode
from ..core.observations import (
    FAILURES,
    Alert,
    ModeObservations,
    ModeRequests,
    Observations,
    Override,
)
from ..core.policy import Strategy

__all__ = [
    "alerts",
    "decisions",
    "histograms",
    "mode_observations",
    "mode_requests",
    "observations",
    "overrides",
]

COUNTS = st.integers(0, 10**6)
AMOUNTS = st.integers(0, 2**50)
TICKS = st.integers(0, 10**6)
MODE = st.sampled_from(MODES)
NAMES = st.text('aZ0 é→"\\\n\0', max_size=8)
MODELS = st.sampled_from(["big", "small", "gemini-3.8-flash"])
SHARES = st.floats(0, 1)


def histograms() -> st.SearchStrategy[Histogram]:
    """Sparse histograms, the empty one included."""
    indices = st.integers(MIN_INDEX, MAX_INDEX)
    return st.dictionaries(indices, st.integers(1, 1000), max_size=6).map(Histogram.from_counts)


def mode_observations() -> st.SearchStrategy[ModeObservations]:
    """What one mode served by one model; the counts need not make sense together."""
    return st.builds(
        ModeObservations,
        mode=MODE,
        model=MODELS,
        started=COUNTS,
        finished=COUNTS,
        failures=st.tuples(*[st.integers(0, 5)] * len(FAILURES)),
        latency=histograms(),
        ttft=histograms(),
        ages=histograms(),
        prompt_tokens=COUNTS,
        cached_tokens=COUNTS,
        output_tokens=COUNTS,
        thinking_tokens=COUNTS,
        nano_usd=AMOUNTS,
        rerouted=COUNTS,
        downgraded=COUNTS,
    )


def mode_requests() -> st.SearchStrategy[ModeRequests]:
    """What the users of one mode felt; the counts need not make sense together."""
    return st.builds(
        ModeRequests,
        mode=MODE,
        begun=COUNTS,
        answered=histograms(),
        failed=histograms(),
        ages=histograms(),
        unjudged=st.tuples(*[st.integers(0, 5)] * 3),
    )


def alerts() -> st.SearchStrategy[Alert]:
    """Messages of an external monitor."""
    return st.builds(
        Alert,
        key=NAMES,
        at_tick=TICKS,
        mode=MODE,
        raised=st.booleans(),
        lifetime_ticks=st.integers(0, 3600),
    )


def overrides() -> st.SearchStrategy[Override]:
    """An operator's orders."""
    return st.builds(
        Override, at_tick=TICKS, until_tick=TICKS, mode=MODE, reason=NAMES, number=COUNTS
    )


@st.composite
def observations(draw: st.DrawFn, ticks: st.SearchStrategy[int] = TICKS) -> Observations:
    """A tick's observations: any counts, admitted and shed adding up to offered."""
    served = {
        (entry.mode, entry.model): entry
        for entry in draw(st.lists(mode_observations(), max_size=3))
    }
    requests = {entry.mode: entry for entry in draw(st.lists(mode_requests(), max_size=3))}
    triple = st.tuples(COUNTS, COUNTS, COUNTS)
    admitted, shed = draw(triple), draw(triple)
    low, normal, high = map(sum, zip(admitted, shed, strict=True))
    return Observations(
        draw(ticks),
        served=tuple(entry for _, entry in sorted(served.items(), key=lambda item: item[0])),
        offered=(low, normal, high),
        admitted=admitted,
        shed=shed,
        fallback=draw(triple),
        waiting=draw(COUNTS),
        reserved_nano_usd=draw(AMOUNTS),
        memory_ppm=draw(st.integers(0, 10**6)),
        alerts=tuple(draw(st.lists(alerts(), max_size=2))),
        overrides=tuple(draw(st.lists(overrides(), max_size=2))),
        requests=tuple(entry for _, entry in sorted(requests.items())),
    )


def _mixes() -> st.SearchStrategy[Mix]:
    def blend(modes: tuple[Mode, Mode], share: float) -> Mix:
        one, other = one_hot(modes[0]), one_hot(modes[1])
        normal, soft, hard, emergency = (
            (1.0 - share) * a + share * b for a, b in zip(one, other, strict=True)
        )
        return normal, soft, hard, emergency

    return st.builds(blend, st.tuples(MODE, MODE), SHARES)


@st.composite
def decisions(
    draw: st.DrawFn,
    strategies: tuple[Strategy, ...],
    ticks: st.SearchStrategy[int] = TICKS,
) -> Decision:
    """Any decision that could be written down, usual or not."""
    number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    reason = st.builds(
        Reason,
        kind=NAMES,
        text=NAMES,
        rule=NAMES,
        value=number,
        threshold=number,
        k=COUNTS,
        n=COUNTS,
    )
    bound = st.none() | st.integers(1, 1000)
    stance = Stance(
        mode=draw(MODE),
        mixes=draw(st.tuples(_mixes(), _mixes(), _mixes())),
        admit=draw(st.just((1.0, 1.0, 1.0)) | st.tuples(SHARES, SHARES, SHARES)),
        limits=Limits(max_in_flight=draw(bound), max_starts=draw(bound)),
        reasons=tuple(draw(st.lists(reason, max_size=2))),
    )
    return Decision(
        draw(ticks),
        stance.mode,
        draw(_mixes()),
        stance.admit,
        stance.limits,
        stance.reasons,
        stance.mixes,
        gates(stance, strategies),
    )
