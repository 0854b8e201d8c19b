"""All of it in the short form; `make abuse` is the long one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .all_of_it import SHORT, on_a_service, on_files, options
from .target import Target, a_target
from .upstreams import Upstream, upstream_thread

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what it takes is measured in /proc"),
]
TRIALS = on_a_service(SHORT)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """One for all."""
    with upstream_thread() as made:
        yield made


@pytest.fixture(scope="module")
def target(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One for all that is tried, until the last trial changes its policy."""
    with a_target(tmp_path_factory.mktemp("abuse"), upstream.url, *options(SHORT)) as made:
        yield made


@pytest.mark.parametrize("name", TRIALS)
def test_a_service_that_is_abused_keeps_its_promises(
    name: str, target: Target, upstream: Upstream, tmp_path: Path
) -> None:
    """Nothing falls, and nothing is left of it."""
    found = TRIALS[name](target, upstream, tmp_path)
    assert found.cases > 0
    assert found.fell == ()


def test_no_fault_of_a_disk_and_no_kill_forgets_what_was_billed(tmp_path: Path) -> None:
    """As the proof has it."""
    for found in on_files(SHORT, tmp_path):
        assert found.cases > 0
        assert found.fell == ()
