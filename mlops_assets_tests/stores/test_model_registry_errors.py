"""What the model registry says when MLflow is unreachable, busy, locked, or something else."""

import shutil
from pathlib import Path

import pytest

from mlops_assets.errors import PermanentError, SettingsError, TransientError
from mlops_assets.stores.models import connection as connection_module
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.connection import Connection
from mlops_assets_tests.services.answering_server import answering_server


class TestErrors:
    """What may be tried again and what not, and never a password in a message."""

    @pytest.fixture(autouse=True)
    def _no_retries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
            monkeypatch.setenv(name, "")

    def test_unreachable_server_is_transient(self, tmp_path: Path) -> None:
        """A refused connection may be over soon; the message names the server without the password."""
        registry = open_model_registry("http://joe:s3cret@127.0.0.1:1", tmp_path)
        with pytest.raises(TransientError, match=r"list the versions of m in MLflow at http://127\.0\.0\.1:1") as caught:
            registry.versions("m")
        assert "s3cret" not in _whole_text(caught.value)

    @pytest.mark.parametrize(("status", "error"), [(500, TransientError), (503, TransientError), (429, TransientError)])
    def test_busy_server_is_transient(self, tmp_path: Path, status: int, error: type[Exception]) -> None:
        """A server's own failures may be over soon."""
        with answering_server(status) as uri, pytest.raises(error, match=str(status)):
            open_model_registry(uri, tmp_path).versions("m")

    @pytest.mark.parametrize("status", [401, 403])
    def test_refused_credentials_are_permanent(self, tmp_path: Path, status: int) -> None:
        """Wrong credentials stay wrong; those of the URI were sent, and are not repeated."""
        seen: list[str | None] = []
        with answering_server(status, credentials_seen=seen) as uri:
            with pytest.raises(PermanentError) as caught:
                open_model_registry(uri.replace("http://", "http://joe:s3cret@"), tmp_path).versions("m")
            assert seen == ["Basic am9lOnMzY3JldA=="], "joe:s3cret in base 64"
        assert "s3cret" not in _whole_text(caught.value)

    def test_other_scheme_is_a_settings_error(self, tmp_path: Path) -> None:
        """A URI that nothing understands is refused with the legal ones, and without its password."""
        with pytest.raises(SettingsError, match=r"postgresql://\*\*\*@host.*use sqlite:///") as caught:
            open_model_registry("postgresql://joe:s3cret@host/db", tmp_path)
        assert "s3cret" not in str(caught.value)

    def test_other_file_in_place_of_the_database_is_refused_at_once(self, tmp_path: Path) -> None:
        """A file that is no SQLite database is named, instead of being tried for a minute."""
        (tmp_path / "mlflow.db").write_text("not a database")
        with pytest.raises(PermanentError, match=r"mlflow\.db.* is not a SQLite file"):
            open_model_registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path).prepare()

    def test_database_of_another_mlflow_says_how_to_upgrade(self, tmp_path: Path, mlflow_database: Path) -> None:
        """A database of an older MLflow is left alone, with the command that upgrades it."""
        import sqlite3

        shutil.copy(mlflow_database, tmp_path / "mlflow.db")
        connection = sqlite3.connect(tmp_path / "mlflow.db")
        with connection:
            connection.execute("UPDATE alembic_version SET version_num = 'older'")
        connection.close()
        with pytest.raises(PermanentError, match="mlflow db upgrade"):
            open_model_registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path).prepare()

    def test_held_lock_is_transient(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who waits too long for another writer is told which lock it holds."""
        monkeypatch.setattr(connection_module, "_LOCK_TIMEOUT_S", 0.05)
        uri = f"sqlite:///{tmp_path}/mlflow.db"
        with (
            Connection(uri, tmp_path).exclusive(),
            pytest.raises(TransientError, match=r"mlflow\.db\.lock"),
        ):
            open_model_registry(uri, tmp_path).prepare()


def _whole_text(error: BaseException) -> str:
    """Return the messages of an error and of all errors behind it."""
    behind = error.__cause__ or error.__context__
    return f"{error} {'' if behind is None else _whole_text(behind)}"
