"""Places in a histogram, looked up and not computed: the buckets of `balancer.core.histogram`.

Every request's latency is counted, and the age of every call in flight once a tick; a
logarithm for each was a tenth of a run. A duration's exponent and the first seven bits of its
mantissa name a strip so narrow that at most one bucket edge lies in it (the buckets are 1.1 %
wide, a strip at most 0.8 %), so one comparison with that edge says on which side it is. The
edges are found with the core's own function, to the last bit, so both always agree.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from balancer.core.histogram import MAX_INDEX, MIN_INDEX, bucket_index, edge_s

from ..compiled import inlined

__all__ = ["count", "place_of"]

_SHIFT = 45  # leaves sign, exponent and seven bits of the mantissa


def _bits(value: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


def _highest_s(index: int) -> float:
    """The longest duration in a bucket."""
    found = edge_s(index + 1)
    while bucket_index(found) > index:
        found = math.nextafter(found, 0.0)
    while bucket_index(after := math.nextafter(found, math.inf)) <= index:
        found = after
    return found


def _strips() -> np.ndarray[Any, Any]:
    """Place of the shortest duration in each strip."""
    first, last = _bits(_LEAST_S) >> _SHIFT, _bits(_MOST_S) >> _SHIFT
    starts = (np.arange(first, last + 1) << _SHIFT).view(np.float64)
    return np.array([bucket_index(start) - MIN_INDEX for start in starts.tolist()], np.int16)


_LEAST_S, _MOST_S = edge_s(MIN_INDEX), edge_s(MAX_INDEX + 1)
_FIRST = np.int64(_bits(_LEAST_S) >> _SHIFT)
_STRIPS = _strips()
_HIGHEST_S = np.array([*map(_highest_s, range(MIN_INDEX, MAX_INDEX)), math.inf])


@inlined
def place_of(duration_s: float) -> int:
    """Place of a duration's bucket: `bucket_index(duration_s) - MIN_INDEX`.

    Args:
        duration_s: seconds; the ends of the range take what lies beyond them.
    """
    within_s = min(max(duration_s, _LEAST_S), _MOST_S)
    strip = np.uint64((np.float64(within_s).view(np.int64) >> _SHIFT) - _FIRST)
    place = int(_STRIPS[strip])
    return place + int(duration_s > _HIGHEST_S[np.uint64(place)])


@inlined
def count(span: Any, histograms: Any, which: int, bucket: int) -> None:
    """Count one sample.

    Args:
        span: record whose `low` and `high` say which buckets were touched, by histogram.
        histograms: counts by histogram and bucket.
        which: histogram.
        bucket: place in it.
    """
    histograms[which, bucket] += 1
    span.low[which] = min(span.low[which], bucket)
    span.high[which] = max(span.high[which], bucket)
