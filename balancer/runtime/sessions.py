"""Tokens of sessions: added up while a session goes on, and handed out once it is over.

What a session is, its application says, by a name on each request. It is over when nothing came
for a while, when too many others came since, or when somebody says so. Names stay here: they
are no attribute of anything.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

__all__ = ["IDLE_S", "MOST_SESSIONS", "Sessions"]

IDLE_S = 1800.0
MOST_SESSIONS = 10_000
LONGEST_NAME = 200
"""Characters; of a longer name a digest is kept."""


class Sessions:
    """The sessions that are not over. Not thread-safe; whoever owns it locks.

    Args:
        idle_s: scenario seconds without a request, after which a session is over.
        most: of them at once; beyond it, the one that was silent longest is over.
    """

    __slots__ = ("_idle_s", "_most", "_open")

    def __init__(self, idle_s: float = IDLE_S, most: int = MOST_SESSIONS) -> None:
        self._idle_s = idle_s
        self._most = most
        self._open: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many are not over."""
        return len(self._open)

    def add(self, name: str, tokens: int, now_s: float) -> int | None:
        """A request of a session is over.

        Returns:
            Tokens of the session that had to go for it; None where none had to.
        """
        name = _short(name)
        before, _ = self._open.pop(name, (0, 0.0))
        self._open[name] = (before + tokens, now_s)
        if len(self._open) <= self._most:
            return None
        return self._open.popitem(last=False)[1][0]

    def silent(self, now_s: float) -> list[int]:
        """Tokens of the sessions that have become too old, which leave."""
        tokens_of_each: list[int] = []
        while self._open:
            tokens, last_s = next(iter(self._open.values()))
            if now_s - last_s < self._idle_s:
                break
            self._open.popitem(last=False)
            tokens_of_each.append(tokens)
        return tokens_of_each

    def active(self, since_s: float) -> tuple[int, int]:
        """How many sessions had a request since then, and their tokens so far."""
        active = [tokens for tokens, last_s in self._open.values() if last_s >= since_s]
        return len(active), sum(active)

    def end(self, name: str) -> int | None:
        """Tokens of a session that its application ended; None where there is no such one."""
        session = self._open.pop(_short(name), None)
        return None if session is None else session[0]

    def close(self) -> list[int]:
        """Tokens of all that are left, which leave."""
        rest = [tokens for tokens, _ in self._open.values()]
        self._open.clear()
        return rest


def _short(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    return blake2b(name.encode(errors="surrogatepass"), digest_size=32).hexdigest()
