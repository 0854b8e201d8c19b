"""Takes secrets out of what exporters say: it goes into logs, and to whoever asks for /readyz."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote

__all__ = ["without_secrets"]

_SHORTEST = 6
"""What is shorter is no secret, and a part of any word."""
_USER = re.compile(r"[^\s/@'\"]+@(?=[\w\[.])")
"""User and password before a host; gRPC names an address without its scheme."""


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text without credentials of addresses, and without what the environment gives
    exporters to send as such.
    """
    for secret in _secrets(environment):
        text = text.replace(secret, "***")
    return _USER.sub("***@", text)


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Longest first: one may be a part of another."""
    secrets = [environment.get(name, "") for name in ("DD_API_KEY", "DATADOG_API_KEY")]
    for name, value in environment.items():
        if name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("HEADERS"):
            for header in value.split(","):
                secret = header.partition("=")[2].strip()
                secrets += [secret, unquote(secret), *unquote(secret).split()]
    return sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len)[::-1]
