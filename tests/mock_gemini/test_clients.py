"""Google's own client, versions 2 and 3, against the mock: each fault is what its caller knows it
to be from Gemini.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.mock_gemini.server import MockServer
from tests.older_genai import older_python

from .caller import settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
VERSIONS: dict[str, Callable[[], str | Path]] = {"3": lambda: sys.executable, "2": older_python}

BROKEN = {"sync": "ReadError", "httpx": "ReadError"}
LATE = {"aiohttp": "TimeoutError"}


def expected(kind: str) -> dict[str, tuple[str, str]]:
    """Of a whole call and of a stream; "…" stands for chunks that came before."""
    lost = BROKEN.get(kind, "ClientOSError")
    torn = BROKEN.get(kind, "ClientPayloadError")
    late = LATE.get(kind, "ReadTimeout")
    return {
        "none": ("STOP", "… STOP"),
        "overloaded": ("ServerError 503", "ServerError 503"),
        "overloaded inside": ("ServerError 503", "… ServerError 503"),
        "internal": ("ServerError 500", "ServerError 500"),
        "quota of a minute": ("ClientError 429", "ClientError 429"),
        "quota of a day": ("ClientError 429", "ClientError 429"),
        "reset": (lost, lost),
        "reset inside": (torn, f"… {torn}"),
        "malformed": ("JSONDecodeError", "UnknownApiResponseError"),
        "malformed inside": ("JSONDecodeError", "… UnknownApiResponseError"),
        # The client takes it for complete: only the finish reason is missing.
        "cut": ("no finish reason", "… no finish reason"),
        "hang": (late, late),
        "hang inside": (late, f"… {late}"),
    }


def in_words(seen: dict[str, Any]) -> str:
    """What a call came to."""
    before = "… " if seen.get("chunks") else ""
    if "error" in seen:
        return f"{before}{seen['error']} {seen.get('code', '')}".strip()
    return before + (seen["finish"] or "no finish reason")


@pytest.mark.parametrize("kind", ["sync", "httpx", "aiohttp"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_sees_every_fault_as_it_would_from_gemini(version: str, kind: str) -> None:
    """Faults are switched by the admin API between its calls."""
    with MockServer(settings(speed=200.0)) as mock:
        where = mock.addresses
        words = [where.url, where.admin_url, where.token, kind]
        done = subprocess.run(
            [VERSIONS[version](), "-m", "tests.mock_gemini.behaviours", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    calls = found.pop("calls")
    assert {
        name: (in_words(seen["whole"]), in_words(seen["stream"])) for name, seen in found.items()
    } == expected(kind)
    for seen in found["none"].values():
        assert seen["total"] == seen["prompt"] + seen["output"] + seen["thinking"]
        assert len(seen["text"]) == 4 * seen["output"]
    for name, period in (("minute", "PerMinute"), ("day", "PerDay")):
        refused = found[f"quota of a {name}"]["whole"]
        failure, _, retry = refused["details"]
        assert period in failure["violations"][0]["quotaId"]
        assert retry["retryDelay"] == "60s"
        assert "Please retry in 60s" in refused["message"]
        assert not refused["retry_after"]
    assert calls["count"] == found["none"]["whole"]["prompt"]
    assert calls["get"] == "models/gemini-2.5-flash"
    assert len(calls["list"]) == len(set(calls["list"])) > 2  # of several pages
    assert calls["chat"] == [True, True]
