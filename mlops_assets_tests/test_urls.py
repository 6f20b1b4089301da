"""URLs are read strictly, and shown without what may be secret: a password, a key among the options, anything not understood."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import PlatformError, StoreUnavailableError
from mlops_assets.urls import URL, UnreadableURLError, read_url, redact, redact_text

CANARY = "hunter2"
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_.-", min_size=1, max_size=12)
NO_BLANKS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)


@given(ANY_TEXT, ANY_TEXT, st.dictionaries(ANY_TEXT.filter(bool), ANY_TEXT))
def test_whatever_is_encoded_comes_back(user: str, password: str, options: dict[str, str]) -> None:
    """User, password and options may hold any character, once it is percent-encoded."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in options.items())
    read = read_url(f"kafka://{quote(user, safe='')}:{quote(password, safe='')}@a:1,b:2/x{'?' if query else ''}{query}")
    assert read == URL("kafka", "a:1,b:2", "/x", user or None, password, tuple(options.items()))


@given(NO_BLANKS, NO_BLANKS, st.sampled_from(["postgresql", "mongodb+srv", "https", "s3"]))
def test_password_that_nobody_encoded_is_not_shown(before: str, after: str, scheme: str) -> None:
    """Whatever characters surround a password, neither a URL nor a text that quotes it shows the password."""
    url = f"{scheme}://user:{before}{CANARY}{after}@host:1/path?sslmode=require"
    assert CANARY not in redact(url)
    assert CANARY not in redact_text(f"cannot open {url}: refused")
    assert CANARY not in redact_text(f"cannot open {url!r}, refused")


@given(NAMES, NO_BLANKS.map(lambda text: text.replace("&", "").replace(";", "")))
def test_options_are_secret_unless_they_are_known(name: str, value: str) -> None:
    """An option that nobody has called harmless is hidden, whatever it is called."""
    url = f"https://host/path?x{name}={CANARY}{value}&sslmode=require"
    assert CANARY not in redact(url)
    assert CANARY not in redact_text(f"cannot open {url}: refused")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:hunter2@host:5432/db?sslmode=require", "postgresql://***@host:5432/db?sslmode=require"),
        ("postgresql://user:hun%40ter2@host/db", "postgresql://***@host/db"),
        ("postgresql://user@host/db", "postgresql://***@host/db"),
        ("postgresql:///db?host=/run&password=hunter2", "postgresql:///db?host=/run&password=***"),
        ("redis://:hunter2@host", "redis://***@host"),
        ("mongodb://u:hunter2@a:1,b:2/db?replicaSet=rs&tlsCertificateKeyFilePassword=x", None),
        ("file:data/me@home", "file:data/me@home"),
        ("s3://bucket/prefix?endpoint=http://minio:9000", "s3://bucket/prefix?endpoint=http://minio:9000"),
        ("s3://bucket?endpoint=http://me:hunter2%40minio", "s3://bucket?endpoint=http://***@minio"),
        ("https://host/path?sig=hunter2&limit=5", "https://host/path?sig=***&limit=5"),
        # Nobody can tell what these mean.
        ("postgresql://me@company.com:hunter2@host/db", "postgresql:***"),
        ("postgresql://user:pa/ss@word@host/db", "postgresql:***"),
        ("s3://key:hun/ter2@bucket", "s3:***"),
        ("postgresql://user:[hunter2@host/db", "postgresql:***"),
        ("postgresql:user:hunter2@host/db", "postgresql:***"),
        ("https://host/path?hunter2", "https:***"),
        ("https://host/path?a=b#hunter2", "https:***"),
        ("host=db user=me password=hunter2", "***"),
        ("", "***"),
    ],
)
def test_what_people_see_of_a_url(url: str, shown: str | None) -> None:
    """Hosts, path and harmless options stay readable; of a URL that cannot be read, only the scheme is shown."""
    assert redact(url) == (shown or "mongodb://***@a:1,b:2/db?replicaSet=rs&tlsCertificateKeyFilePassword=***")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no route to postgresql://me:hunter2@db/x.", "no route to postgresql://***@db/x."),
        ("('https://a/b?sig=hunter2', 1)", "('https://a/b?sig=***', 1)"),
        (
            "Max retries exceeded with url: /v1?key=hunter2&page=2 (Caused by)",
            "Max retries exceeded with url: /v1?key=***&page=2 (Caused by)",
        ),
        ("host=db password='hun ter2' user=me", "host=db password=*** user=me"),
        ("sasl.password = hunter2, acks=1", "sasl.password = ***, acks=1"),
        ('{"api_key": "hunter2", "page": 2}', '{"api_key": ***, "page": 2}'),
        ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer ***"),
        ("key=hunter2, sig = hunter2 & auth='hunter2'", "key=***, sig = *** & auth=***"),
        ('{"sig": "hunter2", "limit": 2}', '{"sig": ***, "limit": 2}'),
        ("password: hunter2; X-App-Token: hunter2", "password: ***; X-App-Token: ***"),
        ("cannot reach u:hunter2@host:3306 (111)", "cannot reach ***@host:3306 (111)"),
        ("cannot open http://u:hunter2 hunter2@h/x now", "cannot open http://***@h/x now"),
        ("ask me@example.org: the key: crime_id, sort_key=a", "ask me@example.org: the key: crime_id, sort_key=a"),
        ("see http://host/a and mail me@example.org at 12:30", "see http://host/a and mail me@example.org at 12:30"),
        ("check the user and the password in the URL", "check the user and the password in the URL"),
        ("/data/lake is full; 3 of 5 rows: a=b", "/data/lake is full; 3 of 5 rows: a=b"),
    ],
)
def test_credentials_are_taken_out_of_what_libraries_say(text: str, shown: str) -> None:
    """Drivers, HTTP clients and servers quote URLs, parameters and headers; the rest of the sentence stays."""
    assert redact_text(text) == shown


