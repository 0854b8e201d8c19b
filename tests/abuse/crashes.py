"""Kill -9 at random moments: what a restart knows to be spent is never less than what was billed.

A child makes calls under a hard budget and tells its parent of each, before the "upstream" bills it
and after. The parent kills it at a random moment and starts another one on the same files. Every so
often the clock of the windows is what it was, so all lives together keep to one budget.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from select import select

from balancer.core.policy import BudgetLimit, Policy
from balancer.core.pricing import cost_nano_usd
from balancer.policy_file import default_policy
from balancer.runtime import budget_files
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, CallSettings, Outcome
from balancer.runtime.clock import ManualClock

from .tried import Tried

__all__ = ["Crashes", "crash", "crashes"]

_LIMIT_NANO_USD = 200_000_000_000
_WINDOW_S = 3600.0
_MOST_BYTES = 6_000  # a generation lasts some tenths of a second
_LIVES = 40
"""Lives under one budget; then another folder begins."""
_LONGEST_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashes:
    """What came of them.

    Attributes:
        kills: processes that were killed.
        early: of them, before they served a call.
        calls: that were billed.
        forgotten: kills after which less was known to be spent than was billed.
        losses: kills after which the files could not be trusted.
        overshoot_nano_usd: most that was billed beyond the limit.
        refused: lives that ended in a refusal, and were killed then.
        generations: highest that was reached.
    """

    kills: int
    early: int
    calls: int
    forgotten: int
    losses: int
    overshoot_nano_usd: int
    refused: int
    generations: int


def _policy() -> Policy:
    limit = BudgetLimit(usd=_LIMIT_NANO_USD / 1e9, window_s=_WINDOW_S)
    return replace(default_policy(), budgets=(limit,))


def _balancer(folder: Path) -> Balancer:
    return Balancer(
        _policy(),
        state=folder / "state.json",
        journal=folder / "journal.jsonl",
        settings=CallSettings(model="gemini-2.5-flash"),
        clock=ManualClock(0.0),
    )


def _live(folder: Path, told: int, chance: random.Random) -> None:
    """Make calls until somebody kills this process; tell what is billed as it is billed."""
    budget_files._MOST_BYTES = _MOST_BYTES
    logging.getLogger("balancer").disabled = True  # a kill in the midst of a generation is told of
    balancer = _balancer(folder)
    # Its own thread syncs and turns generations, as in a service, while calls go on.
    balancer._control._persistence.start()
    (standing,) = balancer.budgets()
    os.write(told, b"k %d %d\n" % (standing.used, bool(balancer.status().budget_loss)))
    while True:
        request = balancer.request(asked=Asked(prompt_tokens=1000, output_cap_tokens=20_000))
        attempt = request.start()
        if attempt is None:
            os.write(told, b"r 0 0\n")
            time.sleep(_LONGEST_S * 4)
            continue
        claim = attempt.claim
        assert claim is not None
        tokens = chance.randrange(claim.cap_tokens)
        outcome = Outcome(prompt_tokens=1000, output_tokens=tokens)
        card = attempt.card
        assert card is not None
        # The upstream bills it, whether or not anybody hears of its end.
        billed = cost_nano_usd(card.price, 1000, 0, tokens, 0)
        os.write(told, b"b %d 0\n" % billed)
        if chance.random() < 0.9:
            attempt.finish(outcome)
        else:
            attempt.abandon()


def _life(folder: Path, chance: random.Random) -> tuple[list[tuple[str, int, int]], bool]:
    """One life: what it told, and whether it had begun to serve when it was killed."""
    reads, writes = os.pipe()
    seed = chance.randrange(2**32)
    child = os.fork()
    if child == 0:
        os.close(reads)
        with contextlib.suppress(BaseException):
            _live(folder, writes, random.Random(seed))
        os._exit(1)
    os.close(writes)
    data = b""
    # Some are killed while they begin, most while they serve.
    if chance.random() < 0.8:
        select([reads], [], [], 60.0)
        data = os.read(reads, 65536)
    time.sleep(chance.random() ** 2 * _LONGEST_S)
    os.kill(child, signal.SIGKILL)
    while more := os.read(reads, 65536):
        data += more
    os.close(reads)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"a child ended by itself, with status {status}")
    lines = [line.split() for line in data.decode().splitlines()]
    told = [(kind, int(one), int(other)) for kind, one, other in lines]
    return told, bool(told)


def crash(kills: int, folder: Path, seed: int = 1) -> Crashes:
    """Kill so many processes.

    Args:
        kills: how many.
        folder: for their files.
        seed: of the moments, as far as they can be repeated.
    """
    chance = random.Random(seed)
    early = calls = forgotten = losses = refused = overshoot = 0
    for number in range(kills):
        place = folder / str(number // _LIVES)
        if number % _LIVES == 0:
            place.mkdir()
            billed = 0
        told, begun = _life(place, chance)
        early += not begun
        for kind, amount, lost in told:
            if kind == "k":
                forgotten += amount < billed
                losses += lost
            elif kind == "b":
                billed += amount
                calls += 1
            else:
                refused += 1
        overshoot = max(overshoot, billed - _LIMIT_NANO_USD)
    files = folder.rglob("state.json.budget-*.log")
    generations = max(int(path.stem.rpartition("-")[2]) for path in files)
    return Crashes(
        kills=kills,
        early=early,
        calls=calls,
        forgotten=forgotten,
        losses=losses,
        overshoot_nano_usd=max(0, overshoot),
        refused=refused,
        generations=generations,
    )


def crashes(kills: int, folder: Path) -> Tried:
    """Kill so many, and say what came of it."""
    folder.mkdir()
    # From a process without threads, which may be forked.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        found = fresh.submit(crash, kills, folder).result()
    fell = [
        *["more was billed than was known to be spent"] * found.forgotten,
        *["the files could not be trusted"] * found.losses,
    ]
    if found.overshoot_nano_usd:
        fell.append(f"${found.overshoot_nano_usd / 1e9:.4f} were billed beyond the limit")
    return Tried(
        what="kill -9 at random moments under load",
        wanted="a restart knows of all that was billed, overshoot 0",
        cases=found.kills,
        fell=tuple(fell),
        measured=f"{found.calls:,} calls, {found.generations:,} generations of files",
    )
