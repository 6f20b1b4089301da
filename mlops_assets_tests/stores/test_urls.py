"""Store URLs: the scheme picks the implementation, `file:` names a path, what a store cannot express is refused."""

from pathlib import Path

import pytest

from mlops_assets.errors import SettingsError
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.urls import local_path, scheme_of
from mlops_assets.stores.warehouse import open_warehouse


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///data/lake", "/data/lake"),
        ("file:/data/lake", "/data/lake"),
        ("file://localhost/data/lake", "/data/lake"),
        ("file:///my%20data/100%25", "/my data/100%"),
        ("duckdb:/data/w.duckdb", "/data/w.duckdb"),
    ],
)
def test_absolute_path(url: str, path: str) -> None:
    """All spellings of an absolute path are understood."""
    assert local_path(url) == Path(path)


def test_relative_path_and_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path without a leading slash begins in the current directory, `~` in the home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert local_path("file:data/lake") == tmp_path / "data/lake"
    assert local_path("file:~/lake") == Path("/home/somebody/lake")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (
            "file://data/lake",
            "names a host, .* write file:data/lake for a relative path, file:///data/lake for an absolute one",
        ),
        ("duckdb://me:hunter2@/w.duckdb", "names a host"),
        ("file:data/lake?mode=ro", r"has options, which a path has not; percent-encode \? in a name as %3F"),
        ("file:///data/lake#today", "percent-encode # as %23"),
        ("sqlite:data/100%.db", "percent-encode % as %25"),
        ("file:", "names no path; write file:data/name"),
        ("file:data/%00", "names no path"),
        ("file:~nobody-at-all/lake", "does not know the home folder"),
    ],
)
def test_what_a_path_cannot_be_is_refused(url: str, complaint: str) -> None:
    """Nothing of a URL is dropped: `file://data/lake` would mean `/lake` on the host `data`, and a `?` end the name of a folder."""
    with pytest.raises(SettingsError, match=complaint) as caught:
        local_path(url)
    assert "hunter2" not in str(caught.value)


def test_scheme() -> None:
    """Schemes are compared in lower case; a bare path has none."""
    assert scheme_of("S3://bucket/lake") == "s3"
    with pytest.raises(SettingsError, match=r"'\*\*\*' is not a URL: it has no scheme"):
        scheme_of("data/lake")


@pytest.mark.parametrize("open_store", [open_object_storage, open_warehouse])
def test_unknown_scheme_lists_the_known_ones_and_no_password(open_store: object) -> None:
    """A URL that nothing understands fails at once."""
    assert callable(open_store)
    with pytest.raises(SettingsError, match=r"'ftp://\*\*\*@host/x'; known schemes: \w+:"):
        open_store("ftp://user:hunter2@host/x")
