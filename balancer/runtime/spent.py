"""What was spent under a hard budget before this process, and what is charged where it is lost."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.errors import InputError, JournalError, nearest
from ..core.policy import Policy
from ..journal_file import open_journal
from .budget_files import recover
from .ledger import Ledger
from .snapshot import Resumed, ledger_path

__all__ = ["AfterLoss", "Spent", "check_after_loss", "spent_before"]

AfterLoss = Literal["full", "last", "nothing"]
"""What is charged where nobody knows what was spent."""

_CHARGED: Mapping[AfterLoss, str] = {
    "full": "each budget counts as used up until its window is over",
    "last": "what can still be read of it is charged",
    "nothing": "nothing is charged",
}

logger = logging.getLogger("balancer")


def check_after_loss(text: str) -> AfterLoss:
    """The setting that a text names.

    Raises:
        InputError: it names none.
    """
    for each in get_args(AfterLoss):
        if text == each:
            setting: AfterLoss = each
            return setting
    raise InputError(
        f"budget-after-loss is {text!r}{nearest(text, get_args(AfterLoss))}; expected full, last "
        "or nothing"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the files of a process before this one say of its hard budget.

    Attributes:
        state: for `Ledger.restore`; None where nothing can be read.
        epoch: Unix time of scenario second 0.
        loss: what is wrong with it, as the end of a sentence; "": nothing.
        generation: of the newest file.
        tick_s: length of its ticks.
    """

    state: Mapping[str, Any] | None = None
    epoch: float | None = None
    loss: str = ""
    generation: int = 0
    tick_s: float = 1.0

    @property
    def tick(self) -> int:
        """That the windows were rolled to."""
        return 0 if self.state is None else int(self.state["tick"])

    @property
    def written_ahead(self) -> bool:
        """Whether everything was written before it was spent."""
        return self.generation > 0

    def against(self, resumed: Resumed | None, policy: Policy) -> Spent:
        """The same, if it is not older than what the controller remembers."""
        # One that had no budget wrote nothing of what it spent.
        tick = resumed.controller.tick if resumed is not None and resumed.budgeted else None
        if tick is None or not self.written_ahead or self.loss or self.tick_s != policy.tick_s:
            return self
        if tick < self.tick:
            return self
        return replace(
            self, loss=f"it ends at tick {self.tick}, and the journal or snapshot at tick {tick}"
        )

    def told(self, after_loss: AfterLoss) -> str:
        """What is wrong with it and what is charged, as a sentence; "" where nothing is wrong."""
        if not self.loss:
            return ""
        charged = _CHARGED[after_loss]
        return f"what was spent under the hard budget is not known: {self.loss}; {charged}"

    def charge(
        self, ledger: Ledger, now_s: float, resumed: Resumed | None, after_loss: AfterLoss
    ) -> None:
        """Charge a ledger that begins.

        Args:
            ledger: of the policy of now.
            now_s: scenario second that it is.
            resumed: what else the process before left.
            after_loss: see the module.
        """
        lost = self.loss and ledger.has_limits
        if lost:
            logger.error("%s", self.told(after_loss))
        if self.state is not None and not (lost and after_loss == "nothing"):
            ledger.restore(self.state, now_s)
        else:
            ledger.roll(now_s)
        behind = self.state is not None and not self.written_ahead
        if resumed is not None and (after_loss == "last" if lost else behind):
            ledger.book(resumed.spent)
        if lost and after_loss == "full":
            ledger.charge_rest()


def spent_before(policy: Policy, state: Path, journal: Path | None) -> Spent:
    """What the files beside a snapshot say.

    Args:
        policy: of now; without a hard budget nothing is missed.
        state: path of the snapshot.
        journal: path of the journal, or None.
    """
    files = recover(ledger_path(state))
    loss = files.loss
    limited = policy.budgets or policy.priority_budgets
    if not files.any_files and limited and _had_budget(state, journal):
        loss = f"{ledger_path(state).name} is missing"
    if loss and not limited:
        logger.warning("what was spent under a hard budget is not known: %s", loss)
    tick_s = policy.tick_s if files.state is None else float(files.state["tick_s"])
    return Spent(
        state=files.state,
        epoch=files.epoch,
        loss=loss,
        generation=files.generation,
        tick_s=tick_s,
    )


def _had_budget(state: Path, journal: Path | None) -> bool:
    """Whether a process before this one kept a hard budget, as far as anybody knows."""
    try:
        policy = json.loads(state.read_bytes())["policy"]
        return bool(policy["budgets"] or policy.get("priority_budgets"))
    except FileNotFoundError:
        pass
    except (OSError, LookupError, TypeError, ValueError, RecursionError):
        return True
    if journal is None or not journal.is_file():
        return False
    try:
        before = open_journal(journal).policy
    except JournalError:
        return True
    return bool(before.budgets or before.priority_budgets)
