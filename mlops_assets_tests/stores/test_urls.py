"""Store URLs: the scheme picks the implementation, `file:` names a path, passwords are never shown."""

from pathlib import Path

import pytest

from mlops_assets.errors import SettingsError
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.stores.urls import local_path, redact, scheme_of
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


def test_host_is_not_taken_for_a_folder() -> None:
    """`file://data/lake` would mean `/lake` on the host `data`; the error says how to write what was meant."""
    with pytest.raises(SettingsError, match=r"write file:data/lake for a relative path, file:///data/lake for an absolute one"):
        local_path("file://data/lake")


def test_scheme() -> None:
    """Schemes are compared in lower case; a bare path has none."""
    assert scheme_of("S3://bucket/lake") == "s3"
    with pytest.raises(SettingsError, match="'data/lake' is not a store URL: it has no scheme"):
        scheme_of("data/lake")


@pytest.mark.parametrize("open_store", [open_object_storage, open_warehouse])
def test_unknown_scheme_lists_the_known_ones_and_no_password(open_store: object) -> None:
    """A URL that nothing understands fails at once."""
    assert callable(open_store)
    with pytest.raises(SettingsError, match=r"'ftp://user:\*\*\*@host/x'; known schemes: \w+:"):
        open_store("ftp://user:hunter2@host/x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:hunter2@host:5432/db?sslmode=require", "postgresql://user:***@host:5432/db?sslmode=require"),
        ("postgresql://user:hun%40ter2@host/db", "postgresql://user:***@host/db"),
        ("redis://:hunter2@host", "redis://:***@host"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("file:data/lake", "file:data/lake"),
        ("postgresql://user:pa/ss@word@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user@host/db?password=secret&sslmode=require", "postgresql://user@host/db?password=***&sslmode=require"),
        ("s3://bucket/prefix?endpoint=http://minio:9000", "s3://bucket/prefix?endpoint=http://minio:9000"),
    ],
)
def test_password_is_redacted(url: str, shown: str) -> None:
    """Everything but the password stays readable."""
    assert redact(url) == shown
