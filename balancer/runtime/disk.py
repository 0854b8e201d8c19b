"""The calls of the file system that state is kept by, in one place, so that each can be made to
fail in a test.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["DISK", "Disk"]

_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.ENOSYS)
"""What file systems answer that cannot sync a folder, such as those of networks."""


class Disk:
    """The file system. Every method raises OSError when it fails."""

    def create(self, path: Path) -> int:
        """A handle of an empty file to be written; what was under the name is gone."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def write(self, handle: int, data: bytes) -> int:
        """How many bytes were taken, of which the system loses none when this process dies."""
        return os.write(handle, data)

    def put(self, handle: int, data: bytes) -> None:
        """Write all of it."""
        if self.write(handle, data) != len(data):
            raise OSError(errno.ENOSPC, "only a part of it could be written")

    def sync(self, handle: int) -> None:
        """Wait until what was written would outlive a loss of power."""
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """Give a handle back."""
        os.close(handle)

    def rename(self, path: Path, to: Path) -> None:
        """Put a file in the place of another, whole or not at all."""
        path.replace(to)

    def remove(self, path: Path) -> None:
        """Take a file away; one that is not there is no error."""
        path.unlink(missing_ok=True)

    def save(self, path: Path, data: bytes) -> None:
        """Replace a file, whole or not at all, so that it outlives a loss of power."""
        fresh = path.with_name(path.name + ".new")
        handle = self.create(fresh)
        try:
            self.put(handle, data)
            self.sync(handle)
        finally:
            self.close(handle)
        self.rename(fresh, path)
        self.sync_folder(path.parent)

    def sync_folder(self, folder: Path) -> None:
        """Make names outlive a loss of power, where the system can."""
        with suppress(PermissionError, IsADirectoryError):  # not everywhere may one open a folder
            handle = os.open(folder, os.O_RDONLY)
            try:
                self.sync(handle)
            except OSError as error:
                if error.errno not in _NO_SYNC:
                    raise
            finally:
                self.close(handle)


DISK = Disk()
"""The file system of this machine."""
