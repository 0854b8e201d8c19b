"""A Kubernetes operator: a policy as a resource, gated before it is rolled out, and taken back.

Needs the extra `operator`. `decisions` says what comes next and knows no network; `keeper` does it
for one resource; `handlers` are kopf's. `docs/how-to/operator.md` is for its users.
"""
