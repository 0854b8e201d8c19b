"""The real world: one package or file for each thing outside that the balancer talks to."""
