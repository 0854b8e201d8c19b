"""The report of a gate: whether a policy may replace another."""
