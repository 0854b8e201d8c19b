"""The JSON files of records: how they are written, and read back with what went wrong named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..core.errors import InputError
from .codec import from_json

__all__ = ["Format", "json_text", "read_json", "write_json"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format(Generic[T]):
    """A kind of record and its file.

    Attributes:
        record: the dataclass, whose key "version" is `version`.
        noun: what errors call it.
        file: its name in the directory of a report.
        version: what is written and read.
        again: what to do with a file of an older version.
    """

    record: type[T]
    noun: str
    file: str
    version: int
    again: str

    def read(self, directory: Path) -> T:
        """The record in a directory.

        Raises:
            InputError: the file is missing, no JSON, of another version, or no such record.
        """
        path = directory / self.file
        return self.of(read_json(path), str(path))

    def of(self, found: object, where: str = "") -> T:
        """The record that JSON values are; `where` names them in an error, or the file does.

        Raises:
            InputError: it is of another version, or no such record.
        """
        where = where or self.file
        if isinstance(found, Mapping) and found.get("version") != self.version:
            version = found.get("version")
            older = type(version) is int and version < self.version
            raise InputError(
                f"found version {version!r} of a {self.noun}, expected {self.version}"
                + (f"; an older open-balancer wrote it: {self.again}" if older else ""),
                where=where,
            )
        return from_json(self.record, found, self.noun, where)


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: it is missing, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read it ({error.strerror}); a report needs the directory of a run",
            where=str(path),
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=str(path)) from None


def json_text(value: Any) -> str:
    """Text of a file of ours: readable, the same on every machine, without NaN."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write a file of ours."""
    path.write_text(json_text(value), encoding="utf-8", newline="\n")
