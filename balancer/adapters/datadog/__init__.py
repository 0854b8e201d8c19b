"""Datadog: monitors from a policy, detection rules, a poller, events and incidents.

Only this package imports `datadog_api_client`, and only where it talks to Datadog: queries,
definitions and checks are plain values that need no extra.
"""
