"""A history to write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from balancer.service.history import Store
from tests.service.incidents.rig import Rig


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open history."""
    store = Store(f"sqlite:///{tmp_path / 'history.sqlite3'}", retry_s=0.02)
    store.open()
    yield store
    while Rig.made:
        Rig.made.pop().balancer.close()
    store.close()
