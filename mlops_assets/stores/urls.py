"""Store URLs: read their scheme, turn `file:` into a path, show them without their password."""

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from mlops_assets.errors import SettingsError


def scheme_of(url: str) -> str:
    """Return the scheme of a store URL in lower case, e.g. `file` or `s3`."""
    scheme, separator, _ = url.partition(":")
    if not separator or not scheme:
        raise SettingsError(f"{redact(url)!r} is not a store URL: it has no scheme such as file: or duckdb:")
    return scheme.lower()


def local_path(url: str) -> Path:
    """Return the absolute path of a URL that names a local file or folder: `file:///data/lake`, `duckdb:data/w.duckdb`.

    Raises:
        SettingsError: the URL names a host; `file://data/lake` would otherwise mean `/lake`.
    """
    _, _, rest = url.partition(":")
    if rest.startswith("//"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise SettingsError(
                f"{redact(url)!r} names a host, not a path of this machine; write {parts.scheme}:{parts.netloc}{parts.path} for a "
                f"relative path, {parts.scheme}:///{parts.netloc}{parts.path} for an absolute one"
            )
        rest = parts.path
    return Path(unquote(rest)).expanduser().absolute()


def redact(url: str) -> str:
    """Return a URL with its password replaced, fit for logs and error messages."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))
