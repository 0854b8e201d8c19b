"""Who does the work of a command: processes of this machine, or a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.errors import InputError
from ..installation import require

if TYPE_CHECKING:
    from sim.workers.pool import Workers

__all__ = ["asked_workers"]


def asked_workers(number: int | None, cluster: str | None) -> Workers:
    """Workers as `--workers` and `--cluster` ask for them, for all rounds of a command.

    A context manager; on its entry a cluster is connected to.

    Args:
        number: of processes of this machine; None: as many as the work is worth.
        cluster: address of a Dask scheduler.

    Raises:
        InputError: both are given, the address is none, or an extra is not installed.
    """
    if cluster is None:
        from sim.workers.pool import local_workers

        return local_workers(number)
    if number is not None:
        raise InputError(
            "--workers is a number of processes of this machine, and --cluster leaves the work "
            "to others; give one of them",
            where="--cluster",
        )
    require(extras=("cluster",))
    from sim.workers.cluster import cluster_workers

    return cluster_workers(cluster)
