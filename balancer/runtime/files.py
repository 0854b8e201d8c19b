"""Which files a balancer keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .journal import JournalFiles
from .spent import AfterLoss

__all__ = ["Files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a balancer writes down, and takes up after a restart. Nothing is opened here.

    Attributes:
        journal: of every tick; None writes none.
        state: path of the snapshot; None writes none, and begins afresh.
        run: what the journal is of, for reports, as plain values.
        after_loss: what a hard budget is charged where the files of it are lost.
    """

    journal: JournalFiles | None
    state: Path | None
    run: Mapping[str, object]
    after_loss: AfterLoss

    def of_fleet(self) -> Files:
        """Files of what all replicas saw together: a journal beside the replica's own."""
        if self.journal is None:
            return self
        path = self.journal.path
        return replace(self, journal=self.journal.named(path.with_stem(path.stem + "-fleet")))

    def of_replica(self, fleet: str) -> Files:
        """Files of what one replica saw by itself: a journal that names its fleet."""
        return replace(self, state=None, run={**self.run, "part_of_fleet": fleet})
