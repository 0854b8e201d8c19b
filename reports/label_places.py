"""Labels of points that stand close: beside their point, and not on one another."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["label_places"]

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

ANGLES = (45, -45, 135, -135, 90, -90, 0, 180)
"""Directions in which a label may stand, the most wanted first; degrees."""
DISTANCES = (5.0, 9.0)
"""A label farther away would be taken for another point's."""


def label_places(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    room: tuple[float, float],
    *,
    clear: float = 3.0,
) -> list[tuple[float, float] | None]:
    """Middles of labels, one for each point, earlier points first served.

    Args:
        points: from the lower left corner, in any unit.
        sizes: width and height of each label.
        room: width and height in which labels must lie.
        clear: half the side of the square around each point that no label covers.

    Returns:
        None for a label that has no place.
    """
    taken: list[Box] = [(x - clear, y - clear, x + clear, y + clear) for x, y in points]
    places: list[tuple[float, float] | None] = []
    for (x, y), (width, height) in zip(points, sizes, strict=True):
        place = _place(x, y, width, height, room, taken)
        places.append(place)
        if place is not None:
            taken.append(_box(*place, width, height))
    return places


def _place(
    x: float,
    y: float,
    width: float,
    height: float,
    room: tuple[float, float],
    taken: Sequence[Box],
) -> tuple[float, float] | None:
    for distance in DISTANCES:
        for angle in ANGLES:
            across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            middle = (
                x + across * distance + _side(across) * width / 2,
                y + up * distance + _side(up) * height / 2,
            )
            left, bottom, right, top = box = _box(*middle, width, height)
            inside = left >= 0 and bottom >= 0 and right <= room[0] and top <= room[1]
            if inside and not any(_meet(box, other) for other in taken):
                return middle
    return None


def _side(part: float) -> float:
    return 0.0 if abs(part) < 1e-9 else math.copysign(1.0, part)


def _box(x: float, y: float, width: float, height: float) -> Box:
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
