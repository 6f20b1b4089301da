"""URLs of stores, sources and servers: one strict reader, and how people are shown them without what may be secret.

Whoever opens a URL reads it here, and so does whoever shows it: what can be opened can be redacted, and of a URL that cannot be
read nothing but its scheme is shown. Options are shown if they are known to be harmless, so that a new one is secret until somebody
says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
PATH_SCHEMES = frozenset({"file", "duckdb", "sqlite"})
"""Schemes that may do without `//`: what follows them is a path."""

_HIDDEN = "***"
_PUBLIC_OPTIONS = {
    *("endpoint", "region", "location", "project"),
    *("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert", "connect_timeout", "application_name"),
    *("read_timeout", "write_timeout", "local_infile", "ssl_ca", "ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"),
    *("security_protocol", "sasl_mechanism", "ssl_ca_location"),
    *("replicaset", "authsource", "authmechanism", "tls", "tlscafile", "directconnection", "readpreference", "retrywrites", "w"),
    *("$select", "$where", "$order", "$limit", "$offset", "limit", "offset", "page", "format"),
}
"""Of buckets and BigQuery, PostgreSQL, MySQL, Kafka, MongoDB, and of what portals and feeds are asked, in lower case."""

_URL_IN_TEXT = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:/)?/(?:(?<=://)[^\s/@:]*:[^\s/@]*(?: [^\s/@]+){1,3}@)?\S*")
"""Also one without scheme and host, as clients name what they asked a server for, and one with blanks in its password."""
_CREDENTIALS = re.compile(r"(://).*@", re.DOTALL)
_OPTION = re.compile(r"([?&;])([^=&;?]*)=([^&;]*)")
_CLOSING = "'\")]}>,;.:!"
_LONG_NAME = (
    r"[\w.$-]*(?:password|passwd|pwd|passphrase|secret|token|credential|signature|(?:api|access|account|private)[-_.]?key)[\w.-]*"
)
_NAME = rf"(?:{_LONG_NAME}|key|sig|auth)"
"""The short ones as whole names only: a `sort_key` is no secret."""
_VALUE = r"\*{3}(?=['\")\]}>.:!]*(?:[\s&;,]|$))|\"[^\"]*\"|'[^']*'|[^\s&;,]+"
"""What is hidden already keeps the punctuation after it."""
_PAIR = re.compile(rf"((?<![\w.$-]){_NAME}\s*=\s*)({_VALUE})", re.IGNORECASE)
_JSON_PAIR = re.compile(rf"(([\"']){_NAME}\2\s*:\s*)({_VALUE})", re.IGNORECASE)
_HEADER = re.compile(rf"((?<![\w.$-]){_LONG_NAME}:\s*)({_VALUE})", re.IGNORECASE)
"""Not after the short names, which sentences have before a colon, too."""
_LOGIN = re.compile(r"(?<![\w.+%*-])[\w.+%-]*:(?![/*])[^\s/@]+@(?=[\w\[*])")
"""User, password and the beginning of a host, without a scheme."""
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9+/._~=-]{8,}")


class UnreadableURLError(ValueError):
    """A text that is no URL, or one of which nobody can tell where its parts begin. The message holds nothing of it."""


@dataclass(frozen=True)
class URL:
    """The parts of a URL.

    Attributes:
        scheme: in lower case.
        hosts: what stands after `//` and the credentials: a host, `host:port`, several with commas, a bucket, a project.
        path: as it was written, percent-encoded.
        user: decoded; None if the URL names none.
        password: decoded; None if the URL holds none.
        options: name and decoded value of what follows `?`, in order.
        has_slashes: whether `//` follows the scheme, which a path may do without.
    """

    scheme: str
    hosts: str
    path: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    has_slashes: bool = field(default=True, repr=False, compare=False)

    @property
    def has_credentials(self) -> bool:
        """Whether there is a user or a password."""
        return self.user is not None or self.password is not None

    @property
    def address(self) -> str:
        """Scheme, hosts and path: no user, no password, no options."""
        return f"{self.scheme}:{self._slashes}{self.hosts}{self.path}".rstrip("/")

    @property
    def shown(self) -> str:
        """The URL for people: without user and password, and with values of harmless options only."""
        credentials = f"//{_HIDDEN}@" if self.has_credentials else self._slashes
        options = "&".join(f"{name}={_shown_value(name, value)}" for name, value in self.options)
        return f"{self.scheme}:{credentials}{self.hosts}{self.path}{'?' if options else ''}{options}"

    @property
    def _slashes(self) -> str:
        return "//" if self.hosts or self.scheme not in PATH_SCHEMES or self.has_slashes else ""


def read_url(text: str) -> URL:
    """Read a URL.

    Raises:
        UnreadableURLError: it has no scheme, or holds characters that have to be percent-encoded to tell its parts apart.
    """
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise UnreadableURLError("it has no scheme such as http: or file:")
    _require_encoded(text, is_path=scheme[1].lower() in PATH_SCHEMES)
    try:
        parts = urlsplit(text)
    except ValueError:
        # What Python says quotes a part of the URL.
        raise UnreadableURLError("percent-encode brackets and other special characters in user and password") from None
    credentials, at, hosts = parts.netloc.rpartition("@")
    rest = f"{parts.path}?{parts.query}" if parts.netloc else parts.query
    if "@" in credentials or "@" in rest:
        raise UnreadableURLError(
            "an @ stands where it may belong to a password; percent-encode special characters, for example / as %2F and @ as %40"
        )
    user, colon, password = credentials.partition(":")
    return URL(
        scheme=parts.scheme,
        hosts=hosts,
        path=parts.path,
        user=unquote(user) if at and user else None,
        password=unquote(password) if colon else None,
        options=tuple(_read_option(option) for option in parts.query.split("&")) if parts.query else (),
        has_slashes=text[len(scheme[0]) :].startswith("//"),
    )


def read_web_url(text: str, example: str) -> URL:
    """Read the URL of a web server, `http` or `https`.

    Raises:
        UnreadableURLError: it is none; the message says what it looks like.
    """
    try:
        parts = read_url(text)
    except UnreadableURLError as error:
        raise UnreadableURLError(f"it is not like {example}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hosts:
        raise UnreadableURLError(f"it is not like {example}")
    return parts


def read_tracking_uri(text: str) -> URL:
    """Read where MLflow keeps experiments and models: a database file of this machine, or a server.

    Raises:
        UnreadableURLError: it is neither.
    """
    parts = read_url(text)
    is_server = parts.scheme in ("http", "https") and bool(parts.hosts)
    if parts.options or not (is_server or text.startswith("sqlite:///")):
        raise UnreadableURLError("use sqlite:///path/to/file.db, http://… or https://…")
    return parts


def redact(text: str) -> str:
    """Return a URL fit for people, logs and metadata; of a text that cannot be read as a URL only its scheme."""
    try:
        return read_url(text).shown
    except UnreadableURLError:
        scheme = _SCHEME.match(text)
        return f"{scheme[1].lower()}:{_HIDDEN}" if scheme else _HIDDEN


def redact_text(text: str) -> str:
    """Return a text, such as what a client library complains of, without credentials.

    Hidden are users, passwords and all but harmless options of the URLs in it, what follows a name like `password=`
    or `password:`, and a user with a password before a host.
    """
    text = _URL_IN_TEXT.sub(lambda found: _redact_word(found[0]), text)
    text = _PAIR.sub(rf"\1{_HIDDEN}", text)
    text = _JSON_PAIR.sub(rf"\1{_HIDDEN}", text)
    text = _HEADER.sub(rf"\1{_HIDDEN}", text)
    text = _LOGIN.sub(f"{_HIDDEN}@", text)
    return _AUTHORIZATION.sub(rf"\1 {_HIDDEN}", text)


def _require_encoded(text: str, *, is_path: bool) -> None:
    if _CONTROL.search(text) or text != text.strip():
        raise UnreadableURLError("it begins or ends with a blank, or holds a control character")
    if "#" in text:
        raise UnreadableURLError("percent-encode # as %23; a part after # has no meaning here")
    if _BROKEN_ESCAPE.search(text):
        raise UnreadableURLError("percent-encode % as %25")
    if is_path:
        return
    if re.search(r"\s", text):
        raise UnreadableURLError("percent-encode blanks as %20")
    if not text.partition(":")[2].startswith("//"):
        raise UnreadableURLError("two slashes are missing after the colon, as in scheme://host")


def _read_option(option: str) -> tuple[str, str]:
    name, equals, value = option.partition("=")
    if not name or not equals:
        raise UnreadableURLError("an option after ? is not of the form name=value; percent-encode ? as %3F and & as %26")
    return unquote(name), unquote(value)


def _shown_value(name: str, value: str) -> str:
    if name.lower() not in _PUBLIC_OPTIONS:
        return _HIDDEN
    return redact(value) if _SCHEME.match(value) else value


def _redact_word(word: str) -> str:
    """Redact a URL in a text, whose end is the next blank; the punctuation before that stays."""
    url = word.rstrip(_CLOSING)
    shown = _CREDENTIALS.sub(rf"\1{_HIDDEN}@", url)
    shown = _OPTION.sub(lambda found: f"{found[1]}{found[2]}={_shown_value(unquote(found[2]), found[3])}", shown)
    return shown + word[len(url) :]
