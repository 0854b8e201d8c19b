"""Spending real money: never more than the cap that was agreed on, whatever breaks.

Two bounds stand one behind the other. The policy gets a hard budget, so that the ledger
shortens and refuses calls as it would in production. Behind it, no attempt starts unless all
that was spent, plus the worst case of every attempt under way, plus its own, stays within the
cap; this holds even while the balancer lets calls through unchanged because something broke.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from balancer.core.catalog import Catalog
from balancer.core.errors import InputError
from balancer.core.modes import Priority
from balancer.core.policy import BudgetLimit, Policy
from balancer.core.pricing import NANO_USD, cost_nano_usd
from balancer.runtime.admission import Admission
from balancer.runtime.attempts import Attempt
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, CallRecord
from balancer.runtime.requests import Request

from .scene import Scene

__all__ = [
    "GEMINI",
    "Guard",
    "GuardedBalancer",
    "Spending",
    "real_gemini",
    "spent_nano_usd",
    "with_budget",
]

GEMINI = "https://generativelanguage.googleapis.com"
URL_VARIABLE = "OPEN_BALANCER_GEMINI_URL"
"""For tests alone: where the real API is taken to be."""
KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

SPEND = "spend.json"
SPENT = "spent.json"

_DAY_S = 86_400.0
_UNSEEN = ("timeout", "reset")
_EXTRA_PROMPT_TOKENS = 200  # an instruction that the plan adds
_UNKNOWN_NANO_USD = 1_000_000_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What may be spent, and on what.

    Attributes:
        cap_nano_usd: at the very most.
        url: of the API.
        api_key: that pays.
        question: what a person is asked.
    """

    cap_nano_usd: int
    url: str
    api_key: str
    question: str = ""

    @property
    def cap_usd(self) -> float:
        """In dollars."""
        return self.cap_nano_usd / NANO_USD

    def less(self, spent_nano_usd: int) -> Self:
        """What is left after so much.

        Raises:
            InputError: nothing is.
        """
        left = self.cap_nano_usd - spent_nano_usd
        if left <= 0:
            raise InputError("the spend cap is used up before all runs were played")
        return replace(self, cap_nano_usd=left)

    def tell(self, directory: Path) -> None:
        """Tell the process that will make the calls."""
        values = {"cap_nano_usd": self.cap_nano_usd}
        (directory / SPEND).write_text(json.dumps(values), encoding="utf-8")


def real_gemini(
    scene: Scene, cap_usd: float | None, environment: Mapping[str, str] | None = None
) -> Spending:
    """What a load test against the real API may spend.

    Args:
        scene: what is played.
        cap_usd: as the user gave it.
        environment: None is this process's.

    Raises:
        InputError: no cap, no key, or a scenario that cannot be played there.
    """
    environment = os.environ if environment is None else environment
    if cap_usd is None or not 0 < cap_usd <= 10_000:
        raise InputError(
            "the real API costs money; say how much at the very most, in dollars: --spend-cap 2",
            where="--spend-cap",
        )
    if scene.speed != 1.0:
        raise InputError(
            f"speed is {scene.speed:g}; the real API answers in real time: --speed 1",
            where="--speed",
        )
    scenario, _ = scene.load()
    if scenario.duration + scenario.clients.patience > _DAY_S:
        raise InputError(
            "the scenario lasts longer than the day over which a budget holds; shorten it: "
            "--set duration=10m",
            where=scenario.scenario,
        )
    key = next((environment[name] for name in KEY_VARIABLES if environment.get(name)), None)
    if key is None:
        raise InputError(f"no key; set {KEY_VARIABLES[0]}", where="--upstream gemini")
    url = environment.get(URL_VARIABLE) or GEMINI
    faults = ", ".join(fault.name or fault.kind for fault in scenario.faults)
    question = (
        f"This calls the real Gemini API at {url} for {scenario.duration / 60:.3g} minutes and "
        f"is billed to your key. It stops before ${cap_usd:g} could be exceeded."
    )
    if faults:
        question += f" Faults of the scenario's upstream are not played: {faults}."
    return Spending(cap_nano_usd=round(cap_usd * NANO_USD), url=url, api_key=key, question=question)


def with_budget(policy: Policy, cap_nano_usd: int) -> Policy:
    """A policy that keeps to the cap as to a budget of its own."""
    limit = BudgetLimit(usd=cap_nano_usd / NANO_USD, window_s=_DAY_S)
    return replace(policy, budgets=(*policy.budgets, limit))


