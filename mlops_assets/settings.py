"""All settings of the platform, read from the environment and `.env`. A wrong value fails at start and names the legal ones."""

from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mlops_assets.chicago_crimes.settings import ChicagoCrimesSettings
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings


class Settings(BaseSettings):
    """Stores, automation and alerts. Every store is a URL; the defaults keep everything below `data_dir`.

    Attributes:
        data_dir: folder of the embedded stores and of Dagster's own records.
        lake_url: where tables and fitted objects are kept as one object per partition.
        warehouse_url: where tables for people and dashboards are kept.
        documents_url: where raw JSON documents are kept.
        events_url: the log in which events arrive.
        mlflow_tracking_uri: MLflow server or database with experiments and the model registry (`MLFLOW_TRACKING_URI`).
        mlflow_ui_url: where people open MLflow; links in the UI point there.
        automation: `on` starts schedules, sensors and automation conditions with the daemon; `off` leaves that to the UI.
        intermediate_days: how long a bucket keeps intermediate tables that can be made again, such as training windows.
        alert_webhook_url: a URL that gets a JSON message for every failed run; it may contain a secret.
    """

    model_config = SettingsConfigDict(env_prefix="MLOPS_", env_file=".env", env_ignore_empty=True, extra="ignore")

    data_dir: Path = Path("data")
    # A URL of a store may hold a password; repr() ends up in logs and error messages.
    lake_url: str = Field(default="", repr=False)
    warehouse_url: str = Field(default="", repr=False)
    documents_url: str = Field(default="", repr=False)
    events_url: str = Field(default="", repr=False)
    mlflow_tracking_uri: str = Field(
        default="",
        repr=False,
        validation_alias=AliasChoices("MLFLOW_TRACKING_URI", "MLOPS_MLFLOW_TRACKING_URI", "mlflow_tracking_uri"),
    )
    mlflow_ui_url: str = "http://127.0.0.1:5000"
    automation: Literal["on", "off"] = "off"
    intermediate_days: int = Field(default=60, ge=1)
    alert_webhook_url: SecretStr | None = None
    chicago_crimes: ChicagoCrimesSettings = Field(default_factory=ChicagoCrimesSettings)
    donostia_parking: DonostiaParkingSettings = Field(default_factory=DonostiaParkingSettings)

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        """Make the folder independent of the directory in which a later process happens to run."""
        return path.expanduser().absolute()

    @property
    def is_automatic(self) -> bool:
        """Whether schedules and sensors start with the daemon."""
        return self.automation == "on"

    def by_domain(self) -> dict[str, BaseSettings]:
        """Return each domain's own settings, by domain."""
        return {"chicago_crimes": self.chicago_crimes, "donostia_parking": self.donostia_parking}

    def model_post_init(self, _context: object) -> None:
        """Derive the embedded stores from the data directory where no URL is given."""
        self.lake_url = self.lake_url or f"file:{quote(str(self.data_dir / 'lake'))}"
        self.warehouse_url = self.warehouse_url or f"duckdb:{quote(str(self.data_dir / 'warehouse.duckdb'))}"
        self.documents_url = self.documents_url or f"sqlite:{quote(str(self.data_dir / 'documents.db'))}"
        self.events_url = self.events_url or f"file:{quote(str(self.data_dir / 'events'))}"
        self.mlflow_tracking_uri = self.mlflow_tracking_uri or f"sqlite:///{self.data_dir / 'mlflow' / 'mlflow.db'}"
