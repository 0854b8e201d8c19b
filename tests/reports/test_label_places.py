"""Labels of points that stand close."""

from __future__ import annotations

import random

import pytest

from reports.label_places import label_places


def boxes(
    places: list[tuple[float, float] | None], width: float, height: float
) -> list[tuple[float, float, float, float]]:
    """Left, bottom, right and top of what has a place."""
    return [
        (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        for x, y in filter(None, places)
    ]


def test_a_label_stands_beside_its_point() -> None:
    """Above and to the right, unless that is outside."""
    (right,) = label_places([(50.0, 50.0)], [(20.0, 8.0)], (100.0, 100.0))
    (left,) = label_places([(95.0, 50.0)], [(20.0, 8.0)], (100.0, 100.0))
    assert right is not None
    assert left is not None
    assert (right[0] > 60.0, right[1] > 50.0) == (True, True)
    assert left[0] + 10.0 <= 95.0


@pytest.mark.parametrize("seed", range(20))
def test_labels_cover_neither_each_other_nor_a_point(seed: int) -> None:
    """However close the points are; what has no place has none."""
    drawn = random.Random(seed)
    points = [(drawn.uniform(0, 120), drawn.uniform(0, 60)) for _ in range(14)]
    width, height, clear = 22.0, 8.0, 3.0
    places = label_places(points, [(width, height)] * 14, (120.0, 60.0), clear=clear)
    found = boxes(places, width, height)
    marks = [(x - clear, y - clear, x + clear, y + clear) for x, y in points]
    for place, one in enumerate(found):
        assert min(one) >= 0.0
        assert one[2] <= 120.0
        assert one[3] <= 60.0
        for other in (*found[:place], *marks):
            apart = (
                one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            )
            assert apart


def test_the_first_of_many_is_served_first() -> None:
    """Where there is room for one label only."""
    first, *others = label_places([(15.0, 5.0)] * 3, [(28.0, 4.0)] * 3, (30.0, 14.0))
    assert first is not None
    assert None in others
