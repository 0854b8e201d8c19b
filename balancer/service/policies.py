"""The policy in force: versions of it, changed by the API or by its file, and taken back.

Every version is kept as the complete policy, every default filled in and prices included, so
that version N means the same whenever it is brought back. The newest word counts: a version
that the API put in force outlives a restart, until the policy file changes.

What the API of one replica of a fleet is given, all of them put in force at one tick. A file is of
one process: whoever changes it changes that of all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import BalancerError, PolicyError
from ..core.policy import Policy
from ..documents import LARGEST_BYTES
from ..fleet.changes import ChangeError
from ..policy_difference import policy_difference
from ..policy_file import load_policy, parse_policy, policy_from_elsewhere, show_policy
from ..runtime.balancer import Balancer
from .audit import POLICY_FILE, Audit, Author
from .history import Store, StoreError
from .history.tables import POLICY_VERSIONS
from .problems import Problem
from .settings import Settings

__all__ = ["Policies", "Version", "policy_to_start_with"]

_log = logging.getLogger("balancer.service")
_STATUS = {"overtaken": 409, "away": 503, "unfit": 422}
"""What a change is answered that does not hold in the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A policy that came into force.

    Attributes:
        number: None when the history could not be written.
        at: Unix time.
        origin: start, file or api.
        name: of the policy.
        text: the policy as YAML, complete.
        reason: why, as its author said.
        restores: the version that it brings back.
    """

    number: int | None
    at: float
    origin: str
    name: str
    text: str
    reason: str
    restores: int | None = None


class Policies:
    """Puts policies into force, one at a time.

    Args:
        balancer: that follows them.
        store: that keeps them.
        settings: of the service; its policy file is watched.
        audit: where every change is noted.

    Attributes:
        file_problem: what is wrong with the policy file as it is now; "" if nothing is.
    """

    def __init__(self, balancer: Balancer, store: Store, settings: Settings, audit: Audit) -> None:
        self._balancer = balancer
        self._store = store
        self._audit = audit
        self._file = settings.policy_file
        self._watch_s = settings.watch_s
        self._fleet = settings.fleet
        self._seen = balancer.policy
        self._lock = asyncio.Lock()
        self._stamp = _stamp(self._file)
        self._current = Version(
            number=None,
            at=time.time(),
            origin="start",
            name=balancer.policy.name,
            text=show_policy(balancer.policy),
            reason="",
        )
        self._file_text = self._current.text
        self.file_problem = ""

    @property
    def current(self) -> Version:
        """In force."""
        return self._current

    def open(self) -> None:
        """Find which version is in force. Blocks; before the balancer starts."""
        # A file that has changed since then is put in force by `watch`.
        if self._file is not None and _stamp(self._file) == self._stamp:
            with contextlib.suppress(BalancerError):
                self._file_text = show_policy(load_policy(self._file))
        own = self._current
        origin = "start" if self._file is None else "file"
        try:
            found = _newest_word(self._store, self._file_text)
            newest = self._store.newest_policy()
            if newest is not None and newest["text"] == own.text:
                self._current = _version(newest)
            elif found is not None:
                self._balancer.use(parse_policy(found.text, f"version {found.number}"))
                self._current = found
            else:
                self._current = self._recorded(own, origin, "the service started")
        except StoreError as error:
            _log.warning("the policy's version is not recorded: %s", error)
        except PolicyError:
            _log.exception("the version in the history is not understood; the file's is in force")

    def _recorded(
        self, version: Version, origin: str, reason: str, restores: int | None = None
    ) -> Version:
        values: dict[str, Any] = {
            "at": time.time(),
            "origin": origin,
            "name": version.name[:200],
            "text": version.text,
            "reason": reason,
            "restores": restores,
        }
        try:
            number = self._store.add_now(POLICY_VERSIONS, **values)
        except StoreError as error:
            _log.warning("the policy's version is not recorded: %s", error)
            number = None
        return Version(number=number, **values)

    async def read(self, given: str | dict[str, Any]) -> Policy:
        """A policy as it would be put in force; one without a name keeps that of the one before.

        Args:
            given: YAML, or the same as an object.

        Raises:
            PolicyError: it cannot be what its author meant.
            Problem: 413 or 422.
        """
        return await asyncio.to_thread(_read, given, self._balancer.policy.name)

    async def put(
        self,
        given: str | dict[str, Any],
        reason: str,
        author: Author,
        *,
        if_version: int | None,
    ) -> tuple[Version, Policy, str]:
        """Put a policy in force.

        Args:
            given: as of `read`.
            reason: why.
            author: who does.
            if_version: refuse unless this version is in force.

        Returns:
            The version, the policy, and what the controller kept of its state.

        Raises:
            PolicyError: it cannot be what its author meant.
            Problem: 409 or 422.
        """
        policy = await self.read(given)
        return await self._use(policy, "api", reason, author, if_version=if_version)

    async def roll_back(
        self, number: int, reason: str, author: Author, *, if_version: int | None
    ) -> tuple[Version, Policy, str]:
        """Bring a version back, as a new one.

        Raises:
            Problem: 404 for a version that is not there, 503 when the history cannot be read.
            PolicyError: this release no longer understands it.
        """
        try:
            row = await asyncio.to_thread(self._store.get, POLICY_VERSIONS, number)
        except StoreError as error:
            raise Problem(503, f"{error}, so that no version can be brought back") from None
        if row is None:
            raise Problem(404, f"there is no policy version {number}; see /api/history/policies")
        policy = await asyncio.to_thread(parse_policy, row["text"], f"version {number}")
        return await self._use(
            policy, "api", reason, author, if_version=if_version, restores=number
        )

    async def _use(
        self,
        policy: Policy,
        origin: str,
        reason: str,
        author: Author,
        *,
        if_version: int | None = None,
        restores: int | None = None,
    ) -> tuple[Version, Policy, str]:
        async with self._lock:
            await self._notice()
            if if_version is not None and if_version != self._current.number:
                raise Problem(
                    409,
                    f"version {self._current.number} is in force, not {if_version}: somebody "
                    "was faster; look at it and try again",
                    where="if_version",
                )
            before, was = self._current, self._balancer.policy
            if self._fleet is not None and origin == "api":
                kept = await asyncio.to_thread(self._change_all, policy, reason, if_version)
            else:
                kept = await asyncio.to_thread(self._balancer.use, policy)
            version = Version(
                number=None,
                at=time.time(),
                origin=origin,
                name=policy.name,
                text=show_policy(policy),
                reason=reason,
                restores=restores,
            )
            self._current = version
            self._current = await asyncio.to_thread(
                self._recorded, version, origin, reason, restores
            )
            differences = await asyncio.to_thread(policy_difference, was, policy)
            self._audit.add(
                author,
                "change the policy" if restores is None else "bring a policy back",
                before=_told(before),
                after="\n".join((f"{_told(self._current)}: {reason}", *differences)),
            )
            return self._current, policy, kept

    def _change_all(self, policy: Policy, reason: str, if_version: int | None) -> str:
        """Of the whole fleet. Whoever named a version has it compared by the log, too."""
        status = self._balancer.status().fleet
        assert status is not None
        after = None if if_version is None else status.changes
        try:
            kept = self._balancer.use_in_fleet(policy, reason, after=after)
        except ChangeError as error:
            headers = {"retry-after": "5"} if error.kind == "away" else {}
            raise Problem(_STATUS[error.kind], str(error), headers=headers) from None
        return kept

    async def follow(self) -> None:
        """Record what the API of another replica of the fleet put in force, for ever."""
        while self._fleet is not None:
            await asyncio.sleep(self._watch_s)
            async with self._lock:
                await self._notice()

    async def _notice(self) -> None:
        """Record what the fleet's log changed, if it did."""
        before, policy = self._seen, self._balancer.policy
        change = self._balancer.fleet_change
        self._seen = policy
        if policy is before or change is None:
            return
        text = await asyncio.to_thread(show_policy, policy)
        if text == self._current.text:
            return  # put in force here, or one of another day's prices
        self._current = Version(
            number=None,
            at=time.time(),
            origin="api",
            name=policy.name,
            text=text,
            reason=f"{change.reason} (by replica {change.replica})".strip(),
        )
        self._current = await asyncio.to_thread(self._noted, self._current)
        _log.warning("the fleet changed its policy: version %s is in force", self._current.number)

    def _noted(self, version: Version) -> Version:
        """Recorded, unless a replica with the same database was faster."""
        with contextlib.suppress(StoreError):
            newest = self._store.newest_policy()
            if newest is not None and newest["text"] == version.text:
                return _version(newest)
        return self._recorded(version, version.origin, version.reason)

    async def watch(self) -> None:
        """Follow the policy file, for ever. A file that is wrong leaves the old policy in force."""
        while self._file is not None:
            await asyncio.sleep(self._watch_s)
            stamp = await asyncio.to_thread(_stamp, self._file)
            if stamp != self._stamp:
                self._stamp = stamp
                await self.reload()

    async def reload(self) -> None:
        """Read the policy file, and put it in force if it is another one."""
        assert self._file is not None
        try:
            policy = await asyncio.to_thread(load_policy, self._file)
        except BalancerError as error:
            self.file_problem = str(error)
            _log.error("the policy file is wrong, the old policy stays in force: %s", error)
            return
        self.file_problem = ""
        text = show_policy(policy)
        # A file that was only touched says nothing new, and the API may have spoken since.
        if text != self._file_text:
            self._file_text = text
            version, _, kept = await self._use(
                policy, "file", "the policy file changed", POLICY_FILE
            )
            _log.warning(
                "the policy file changed: version %s is in force; kept: %s", version.number, kept
            )


