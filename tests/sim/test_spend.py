"""The account that checks a budget from outside."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.plant.spend import OVERSHOOT, THIS_TICK, close, new_row


@given(spent=st.lists(st.integers(0, 100), min_size=1, max_size=40), window=st.integers(1, 12))
def test_overshoot_is_the_worst_rolling_window_s_excess(spent: list[int], window: int) -> None:
    """Against a sum over every window."""
    row = np.array(new_row(150, window))
    for tick, nano_usd in enumerate(spent):
        row[THIS_TICK] += nano_usd
        close(row, tick)
    sums = [sum(spent[max(0, k + 1 - window) : k + 1]) for k in range(len(spent))]
    assert row[OVERSHOOT] == max(0, *(total - 150 for total in sums))
