"""What README, tutorial and how-tos show works: every command, on what the page sets up.

The slow tests ask for fewer replications than a page's commands do; those marked `pages` call them
to the letter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from unittest import SkipTest

import pytest

from tests.pages.examples import parsed
from tests.pages.reader import ROOT, Reader

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("tutorial/*.md")),
         *sorted((ROOT / "docs").glob("how-to/*.md")))  # fmt: skip
TITLES = [page.stem for page in PAGES]


def work_through(page: Path, folder: Path, *, whole: bool) -> Reader:
    """Do all that a page says."""
    reader = Reader(folder, whole=whole)
    try:
        with _alone("<!-- background" in page.read_text(encoding="utf-8")):
            try:
                for example in parsed(page, reader.evaluators).examples():
                    try:
                        example.evaluate()
                    except SkipTest:
                        continue
            finally:
                reader.close()
    finally:
        for name in reader.exported:
            os.environ.pop(name, None)
    return reader


@contextmanager
def _alone(needed: bool) -> Iterator[None]:
    """Pages with servers listen where they say: one of them at a time."""
    if not needed:
        yield
        return
    fcntl = pytest.importorskip("fcntl")
    with (Path(gettempdir()) / "open-balancer-pages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, in which the reader is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=TITLES)
def test_what_a_page_shows_works(page: Path, folder: Path) -> None:
    """With fewer replications."""
    work_through(page, folder, whole=False)


@pytest.mark.pages
@pytest.mark.parametrize("page", PAGES, ids=TITLES)
def test_what_a_page_shows_works_to_the_letter(page: Path, folder: Path) -> None:
    """In a shell, and what takes minutes too."""
    work_through(page, folder, whole=True)


@pytest.mark.parametrize("page", PAGES, ids=TITLES)
def test_what_is_not_run_says_why(page: Path) -> None:
    """A `<!-- skip` or a `<!-- slow` has its reason in it."""
    marks = [line for line in page.read_text(encoding="utf-8").splitlines() if "<!-- s" in line]
    for mark in marks:
        reason = mark.partition(":")[2].replace('next "', "").strip(' "->')
        assert len(reason) > 10, mark
