"""The state of a live controller in a file, and how to take it up again after a restart.

A snapshot is written once a minute; what the controller did since then stands in the journal,
whose tail is stepped again. It is replaced whole: a crash leaves the old one or the new one. What
is spent under a hard budget stands beside it, in files of its own
(`balancer.runtime.budget_files`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.controller import Controller
from ..core.errors import BalancerError, JournalError
from ..core.observations import Observations
from ..core.policy import Policy
from ..core.replay import resumed
from ..core.value_codec import from_plain, to_plain
from ..journal_file import open_journal
from .disk import DISK

__all__ = ["Resumed", "ledger_path", "resume", "save", "snapshot"]

VERSION = 1

logger = logging.getLogger("balancer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What was found of the process before.

    Attributes:
        controller: under the policy of now.
        kept: what it kept, as a sentence.
        epoch: Unix time of scenario second 0.
        spent: nano-dollars settled in ticks that the hard budget's files do not hold.
        budgeted: whether it had a hard budget in the end.
    """

    controller: Controller
    kept: str
    epoch: float | None
    spent: int
    budgeted: bool


def snapshot(policy: Policy, controller: Controller, epoch: float | None) -> dict[str, object]:
    """Plain values to be saved."""
    return {
        "snapshot": VERSION,
        "epoch": epoch,
        "policy": to_plain(policy),
        "state": controller.state(),
    }


def save(path: Path, values: Mapping[str, object]) -> None:
    """Replace a file by plain values, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    DISK.save(path, json.dumps(values, separators=(",", ":")).encode())


def ledger_path(state: Path) -> Path:
    """Where what was spent stands, beside the snapshot: how the names of its files begin."""
    return state.with_name(state.name + ".budget")


def resume(policy: Policy, state: Path, journal: Path | None, *, since: int = 0) -> Resumed | None:
    """Take up what a process before this one left.

    What cannot be read is logged and left out: an application must start all the same.

    Args:
        policy: of now.
        state, journal: paths.
        since: first tick that the hard budget's files do not hold.

    Returns:
        None if there is nothing to take up.
    """
    values = _load(state)
    if values is None:
        return None
    try:
        before = from_plain(Policy, values["policy"], "policy")
        controller = Controller.restore(before, values["state"])
        epoch = values["epoch"]
        tail: list[Observations] = []
        if journal is not None:
            before, controller, tail = _tail(journal, before, controller)
        spent = 0
        for observations in tail:
            controller.step(observations)
            if observations.tick >= since:
                spent += sum(entry.nano_usd for entry in observations.served)
        budgeted = bool(before.budgets or before.priority_budgets)
        kept = "everything"
        if before != policy:
            controller, kept = Controller.succeed(policy, controller.state())
    except (
        BalancerError, LookupError, TypeError, ValueError, AssertionError, RecursionError
    ) as error:  # fmt: skip
        logger.error("the state in %s cannot be taken up: %s", state, error)  # noqa: TRY400
        return None
    return Resumed(controller=controller, kept=kept, epoch=epoch, spent=spent, budgeted=budgeted)


def _tail(
    path: Path, policy: Policy, controller: Controller
) -> tuple[Policy, Controller, list[Observations]]:
    """What the journal knows beyond a snapshot: where to go on from, and the ticks to step."""
    last = -1 if controller.tick is None else controller.tick
    try:
        journal = open_journal(path, after_tick=last)
        begun = resumed(journal)
        if begun.tick is not None and begun.tick >= last:
            policy, controller = journal.policy, begun
        elif journal.policy != policy:
            return policy, controller, []
        return policy, controller, [entry.observations for entry in journal]
    except JournalError as error:
        logger.error("the journal's tail is lost: %s", error)  # noqa: TRY400
        return policy, controller, []


def _load(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        logger.error("%s cannot be read: %s", path, error)  # noqa: TRY400
        return None
    if not isinstance(values, dict):
        logger.error("%s holds no state", path)
        return None
    return values
