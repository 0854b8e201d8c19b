"""Channels: where messages go. Their addresses are secrets, and show a name instead."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from balancer.core.errors import InputError, nearest

__all__ = ["VARIABLE", "Channel", "ChannelKind", "parse_channels"]

VARIABLE: Final = "OPEN_BALANCER_NOTIFY"
ChannelKind = Literal["slack", "teams", "json"]

_FORMS: Final[dict[str, ChannelKind]] = {
    f"{kind}+{scheme}": kind for kind in ("slack", "teams", "json") for scheme in ("https", "http")
}
_SECURE: Final = ("https", *(form for form in _FORMS if form.endswith("https")))
_EXPECTED: Final = (
    "the URL of a Slack incoming webhook, of a Teams workflow, or of a webhook of yours "
    "(https://…); slack+https://…, teams+https://… or json+https://… says which body it takes"
)
_SLACK: Final = re.compile(r"hooks\.slack(?:-gov)?\.com")
_TEAMS: Final = re.compile(
    r".+\.(?:logic\.azure\.[a-z]{2,12}|(?:power|apps)platform(?:\.[a-z0-9-]+){1,3})"
)
_RETIRED: Final = re.compile(r"(?:.+\.)?(?:webhook\.office\.com|outlook\.office(?:365)?\.com)")
# What may be shown of a scheme nobody knows: it could be the beginning of a token.
_WORD: Final = re.compile(r"[a-z]{2,10}")
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f-\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where messages go.

    Attributes:
        kind: which body it takes.
        name: to show: kind, host, and four digits that tell it from others of the host.
        url: where to post, without user and password.
        user, password: for basic authentication; "" for none.
    """

    kind: ChannelKind
    name: str
    url: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def parse_channels(text: str, where: str = VARIABLE) -> tuple[Channel, ...]:
    """Channels from one or several URLs, with white space between them.

    The same URL twice is one channel.

    Args:
        text: the URLs.
        where: they came from, for errors.

    Raises:
        InputError: one that cannot be used. The message never shows it.
    """
    channels: dict[str, Channel] = {}
    urls = text.split()
    for number, url in enumerate(urls, start=1):
        place = where if len(urls) == 1 else f"{where}, URL {number} of {len(urls)}"
        channels.setdefault(url, _parse(url, place))
    return tuple(channels.values())


def _parse(url: str, where: str) -> Channel:
    parts, port = _split(url)
    if parts is None:
        raise InputError(f"found no URL; expected {_EXPECTED}", where=where)
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https", *_FORMS):
        raise InputError(_unknown(scheme), where=where)
    host = (parts.hostname or "").lower()
    if not host or _UNFIT.search(url):
        raise InputError("the URL has no host, or characters that no URL has", where=where)
    kind = _FORMS.get(scheme) or _kind(host, parts, where)
    plain = scheme.rpartition("+")[2]
    site = f"[{host}]" if ":" in host else host
    address = site if port is None else f"{site}:{port}"
    fingerprint = hashlib.sha256(url.encode()).hexdigest()[:4]
    return Channel(
        kind=kind,
        name=f"{kind} {address} #{fingerprint}",
        url=urlunsplit((plain, address, parts.path or "/", parts.query, "")),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _split(url: str) -> tuple[SplitResult | None, int | None]:
    # The errors of urllib quote what they do not like, so none of them may be chained.
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        return None, None


def _unknown(scheme: str) -> str:
    if not scheme:
        return f"found no scheme; expected {_EXPECTED}"
    if not _WORD.fullmatch(scheme.partition("+")[0]):
        return f"found a scheme that is none of ours; expected {_EXPECTED}"
    close = nearest(scheme, _SECURE) if len(scheme) <= 12 else ""
    return f"found {scheme.partition('+')[0]!r} as its scheme{close}; expected {_EXPECTED}"


def _kind(host: str, said: SplitResult, where: str) -> ChannelKind:
    public = _SLACK.fullmatch(host) or _TEAMS.fullmatch(host)
    if public and said.scheme.lower() != "https":
        raise InputError("this would send a secret over plain http; expected https", where=where)
    if _SLACK.fullmatch(host):
        if not said.path.startswith("/services/"):
            raise InputError(
                "this starts a Slack workflow, which takes variables of its own; expected the "
                "URL of an incoming webhook (https://hooks.slack.com/services/…)",
                where=where,
            )
        return "slack"
    if _RETIRED.fullmatch(host):
        raise InputError(
            "this is an Office 365 connector, and Microsoft has retired them; in Teams make the "
            'workflow "Send webhook alerts to a channel" and take its URL',
            where=where,
        )
    return "teams" if _TEAMS.fullmatch(host) else "json"
