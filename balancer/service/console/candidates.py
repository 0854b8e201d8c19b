"""A policy that is tried beside the one in force, under a name that tells the two apart."""

from __future__ import annotations

import asyncio
from typing import Any

from ...policy_file import parse_policy
from ...policy_text import rewritten

__all__ = ["named_apart"]


async def named_apart(text: str, in_force: str, what: str) -> str:
    """A policy's text; where it has the name of the one in force, what it is stands behind that.

    Args:
        text: of a policy.
        in_force: name of the policy in force.
        what: "candidate" and the like.
    """

    def change(tree: Any) -> None:
        tree["name"] = f"{in_force} ({what})"

    policy = await asyncio.to_thread(parse_policy, text)
    return await asyncio.to_thread(rewritten, text, change) if policy.name == in_force else text
