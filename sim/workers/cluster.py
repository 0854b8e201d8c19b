"""Workers of a Dask cluster: the same tasks and results, on other machines.

Dask repeats what a lost worker was at, as often as its scheduler allows
(``distributed.scheduler.allowed-failures``). The cluster is somebody else's: it stays up.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar, cast
from uuid import uuid4

from distributed import Client, KilledWorker, get_worker

from balancer.core.errors import InputError

from .crew import WorkerError
from .environment import difference, environment
from .pool import Workers

__all__ = ["SCHEMES", "Cluster", "cluster_workers"]

T = TypeVar("T")
R = TypeVar("R")

SCHEMES = ("tcp://", "tls://")
CONNECT_S = 5.0
"""A scheduler answers sooner than this, or is not there."""
WORKERS_S = 5.0
"""Workers that come up together with the scheduler have registered by then."""
GONE_S = 60.0
"""Workers that come back, as a nanny restarts them, are back by then."""


class Cluster:
    """The workers of a scheduler.

    Args:
        address: tcp://host:port of it.
    """

    __slots__ = ("_address", "_client", "_executor", "_gone_since", "_size")

    away = True

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None
        self._executor: Any = None
        self._size = 0
        self._gone_since: float | None = None

    @property
    def size(self) -> int:
        """Threads of all workers when they were last counted."""
        return max(1, self._size)

    @property
    def started(self) -> bool:
        """Whether we are connected."""
        return self._client is not None

    def start(self) -> None:
        """Connect.

        Raises:
            InputError: an address that is none, no scheduler there, or one without workers.
        """
        if self._client is not None:
            return
        where, connect = "--cluster", cast(Callable[..., Any], Client)
        try:
            client = connect(self._address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no Dask scheduler answers at {self._address} within {CONNECT_S:g} s; expected "
                f"the address that `dask scheduler` prints, like tcp://10.0.0.1:8786",
                where=where,
            ) from error
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError:
            client.close()
            raise InputError(
                f"the Dask cluster at {self._address} has no workers; start some: "
                f"dask worker {self._address} --nthreads 1",
                where=where,
            ) from None
        self._client = client
        self._count()

    def submit(self, function: Callable[[T], R], task: T) -> Future[R]:
        """Hand out a task."""
        if self._executor is None:
            # Dask takes tasks of the same arguments for the same one, unless told.
            self._executor = self._client.get_executor(pure=False)
        # All that Dask has to read is a function of the standard library and some bytes. A worker
        # that cannot read a task ends itself, and it may be busy for others.
        future: Future[R] = self._executor.submit(
            pickle.loads,
            pickle.dumps(_Sealed(function, task)),
            key=f"open-balancer-{uuid4().hex}",
        )
        return future

    def outcome(self, future: Future[R]) -> R:
        """What came of a task."""
        try:
            return future.result()
        except KilledWorker as error:
            raise WorkerError(
                f"{error.allowed_failures + 1} workers of the cluster died of the same task, "
                "perhaps for want of memory; try --workers 1 instead of --cluster, which also "
                "shows what a worker could not"
            ) from None
        except CancelledError:
            raise WorkerError(f"the Dask cluster at {self._address} is gone") from None
        except (ModuleNotFoundError, AttributeError) as error:
            if isinstance(error, AttributeError) and _open.__name__ not in str(error):
                raise
            raise WorkerError(
                f"a worker of the Dask cluster at {self._address} cannot read our tasks "
                f"({error}); it needs the same open-balancer as here, with its extra 'cluster'"
            ) from None

    def check(self) -> None:
        """Ask how many workers there are now."""
        if self._client.status == "closed":
            raise WorkerError(f"the Dask cluster at {self._address} is gone")
        try:
            self._count()
        except (OSError, TimeoutError):
            self._size = 0
        now = time.monotonic()
        if self._size:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now
        elif now - self._gone_since > GONE_S:
            raise WorkerError(
                f"the Dask cluster at {self._address} has had no worker for {GONE_S:g} s"
            )

    def drop(self) -> None:
        """Cancel what is ours; what a worker is at, it ends for nobody."""
        executor, self._executor = self._executor, None
        if executor is not None:
            with suppress(OSError, TimeoutError):
                executor.shutdown(wait=False)

    def close(self) -> None:
        """Leave the cluster, which stays up."""
        self.drop()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _count(self) -> None:
        self._size = sum(self._client.nthreads().values())


def cluster_workers(address: str) -> Workers:
    """The workers of a Dask cluster; connected to on entry, and left as it was.

    Args:
        address: tcp://host:port of its scheduler.

    Raises:
        InputError: what is no such address.
    """
    host, colon, port = address.removeprefix("tcp://").removeprefix("tls://").rpartition(":")
    if not address.startswith(SCHEMES) or not host or not colon or not port.isdecimal():
        raise InputError(
            f"{address!r} is no address of a Dask scheduler; expected tcp://HOST:PORT, as "
            "`dask scheduler` prints it",
            where="--cluster",
        )
    return Workers(Cluster(address))


class _Sealed:
    """A task that is done by whoever unpickles it."""

    __slots__ = ("_function", "_task")

    def __init__(self, function: Callable[[Any], object], task: object) -> None:
        self._function = function
        self._task = task

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _open, (dict(environment()), pickle.dumps((self._function, self._task)))


def _open(expected: Mapping[str, str], sealed: bytes) -> Any:
    """Do a task on a worker, where that comes to the same as at home.

    Raises:
        WorkerError: this is not the environment that the task was made in.
    """
    # Before the task is read: another version may not be able to.
    found = difference(expected, environment())
    if found is not None:
        raise WorkerError(
            f"the worker {get_worker().address} has {found}; results would depend on who "
            "computes them: install the same on all machines"
        )
    function, task = pickle.loads(sealed)  # noqa: S301 -- ours, from the machine that asks
    return function(task)
