"""Scripts of clients, spoken with over pipes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.compat.clients import CLIENTS
from tests.compat.driver import Driver

DRIVERS = Path(__file__).parent / "drivers"
TALKS = """\
from tests.compat.drivers.conversation import answer, joined
def hangs(url):
    import time
    time.sleep(600)
def fails(url):
    raise ValueError("no\\n" + url)
def prints(url):
    print("a library's own words")
    return joined(["a", None, "b"])
answer("pytest", {"fails": fails, "hangs": hangs, "prints": prints, "object": lambda url: {"a": 1}})
"""


COMMAND = [sys.executable, "-c", TALKS]
"""A client without a network."""


def test_a_call_a_line() -> None:
    """Its result or its error, whatever the library prints."""
    with Driver(COMMAND, {}) as driver:
        assert driver.version == pytest.__version__
        found = [driver.ask(call, "u", within_s=60) for call in ("prints", "object", "fails")]
    assert [(of.get("got"), of.get("error")) for of in found] == [
        ("ab", None),
        ({"a": 1}, None),
        (None, "ValueError: no\nu"),
    ]


def test_a_call_that_hangs_is_ended_and_the_next_one_is_made() -> None:
    """By the script started anew."""
    with Driver(COMMAND, {}) as driver:
        assert driver.ask("hangs", "u", within_s=0.05)["error"] == "no answer"
        assert driver.ask("object", "u", within_s=60)["got"] == {"a": 1}


def test_a_script_that_does_not_start_is_said_to() -> None:
    """Such as one whose packages are not there."""
    with pytest.raises(RuntimeError, match="does not start"):
        Driver([sys.executable, "-c", "raise SystemExit(3)"], {})


def test_every_client_has_its_script() -> None:
    """And a name of its own, as environments are named so."""
    assert {client.driver for client in CLIENTS} == {
        path.name for path in DRIVERS.iterdir() if path.suffix in (".py", ".mjs")
    } - {"conversation.py"}
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)
