"""The controller: pure values and decisions, without clock, I/O, randomness or dependency."""
