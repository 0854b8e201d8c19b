"""A fleet: many replicas of a balancer take one decision and keep to one budget.

Replicas append what they saw to an ordered log in a store; one of them, the leader, closes each
tick with one merged line, and every replica steps that line through the same `Controller`. Money
is leased from the store in slices and spent locally. Nothing here is imported unless a `Fleet` is
given to a `Balancer`, or `serve --fleet` is used; the store's client is the extra `fleet`.
"""

from .settings import Fleet

__all__ = ["Fleet"]
