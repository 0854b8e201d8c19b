"""The HTTP API: routes, what they take and give, who may come in, and how much."""
