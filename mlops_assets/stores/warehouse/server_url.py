"""The URL of a database server: its parts, and what of it people may see."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from mlops_assets.errors import SettingsError


def require_encoded_password(url: str) -> None:
    """Refuse a URL of which nobody can tell where the password ends.

    Raises:
        SettingsError: `/`, `?` or `#` stand before the `@`; nothing of the URL but its scheme is shown.
    """
    parts = urlsplit(url)
    if "@" not in parts.netloc and "@" in url:
        raise SettingsError(
            f"this {parts.scheme}: URL cannot be read; percent-encode special characters in user, password and parameters, "
            "for example / as %2F and @ as %40"
        )


def without_credentials(url: str) -> str:
    """Return scheme, host, port and path of a URL: no user, no password, no parameters, which may be secret as well."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def user_of(url: str) -> str | None:
    """Return the user whom a URL names, if any."""
    user = urlsplit(url).username
    return unquote(user) if user else None


def password_of(url: str) -> str | None:
    """Return the password in a URL, if any."""
    password = urlsplit(url).password
    return None if password is None else unquote(password)


def database_of(url: str) -> str | None:
    """Return the database that the path of a URL names, if any."""
    return unquote(urlsplit(url).path.strip("/")) or None
