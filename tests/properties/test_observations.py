"""Laws of adding observations up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from balancer.core.observations import Observations, merge_replicas, merge_ticks
from tests.properties.traffic import few, observations

same_tick = st.lists(observations(7), min_size=3, max_size=3)
growing = st.tuples(observations(3), observations(4), observations(9))


@few
@given(same_tick, st.permutations(range(3)))
def test_replicas_merge_in_any_order(parts: list[Observations], order: list[int]) -> None:
    """The sum is the same value."""
    assert merge_replicas(parts) == merge_replicas([parts[number] for number in order])


@few
@given(same_tick)
def test_replicas_merge_in_any_grouping(parts: list[Observations]) -> None:
    """Two of them first, or all at once."""
    first, second, third = parts
    left = merge_replicas([merge_replicas([first, second]), third])
    right = merge_replicas([first, merge_replicas([second, third])])
    assert left == right == merge_replicas(parts)


@few
@given(growing)
def test_ticks_merge_in_any_grouping(
    parts: tuple[Observations, Observations, Observations],
) -> None:
    """Minutes from seconds, or hours from minutes."""
    first, second, third = parts
    left = merge_ticks([merge_ticks([first, second]), third])
    right = merge_ticks([first, merge_ticks([second, third])])
    assert left == right == merge_ticks(parts)


@few
@given(growing, growing)
def test_replicas_and_ticks_merge_in_either_order(
    one: tuple[Observations, Observations, Observations],
    other: tuple[Observations, Observations, Observations],
) -> None:
    """Each replica's ticks first, or each tick's replicas; ages aside, of which one is last."""
    by_replica = merge_replicas([merge_ticks(one), merge_ticks(other)])
    by_tick = merge_ticks([merge_replicas(pair) for pair in zip(one, other, strict=True)])
    assert by_replica == by_tick


@few
@given(observations(5))
def test_merging_one_changes_no_sum(alone: Observations) -> None:
    """A single replica is the whole."""
    merged = merge_replicas([alone])
    assert merged.served == alone.served
    assert merged.requests == alone.requests
    assert merged[2:9] == alone[2:9]
    assert set(merged.alerts) == set(alone.alerts)
