"""Proof: a service that is abused keeps its promises."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sim.workers.pool import Workers
from tests.abuse.all_of_it import LONG, Length, trials
from tests.abuse.tried import Tried, tried_table

from .document import Proof

__all__ = ["proof_of", "prove"]

_TEXT = """\
`open-balancer serve` as a process on loopback, with its bounds as they are by default, under what
`tests/abuse/` does to it, one after the other. After each nothing may be in flight or reserved, the
service must be ready, and its log without a traceback. The last two are of the library: its process
is killed, and each call of its file layer fails in turn.
"""


def prove(_workers: int | Workers, *, length: Length = LONG) -> Proof:
    """Try all of it."""
    found = []
    with TemporaryDirectory() as folder:
        for each in trials(length, Path(folder)):
            print(f"  {each.what}: {each.held:,} of {each.cases:,} held", flush=True)
            found.append(each)
    return proof_of(found)


def proof_of(found: list[Tried]) -> Proof:
    """What came of it, as a section."""
    return Proof(
        text="\n".join([_TEXT, tried_table(found)]), holds=not any(each.fell for each in found)
    )
