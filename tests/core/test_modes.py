"""Modes and priorities: two scales with an order and the names users write."""

from __future__ import annotations

from balancer.core.modes import MODES, PRIORITIES, Mode, Priority


def test_modes_are_ordered_from_normal_to_emergency() -> None:
    """Index and value agree, so a mode can index a table."""
    assert [mode.label for mode in MODES] == ["normal", "soft", "hard", "emergency"]
    assert [int(mode) for mode in MODES] == [0, 1, 2, 3]
    assert Mode.EMERGENCY > Mode.HARD > Mode.SOFT > Mode.NORMAL


def test_priorities_are_ordered_from_low_to_high() -> None:
    """The lowest comes first: it is shed and probed first."""
    assert [priority.label for priority in PRIORITIES] == ["low", "normal", "high"]
    assert Priority.LOW < Priority.NORMAL < Priority.HIGH