def policy_to_start_with(given: Policy, database_url: str) -> Policy:
    """The policy that has the newest word: the one given, or what the API put in force since.

    A controller goes on from its saved state best under the policy that it had, so this is asked
    before there is a balancer. Blocks. A history that cannot be read has no word.
    """
    store = Store(database_url)
    try:
        found = _newest_word(store, show_policy(given))
        return given if found is None else parse_policy(found.text, f"version {found.number}")
    except StoreError:
        return given
    except PolicyError:
        _log.exception("the version in the history is not understood; the given one is in force")
        return given
    finally:
        store.close()


def _newest_word(store: Store, given: str) -> Version | None:
    """The version of the API that is newer than the policy given; None where there is none."""
    newest, before = store.newest_policy(), store.newest_policy("start", "file")
    if newest is None or before is None or newest["origin"] != "api":
        return None
    return _version(newest) if before["text"] == given else None


def _told(version: Version) -> str:
    number = "a version without a number" if version.number is None else f"version {version.number}"
    back = "" if version.restores is None else f", which is {version.restores} again"
    return f"{number} ({version.name}){back}"


def _version(row: dict[str, Any]) -> Version:
    return Version(number=row["id"], **{name: row[name] for name in row if name != "id"})


def _read(given: str | dict[str, Any], name: str) -> Policy:
    if isinstance(given, dict):
        text = _yaml(given)
    else:
        text = given
    if len(text.encode()) > LARGEST_BYTES:
        raise Problem(413, f"the policy is larger than {LARGEST_BYTES:,} bytes", where="policy")
    return policy_from_elsewhere(text, "policy", name)


def _yaml(given: dict[str, Any]) -> str:
    """JSON is YAML too, and so has lines that errors can name."""
    import json

    return json.dumps(given, indent=1, ensure_ascii=False)


def _stamp(path: Path | None) -> tuple[int, int, int]:
    """What changes when a file does; zeros where there is none."""
    if path is None:
        return 0, 0, 0
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return 0, 0, 0
