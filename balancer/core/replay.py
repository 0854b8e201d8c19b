"""Replay: a journal's observations through a controller again, decision against decision.

Under the journal's own policy every decision must come out the same to the bit; under
another policy the differences say where it would have decided otherwise. Its effect on the
traffic is not part of that: the observations stay those of the recorded run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from .controller import Controller
from .decisions import Decision
from .errors import JournalError, MisuseError
from .journal import Journal
from .policy import Policy
from .tick_codec import decision_to_plain

__all__ = ["Difference", "Replay", "replay", "resumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A tick at which the decision is not the recorded one."""

    tick: int
    recorded: Decision
    decided: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a replay found.

    Attributes:
        ticks: decisions compared.
        differences: in order of tick.
        torn: what was skipped at the journal's end, or "".
    """

    ticks: int
    differences: tuple[Difference, ...]
    torn: str = ""

    @property
    def identical(self) -> bool:
        """Whether every decision came out as recorded."""
        return not self.differences


def replay(journal: Journal, policy: Policy | None = None) -> Replay:
    """Step a controller through a journal: a fresh one, or one from the state it begins with.

    Args:
        journal: not yet gone through.
        policy: another policy to try; its decisions are compared by what they do to
            requests, not by their reasons. None is the journal's own, compared to the bit.

    Raises:
        JournalError: a line is wrong, no controller has such a state, or none can step
            through the ticks.
    """
    controller = resumed(journal, policy)
    exact = policy is None
    differences = []
    ticks = 0
    same = True
    compared: tuple[object, ...] = ()
    for observations, recorded in journal:
        try:
            decided = controller.step(observations)
        except MisuseError as error:
            raise JournalError(f"tick {observations.tick}: {error}", where=journal.where) from error
        ticks += 1
        pair = (recorded.gates, recorded.reasons, decided.gates, decided.reasons)
        # Both sides hand out the same objects as long as nothing changes.
        if not compared or any(new is not old for new, old in zip(pair, compared, strict=True)):
            same = _form(recorded, exact=exact) == _form(decided, exact=exact)
            compared = pair
        if not same:
            differences.append(
                Difference(tick=observations.tick, recorded=recorded, decided=decided)
            )
    return Replay(ticks=ticks, differences=tuple(differences), torn=journal.torn)


def resumed(journal: Journal, policy: Policy | None = None) -> Controller:
    """The controller before a journal's first tick.

    Args:
        journal: its state is taken, if it has one.
        policy: another policy, which goes on from that state as far as it may.

    Raises:
        JournalError: no controller has such a state.
    """
    if journal.state is None:
        return Controller(policy or journal.policy)
    try:
        if policy is not None:
            return Controller.succeed(policy, journal.state)[0]
        return Controller.restore(journal.policy, journal.state)
    except (MisuseError, LookupError, TypeError, ValueError, AssertionError) as error:
        raise JournalError(
            f"state: no controller has one like this ({type(error).__name__}: {error})",
            where=f"{journal.where}:1",
        ) from None


def _form(decision: Decision, *, exact: bool) -> str:
    """A text that is the same for two decisions exactly when they are."""
    return json.dumps(decision_to_plain(decision, reasons=exact))
