"""Store URLs: read their scheme, turn `file:` into a path, show them without their password."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_assets.errors import SettingsError

# Up to the last @, for a password may hold a / or an @ that nobody encoded.
_PASSWORD = re.compile(r"^([a-z][a-z0-9+.-]*://[^:/?#@]*):.*@", re.IGNORECASE | re.DOTALL)
_SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:password|passwd|pwd|secret|token)[^=&]*=)[^&#]*", re.IGNORECASE)


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
    """Return a URL with its password replaced, fit for logs and error messages.

    A password that should have been percent-encoded and is not, and one that stands among the parameters, are replaced too.
    """
    return _SECRET_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))
