"""The plant: the compiled model of clients, queues, quotas and the upstream."""
