"""The URL of a database server: its parts, and what of it people may see."""

from __future__ import annotations

from urllib.parse import unquote

from mlops_assets.stores.urls import parse_url


def without_credentials(url: str) -> str:
    """Return scheme, host, port and path of a URL: no user, no password, no parameters, which may be secret as well."""
    return parse_url(url).address


def user_of(url: str) -> str | None:
    """Return the user whom a URL names, if any."""
    return parse_url(url).user


def password_of(url: str) -> str | None:
    """Return the password in a URL, if any."""
    return parse_url(url).password


def database_of(url: str) -> str | None:
    """Return the database that the path of a URL names, if any."""
    return unquote(parse_url(url).path.strip("/")) or None