@given(
    st.sampled_from(["key=", "sig = ", "auth=", "password: ", "X-App-Token: ", "secret:", '"auth": "', "me:"]),
    st.text("abcXYZ0123456789-_.+!$%", max_size=8),
    st.sampled_from(["", " ago", ", page 2"]),
)
def test_secret_is_hidden_in_whatever_form_it_is_named(before: str, value: str, after: str) -> None:
    """A parameter, a header, a member of JSON or a login without a scheme: the value is gone, and what follows stays."""
    end = '"' if before.endswith('"') else "@host" if before == "me:" else ""
    shown = redact_text(f"refused {before}{CANARY}{value}{end}{after}")
    assert CANARY not in shown
    assert shown.startswith("refused ")
    assert shown.endswith(after)


@given(NAMES, st.sampled_from(["postgresql", "https"]))
def test_redacted_text_stays_as_it_is(name: str, scheme: str) -> None:
    """An error that quotes an error is redacted twice."""
    once = redact_text(f"{name}: password: {CANARY} at {scheme}://me:{CANARY}@host and u:{CANARY}@host:1, key={CANARY}")
    assert CANARY not in once
    assert redact_text(once) == once


@pytest.mark.parametrize("url", ["postgresql://u:[x@h/db", "https://h/a b", "https://h/%zz", "s3://h?a", "s3://h ", "s3://h\n"])
def test_complaint_holds_nothing_of_the_url(url: str) -> None:
    """The reason says what to encode, and quotes nothing."""
    with pytest.raises(UnreadableURLError, match=r"percent-encode|begins or ends with a blank"):
        read_url(url)


def test_errors_of_the_platform_hold_no_credentials() -> None:
    """Whoever raises one may quote what a client said; logs, records and alerts get it without passwords."""
    error = StoreUnavailableError("lost postgresql://me:hunter2@db/x?application_name=a")
    assert str(error) == "lost postgresql://***@db/x?application_name=a"
    assert CANARY not in repr(error)
    assert str(type(error)(f"weather/readings: {error}")) == f"weather/readings: {error}"
    assert str(PlatformError()) == ""


@pytest.mark.parametrize("url", ["sqlite:////data/m.db", "sqlite:///m.db", "file:/data/lake", "file:lake", "duckdb:w.duckdb"])
def test_path_is_shown_as_it_is_opened(url: str) -> None:
    """Who copies the address of a file finds the same file."""
    assert redact(url) == url
