"""Any law under orders: overrides and alerts go before what the law wants.

The ladder obeys by itself, since an order changes what its evidence means. For all other
laws an order lies over what they want, and is lifted when it ends.
"""

from __future__ import annotations

from dataclasses import replace

from ..decisions import Reason, Stance
from ..modes import Mode
from ..orders import Orders
from ..policy import Policy
from .law import Lasting, Law
from .stances import alerted, ordered, stance, stance_from_plain, stance_to_plain

__all__ = ["Commanded"]


class Commanded:
    """A law and the orders that go before it."""

    __slots__ = ("_alone", "_law", "_orders", "_own", "_policy", "_stance")

    def __init__(self, policy: Policy, orders: Orders, law: Law) -> None:
        self._policy = policy
        self._orders = orders
        self._law = law
        self._own: Stance | None = None
        self._stance: Stance | None = None
        # What the law wanted last, if nobody had any order then.
        self._alone: Stance | None = None

    def step(self, tick: int) -> Stance:
        """See `Law.step`."""
        own = self._law.step(tick)
        if self._stance is not None and own is self._alone and self._orders.none:
            return self._stance
        return self._stand(own)

    def renew(self) -> Stance | None:
        """See `Lasting.renew`; None: the law is not in a mode by itself."""
        return self._stand(self._law.renew()) if isinstance(self._law, Lasting) else None

    def adopt(self, mode: Mode, tick: int, *, shedding: bool) -> Stance | None:
        """See `Lasting.adopt`; None: the law is not in a mode by itself."""
        if not isinstance(self._law, Lasting):
            return None
        return self._stand(self._law.adopt(mode, tick, shedding=shedding))

    def _stand(self, own: Stance) -> Stance:
        self._own = own
        self._alone = own if self._orders.none else None
        wanted = self._ordered(own) or self._lifted(own)
        if self._stance is None or (wanted is not self._stance and wanted != self._stance):
            self._stance = wanted
        return self._stance

    def _ordered(self, own: Stance) -> Stance | None:
        order = self._orders.override()
        if order is not None:
            return stance(self._policy, order.mode, (ordered(order),))
        floor = self._orders.floor()
        if floor is not None and floor.mode > own.mode:
            return stance(self._policy, floor.mode, (alerted(floor),))
        return None

    def _lifted(self, own: Stance) -> Stance:
        """What the law wants; where it has no reason of its own, the last order is one."""
        before = self._stance.reasons[:1] if self._stance is not None else ()
        if own.reasons or not before or before[0].kind not in ("override", "alert"):
            return own
        text = f"{own.mode.label}: the {before[0].kind} is over"
        return replace(own, reasons=(Reason(kind=before[0].kind, text=text),))

    def state(self) -> dict[str, object]:
        """Plain values."""
        return {
            "law": self._law.state(),
            "own": None if self._own is None else stance_to_plain(self._own),
        }

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
        law, own = state["law"], state["own"]
        assert isinstance(law, dict) and isinstance(own, list)
        self._own = stance_from_plain(own)
        self._law.restore(law, self._own)
        self._stance = kept
        self._alone = None
