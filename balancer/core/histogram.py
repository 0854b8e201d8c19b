"""A histogram of durations in logarithmic buckets, which adds up exactly.

Bucket ``i`` holds the durations in ``(2**(i/64), 2**((i+1)/64)]`` seconds: each bucket is
1.1 % wide, and the geometric middle of a bucket is at most 0.55 % from any sample in it.
These are the buckets of an OpenTelemetry exponential histogram of scale 6 (data model,
"ExponentialHistogram"), so an export needs no conversion.

Counts are whole numbers, so adding histograms gives the same result in any order. A cut is
a bucket edge; the number of samples above a cut is exact.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

__all__ = [
    "EMPTY",
    "MAX_INDEX",
    "MIN_INDEX",
    "Histogram",
    "Known",
    "bucket_index",
    "edge_s",
    "merge",
    "snap",
]

BUCKETS_PER_OCTAVE = 64
MIN_INDEX = -10 * BUCKETS_PER_OCTAVE
"""Durations below 1 ms (2**-10 s) count in the lowest bucket."""
MAX_INDEX = 14 * BUCKETS_PER_OCTAVE - 1
"""Durations above 4.5 h (2**14 s) count in the highest bucket."""

MAX_COUNT = 2**31 - 1
"""Most samples in one bucket."""
HALF_A_BUCKET = math.pow(2.0, 0.5 / BUCKETS_PER_OCTAVE)


def bucket_index(duration_s: float) -> int:
    """Bucket of a duration in seconds; the ends of the range take what lies beyond them."""
    if duration_s <= 0.0009765625:
        return MIN_INDEX
    index = math.ceil(math.log2(duration_s) * BUCKETS_PER_OCTAVE) - 1
    # Just above the lowest bucket the logarithm may round to its upper edge.
    return int(min(max(index, MIN_INDEX), MAX_INDEX))


def edge_s(index: int) -> float:
    """Lower edge of a bucket, in seconds."""
    return float(2.0 ** (index / BUCKETS_PER_OCTAVE))


def snap(duration_s: float) -> int:
    """Index of the bucket edge nearest to a duration: at most 0.55 % from it.

    Samples above the edge are those in buckets with this index or a higher one.
    """
    return min(max(round(math.log2(duration_s) * BUCKETS_PER_OCTAVE), MIN_INDEX), MAX_INDEX)


Known = tuple[Sequence[int], tuple[int, tuple[int, ...]]]
"""Cuts, the number of samples, and of those above each cut."""


class Histogram:
    """An immutable sparse histogram: bucket index to count.

    Kept packed, as one run of 32-bit indices in ascending order followed by one of their
    counts, because the simulator's kernel hands it over in this form and most ticks are
    only ever asked for counts above a few cuts. These are kept once they are known, for several
    ask for the same ones; the simulator's kernel knows them already.

    Args:
        packed: indices and counts.
        known: cuts, and what `counted` says of them.
    """

    __slots__ = ("_known", "_packed")

    def __init__(self, packed: bytes = b"", known: Known | None = None) -> None:
        self._packed = packed
        self._known = known

    @property
    def packed(self) -> bytes:
        """Indices and counts."""
        return self._packed

    def __reduce__(self) -> tuple[type[Histogram], tuple[bytes]]:
        return Histogram, (self._packed,)

    @classmethod
    def of(cls, durations_s: Iterable[float]) -> Histogram:
        """Histogram of durations in seconds."""
        counts: dict[int, int] = {}
        for duration_s in durations_s:
            index = bucket_index(duration_s)
            counts[index] = counts.get(index, 0) + 1
        return cls.from_counts(counts)

    @classmethod
    def from_counts(cls, counts: Mapping[int, int]) -> Histogram:
        """Histogram from bucket counts; zero counts are dropped.

        Raises:
            ValueError: a count that is negative or above 2**31 - 1, or an index outside the
                range.
        """
        # Built-in functions over whole lists: a journal of a day has millions of these.
        indices = sorted(filter(counts.__getitem__, counts))
        if not indices:
            return EMPTY
        kept = [counts[index] for index in indices]
        if min(kept) < 1 or max(kept) > MAX_COUNT:
            raise ValueError(f"a histogram count is outside 0..{MAX_COUNT}")
        if not MIN_INDEX <= indices[0] <= indices[-1] <= MAX_INDEX:
            raise ValueError(f"a histogram index is outside {MIN_INDEX}..{MAX_INDEX}")
        return cls(array("i", indices + kept).tobytes())

    def _halves(self) -> tuple[list[int], list[int]]:
        values = array("i", self._packed).tolist()
        middle = len(values) // 2
        return values[:middle], values[middle:]

    def counts(self) -> dict[int, int]:
        """Bucket index to count, ascending."""
        return dict(zip(*self._halves(), strict=True))

    @property
    def total(self) -> int:
        """Number of samples."""
        known = self._known
        return self.counted(())[0] if known is None else known[1][0]

    def counted(self, cuts: Sequence[int]) -> tuple[int, tuple[int, ...]]:
        """Number of samples, and of those above each cut (a bucket edge's index), exactly.

        Args:
            cuts: ascending.
        """
        known = self._known
        if known is None or known[0] != cuts:
            values = array("i", self._packed)
            known = cuts, (sum(values[len(values) // 2 :]), _above(values, cuts))
            self._known = known
        return known[1]

    def above(self, cuts: Sequence[int]) -> tuple[int, ...]:
        """Number of samples above each cut; the cuts are ascending."""
        return self.counted(cuts)[1]

    @property
    def highest(self) -> int:
        """Index of the highest bucket that holds a sample, or the lowest there is."""
        middle = len(self._packed) // 2
        return array("i", self._packed[middle - 4 : middle])[0] if middle else MIN_INDEX

    def quantile(self, q: float) -> float:
        """The q-quantile in seconds, within 0.55 %; NaN of an empty histogram.

        The sample of rank ceil(q n), as its bucket's geometric middle.
        """
        if not self._packed:
            return math.nan
        indices, counts = self._halves()
        below = list(accumulate(counts))
        rank = max(1, math.ceil(q * below[-1]))
        return edge_s(indices[bisect_left(below, rank)]) * HALF_A_BUCKET

    def mean(self) -> float:
        """Mean in seconds, within 0.55 %; NaN of an empty histogram."""
        if not self._packed:
            return math.nan
        indices, counts = self._halves()
        middle: float = 2.0 ** (0.5 / BUCKETS_PER_OCTAVE)
        weighed = sum(edge_s(i) * n for i, n in zip(indices, counts, strict=True))
        return weighed * middle / sum(counts)

    def __add__(self, other: Histogram) -> Histogram:
        return merge((self, other))

    def __bool__(self) -> bool:
        return bool(self._packed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self._packed == other._packed

    def __hash__(self) -> int:
        return hash(self._packed)

    def __repr__(self) -> str:
        return f"Histogram.from_counts({self.counts()})"


def _above(values: array[int], cuts: Sequence[int]) -> tuple[int, ...]:
    middle = len(values) // 2
    # Most samples are below the lowest cut; only what lies above it is walked, once.
    end, count = middle, 0
    found = []
    for cut in reversed(cuts):
        start = bisect_left(values, cut, 0, end)
        if start < end:
            count += sum(values[middle + start : middle + end])
            end = start
        found.append(count)
    return tuple(reversed(found))


EMPTY = Histogram()


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """Sum of histograms, the same in any order; no count grows beyond the largest."""
    full = [histogram for histogram in histograms if histogram]
    if len(full) < 2:
        return full[0] if full else EMPTY
    totals: dict[int, int] = {}
    seen = totals.get
    for histogram in full:
        values = array("i", histogram.packed).tolist()
        # The second half are the counts; the first is as long, and ends the walk.
        for index, count in zip(values, values[len(values) // 2 :], strict=False):
            totals[index] = seen(index, 0) + count
    return Histogram.from_counts({i: min(MAX_COUNT, count) for i, count in totals.items()})
