"""Random draws without a sequence: each is a hash of what it is for.

A draw is keyed by (replication, purpose, request index, attempt). Two policies that make the
same call therefore see the same fate, whatever either did before (common random numbers),
and no draw shifts another.

The hash is SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators",
OOPSLA 2014): the key and purpose select a start state, the request index walks along it.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import compiled, inlined

__all__ = [
    "ASKED",
    "BACKOFF",
    "CLASS",
    "CUT",
    "ERROR",
    "ESTIMATE",
    "FAULT0",
    "GAP",
    "LOSS",
    "MISTAKE",
    "MONITOR_COPY",
    "MONITOR_LOSS",
    "OUTPUT",
    "OVERLOAD",
    "PATIENCE",
    "PLAN",
    "PROMPT",
    "QUOTA_DELAY",
    "REASK",
    "REPLICA",
    "SERVICE",
    "SPEED",
    "THINKING",
    "TTFT",
    "exponential",
    "mix64",
    "normal",
    "replication_key",
    "standard_normal",
    "uniform",
]

GAP = 1
CLASS = 2
PROMPT = 3
OUTPUT = 4
THINKING = 5
PLAN = 6
TTFT = 7
SPEED = 8
ERROR = 9
OVERLOAD = 10
CUT = 11
BACKOFF = 12
PATIENCE = 13
SERVICE = 14
QUOTA_DELAY = 15
LOSS = 16
MONITOR_LOSS = 17
MONITOR_COPY = 18
REPLICA = 19
REASK = 20
ESTIMATE = 21
ASKED = 22
MISTAKE = 23
FAULT0 = 1000
"""Fault row i draws under FAULT0 + i."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_ATTEMPT = np.uint64(0xD1342543DE82EF95)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_WORD = (1 << 64) - 1

Coefficients = tuple[float, float, float, float, float, float, float, float]


@inlined
def mix64(word: int | np.uint64) -> np.uint64:
    """SplitMix64's finaliser: a bijection of 64-bit words whose output bits look independent."""
    z = np.uint64(word)
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@inlined
def uniform(key: int, purpose: int, index: int, attempt: int) -> float:
    """A draw from the open interval (0, 1)."""
    start = mix64(np.uint64(key) + np.uint64(purpose) * _M1)
    word = mix64(start + np.uint64(index) * _GAMMA + np.uint64(attempt) * _ATTEMPT)
    return (float(word >> _S11) + 0.5) * 1.1102230246251565e-16


@inlined
def exponential(key: int, purpose: int, index: int, attempt: int) -> float:
    """An exponential draw of mean 1, increasing in its uniform."""
    return -math.log1p(-uniform(key, purpose, index, attempt))


@inlined
def normal(key: int, purpose: int, index: int, attempt: int) -> float:
    """A standard normal draw, increasing in its uniform."""
    return standard_normal(uniform(key, purpose, index, attempt))


# AS 241, PPND16: rational approximations near the middle, in the shoulders and in the tails;
# coefficients from the highest power down.
_MIDDLE_TOP = (
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
)
_MIDDLE_BOTTOM = (
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
_SHOULDER_TOP = (
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258e0,
    3.64784832476320460504e0,
    5.76949722146069140550e0,
    4.63033784615654529590e0,
    1.42343711074968357734e0,
)
_SHOULDER_BOTTOM = (
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940e0,
    2.05319162663775882187e0,
    1.0,
)
_TAIL_TOP = (
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580e0,
    5.46378491116411436990e0,
    6.65790464350110377720e0,
)
_TAIL_BOTTOM = (
    2.04426310338993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
)


@inlined
def _ratio(top: Coefficients, bottom: Coefficients, r: float) -> float:
    above = below = 0.0
    for power in range(8):
        above = above * r + top[power]
        below = below * r + bottom[power]
    return above / below


@compiled
def standard_normal(u: float) -> float:
    """Inverse of the standard normal distribution function, to about 1e-16 relative.

    Algorithm AS 241, PPND16 (Wichura, Applied Statistics 37, 1988).

    Args:
        u: strictly between 0 and 1.
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(_MIDDLE_TOP, _MIDDLE_BOTTOM, 0.180625 - q * q)
    r = math.sqrt(-math.log(u if q < 0 else 1.0 - u))
    if r <= 5.0:
        z = _ratio(_SHOULDER_TOP, _SHOULDER_BOTTOM, r - 1.6)
    else:
        z = _ratio(_TAIL_TOP, _TAIL_BOTTOM, r - 5.0)
    return z if q >= 0 else -z


def replication_key(seed: int, replication: int) -> int:
    """Stream key of one replication; fits a signed 64-bit integer."""
    z = (seed * 0x9E3779B97F4A7C15 + replication * 0xD1342543DE82EF95 + 1) & _WORD
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = ((z ^ (z >> shift)) * factor) & _WORD
    return (z ^ (z >> 31)) >> 1
