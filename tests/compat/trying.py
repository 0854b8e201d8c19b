"""Every call of a client, directly and through the proxy, in every mode and while all is ill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from balancer.core.modes import MODES, Mode
from balancer.core.policy import Policy
from balancer.runtime.balancer import Balancer
from sim.mock_gemini.process import MockProcess, spawn
from tests.service.conftest import Service, serving
from tests.waiting import until

from .clients import CALLS, RETRIED
from .driver import Driver
from .seen import Seen, seen

__all__ = ["COLUMNS", "DIRECT", "ILL", "SHED", "Trial", "trial"]

DIRECT, SHED = "direct", "emergency, shed"
COLUMNS = (DIRECT, *(mode.label for mode in MODES), SHED)
ILL = ("plain", RETRIED)
"""Calls that are made while the upstream answers 503 to all."""

_WITHIN_S = 60.0
_ILL_WITHIN_S = 180.0


class _Chance:
    """Draws that admit everybody, or refuse everybody whom the plan may refuse."""

    def __init__(self) -> None:
        self.refuses = False

    def plan(self, index: int | None) -> float:
        return 0.999 if self.refuses else 0.0

    def backoff(self, index: int | None, attempt: int) -> float:
        return 0.0


class Trial:
    """A mock and the proxy before it.

    Args:
        mock: the upstream.
        service: the proxy.
        chance: of its balancer.
        policy: of its balancer.
    """

    def __init__(
        self, mock: MockProcess, service: Service, chance: _Chance, policy: Policy
    ) -> None:
        self._mock = mock
        self._service = service
        self._chance = chance
        self._static = policy.strategies[Mode.EMERGENCY].static_fallback

    def in_modes(self, driver: Driver) -> dict[tuple[str, str], Seen]:
        """What comes of each call in each column, while the upstream is well."""
        found = {}
        for column in COLUMNS:
            self._order(column)
            for call in CALLS:
                if call in driver.calls:
                    found[call, column] = self._ask(driver, call, column, _WITHIN_S)
        return found

    def while_ill(self, driver: Driver) -> dict[tuple[str, str], Seen]:
        """The same directly and in normal, while it answers 503 to all."""
        found = {}
        for column in (DIRECT, Mode.NORMAL.label):
            self._order(column)
            for call in ILL:
                if call in driver.calls:
                    # Another answer first, so that no call is a repeat of the one before.
                    self._ask(driver, "schema", column, _WITHIN_S)
                    self._mock.admin.put_fault("ill", {"kind": "error", "error": "overloaded"})
                    found[call, column] = self._ask(driver, call, column, _ILL_WITHIN_S)
                    self._mock.admin.drop_fault("ill")
        return found

    def _order(self, column: str) -> None:
        """Order the mode of a column, by the service's API."""
        if column == DIRECT:
            return
        mode = column.partition(",")[0]
        balancer = self._service.balancer
        if balancer.decision.mode.label != mode:
            with self._service.client() as http:
                order = {"mode": mode, "reason": "compatibility", "duration": "24h"}
                http.post("/api/brownout", json=order).raise_for_status()
        until(lambda: balancer.decision.mode.label == mode, f"{mode} is in force")
        self._chance.refuses = column == SHED

    def _ask(self, driver: Driver, call: str, column: str, within_s: float) -> Seen:
        url = self._mock.addresses.url if column == DIRECT else self._service.url
        before = self._requests()
        found = driver.ask(call, url, within_s=within_s)
        return seen(found, self._requests() - before, self._static)

    def _requests(self) -> Counter[str]:
        """Calls that the upstream has had, by model; under "" all others, those that it refused
        among them. Looks at what runs in the background are as many as its caller likes.
        """
        counters = self._mock.admin.counters()
        found = Counter({name: of["started"] for name, of in counters["models"].items()})
        others = sum(n for name, n in counters["other"].items() if name != "getInteraction")
        found[""] = others + sum(counters["refused"].values())
        return found


@contextmanager
def trial(directory: Path, policy: Policy) -> Iterator[Trial]:
    """A mock and a proxy for the time of the block.

    Args:
        directory: for the service's data.
        policy: that governs it.
    """
    chance = _Chance()
    balancer = Balancer(policy, draws=chance)
    with (
        spawn(latency=False) as mock,
        serving(directory, balancer=balancer, upstream=mock.addresses.url) as service,
    ):
        service.wait_for_tick()
        yield Trial(mock, service, chance, policy)
