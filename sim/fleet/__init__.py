"""Replicas of a fleet over a network that delays, loses and parts, and a store that breaks.

Election, merging, closing, leases and what a replica does alone are the code of `balancer.fleet`;
only the way to the store is simulated.
"""
