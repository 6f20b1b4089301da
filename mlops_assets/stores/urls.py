"""URLs of stores: the scheme picks the implementation, and what a store cannot do with a part of its URL it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mlops_assets.errors import SettingsError
from mlops_assets.urls import URL, UnreadableURLError, read_url, read_web_url, redact

if TYPE_CHECKING:
    from collections.abc import Collection


def parse_url(url: str) -> URL:
    """Read a URL that somebody has set.

    Raises:
        SettingsError: it cannot be read; nothing of it but its scheme is shown.
    """
    try:
        return read_url(url)
    except UnreadableURLError as error:
        raise SettingsError(f"{redact(url)!r} is not a URL: {error}") from None


def parse_web_url(url: str, example: str) -> URL:
    """Read the URL of a web server, `http` or `https`.

    Raises:
        SettingsError: it is none; the message says what it looks like.
    """
    try:
        return read_web_url(url, example)
    except UnreadableURLError as error:
        raise SettingsError(f"{redact(url)!r}: {error}") from None


def scheme_of(url: str) -> str:
    """Return the scheme of a store URL in lower case, e.g. `file` or `s3`."""
    return parse_url(url).scheme


def options_of(url: URL, known: Collection[str] | None = None) -> dict[str, str]:
    """Return the options of a URL, each of which may be given once.

    Args:
        url: of a store.
        known: the options that the store understands; all if None.

    Raises:
        SettingsError: an option is given twice, or is one that the store does not understand.
    """
    names = [name for name, _ in url.options]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"{url.shown!r} gives the option {', '.join(repeated)} more than once")
    if known is not None and (unknown := sorted(set(names) - set(known))):
        raise SettingsError(f"{url.shown!r} has unknown options {', '.join(unknown)}; known: {', '.join(known) or 'none'}")
    return dict(url.options)


def local_path(url: str) -> Path:
    """Return the absolute path of a URL that names a local file or folder: `file:///data/lake`, `duckdb:data/w.duckdb`.

    Raises:
        SettingsError: the URL names a host (`file://data/lake` would otherwise mean `/lake`), a user, options, or no path.
    """
    parts = parse_url(url)
    if parts.hosts not in ("", "localhost") or parts.has_credentials:
        raise SettingsError(
            f"{parts.shown!r} names a host, not a path of this machine; write {parts.scheme}:{parts.hosts}{parts.path} for a "
            f"relative path, {parts.scheme}:///{parts.hosts}{parts.path} for an absolute one"
        )
    if parts.options:
        raise SettingsError(f"{parts.shown!r} has options, which a path has not; percent-encode ? in a name as %3F")
    if not parts.path or "\0" in unquote(parts.path):
        raise SettingsError(f"{url!r} names no path; write {parts.scheme}:data/name or {parts.scheme}:///data/name")
    try:
        return Path(unquote(parts.path)).expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError(f"{url!r}: this machine does not know the home folder of that user") from error