class Guard:
    """Holds the worst case of every attempt under way against the cap.

    Args:
        cap_nano_usd: never exceeded.
        catalog: prices.
        exhausted: called when an attempt does not fit though nothing is under way.
    """

    __slots__ = ("_cap", "_catalog", "_exhausted", "_held", "_lock", "_spent")

    def __init__(
        self, cap_nano_usd: int, catalog: Catalog, exhausted: Callable[[], object]
    ) -> None:
        self._cap = cap_nano_usd
        self._catalog = catalog
        self._exhausted = exhausted
        self._held: dict[tuple[int | None, int], int] = {}
        self._spent = 0
        self._lock = threading.Lock()

    @classmethod
    def told(
        cls, directory: Path, catalog: Catalog, exhausted: Callable[[], object]
    ) -> Self | None:
        """The guard that `Spending.tell` asked for, or None."""
        path = directory / SPEND
        if not path.exists():
            return None
        return cls(int(json.loads(path.read_text("utf-8"))["cap_nano_usd"]), catalog, exhausted)

    @property
    def cap_nano_usd(self) -> int:
        """Never exceeded."""
        return self._cap

    @property
    def spent_nano_usd(self) -> int:
        """Spent so far, with the worst case of whatever is not known."""
        with self._lock:
            return self._spent + sum(self._held.values())

    def hold(self, request: int | None, attempt: Attempt, asked: Asked) -> bool:
        """Whether an attempt may start; its worst case is then held until it ends.

        One of a request without a number never starts: nobody could tell it from another.
        """
        if request is None:
            return False
        worst = self._worst(attempt, asked)
        with self._lock:
            key = (request, attempt.number)
            if key in self._held:
                return True
            if self._spent + sum(self._held.values()) + worst <= self._cap:
                self._held[key] = worst
                return True
            nothing_left = not self._held
        if nothing_left:
            self._exhausted()
        return False

    def _worst(self, attempt: Attempt, asked: Asked) -> int:
        card = self._catalog.find(attempt.model)
        if card is None:
            return _UNKNOWN_NANO_USD  # what has no price is never called
        # The estimate of a prompt may be low, and a plan may add an instruction.
        prompt = 2 * asked.prompt_tokens + _EXTRA_PROMPT_TOKENS
        cap = min(attempt.output_cap_tokens or card.output_limit_tokens, card.output_limit_tokens)
        return cost_nano_usd(card.price, prompt, 0, cap, 0)

    def ended(self, record: CallRecord) -> None:
        """An attempt ended; what it cost is booked, the worst case where nobody knows."""
        outcome = record.outcome
        unseen = outcome is None or outcome.kind in _UNSEEN
        with self._lock:
            held = self._held.pop((record.index, record.attempt), 0)
            self._spent += max(held, record.nano_usd) if unseen else record.nano_usd

    def note(self, directory: Path) -> None:
        """Write down what was spent."""
        values = {"spent_nano_usd": self.spent_nano_usd}
        (directory / SPENT).write_text(json.dumps(values), encoding="utf-8")


class GuardedBalancer(Balancer):
    """A balancer none of whose attempts starts without the guard's consent."""

    guard: Guard | None = None

    def request(
        self,
        priority: Priority = Priority.NORMAL,
        *,
        key: str | None = None,
        index: int | None = None,
        asked: Asked = Asked(),  # noqa: B008  # frozen
        session: str | None = None,
    ) -> Request:
        """As `Balancer.request`."""
        if self.guard is None:
            return super().request(priority, key=key, index=index, asked=asked, session=session)
        return _GuardedRequest(self._admission, priority, key, index, asked, session, self.guard)


class _GuardedRequest(Request):
    __slots__ = ("_guard",)

    def __init__(
        self,
        admission: Admission,
        priority: Priority,
        key: str | None,
        index: int | None,
        asked: Asked,
        session: str | None,
        guard: Guard,
    ) -> None:
        self._guard = guard
        super().__init__(admission, priority, key, index, asked, session)

    def reserve(self) -> Attempt | None:
        """As `Request.reserve`; None too where the cap does not afford the worst case."""
        attempt = super().reserve()
        if attempt is None or self._guard.hold(self.index, attempt, self.asked):
            return attempt
        self.close()
        return None


def spent_nano_usd(directory: Path) -> int:
    """What a run has spent, as the process that made the calls wrote it down.

    Raises:
        InputError: it wrote nothing, so nobody knows.
    """
    try:
        return int(json.loads((directory / SPENT).read_text("utf-8"))["spent_nano_usd"])
    except (OSError, ValueError, KeyError):
        raise InputError(
            "what the run has spent was not written down; look at the API's own bill",
            where="--spend-cap",
        ) from None
