"""Datadog beside the service: polled signals come in, events and incidents go out."""

from __future__ import annotations
