"""Names that users give: to policies and scenarios, and with them to files, tables and tests."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

__all__ = ["LONGEST_NAME", "Name", "check_name"]

LONGEST_NAME = 100
"""Characters of a name: file systems end at 255 bytes, and we add to it."""


def check_name(name: str) -> str:
    """The name, if it can be shown on a line and in the name of a file.

    Raises:
        ValueError: nothing, too long, or with a control character.
    """
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        shown = name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"
        raise ValueError(
            f"found {shown!r}, expected a name of 1 to {LONGEST_NAME} printable characters"
        )
    return name


Name = Annotated[str, AfterValidator(check_name)]
"""A name."""
