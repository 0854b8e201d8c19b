"""Kill -9, in the short form; `python -m tests.abuse crashes` is the long one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from .crashes import crash


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_no_kill_forgets_what_was_billed(tmp_path: Path) -> None:
    """Two dozen, at random moments; nothing is forgotten, lost or overspent."""
    assert hasattr(os, "fork")
    found = crash(24, tmp_path)
    assert (found.forgotten, found.losses, found.overshoot_nano_usd) == (0, 0, 0)
    assert found.kills == 24
    assert found.calls > 0
    assert found.early < found.kills
