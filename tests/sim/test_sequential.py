"""When a gate looks, and how sure it must be."""

from __future__ import annotations

import pytest

from balancer.core.errors import InputError
from sim.study.sequential import NOMINAL_FAIL_ERROR, NOMINAL_PASS_ERROR, Looks


@pytest.mark.parametrize(
    ("most", "at"),
    [
        (10, (10,)),
        (14, (14,)),
        (15, (10, 15)),
        (40, (10, 20, 40)),
        (50, (10, 20, 50)),
        (320, (10, 20, 40, 80, 160, 320)),
    ],
)
def test_looks_double_and_end_at_the_last(most: int, at: tuple[int, ...]) -> None:
    """Without one right before it."""
    assert Looks.up_to(most, comparisons=1).at == at


def test_the_errors_of_all_looks_and_comparisons_add_up_to_what_is_permitted() -> None:
    """A pass must be right in each comparison anyhow; only fails are divided among them."""
    looks = Looks.up_to(320, comparisons=12)
    assert len(looks.at) * looks.pass_level == pytest.approx(NOMINAL_PASS_ERROR)
    assert 12 * len(looks.at) * looks.fail_level == pytest.approx(NOMINAL_FAIL_ERROR)


@pytest.mark.parametrize("most", [-1, 0, 1, 2, 9, 100_001])
def test_what_may_agree_by_chance_is_refused(most: int) -> None:
    """And so is what nobody has time for."""
    with pytest.raises(InputError, match="expected 10 to 100000"):
        Looks.up_to(most, comparisons=1)
