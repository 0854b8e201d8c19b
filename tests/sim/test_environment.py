"""What workers must have in common with us."""

from __future__ import annotations

from sim.workers.environment import difference, environment


def test_the_same_environment_does_not_differ() -> None:
    """And it names what figures depend on."""
    ours = environment()
    assert difference(ours, dict(ours)) is None
    assert {"open-balancer", "python", "numba", "numpy"} <= set(ours)


def test_every_difference_is_told() -> None:
    """What is missing there too."""
    found = difference({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4"})
    assert found == "b 4 (here: 2), c missing (here: 3)"
