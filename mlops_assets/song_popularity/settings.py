"""Settings of this domain, read from `MLOPS_SONG_POPULARITY_*`."""

from typing import ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from mlops_assets.environment_settings import SourceSettings
from mlops_assets.song_popularity import defaults


class SongPopularitySettings(SourceSettings):
    """Where events come from when `mlops-assets produce` sends them, the topic they are in, and stores of its own.

    Attributes:
        topic: of the event log, in which the domain's events are.
        topic_partitions: of a topic that does not exist yet.
        spotify_client_id: for live: of the app that is registered with Spotify.
        spotify_client_secret: for live: its secret.
        spotify_api_url: for live: where the Web API is, if it is reached by another address.
        spotify_accounts_url: for live: where its tokens come from.
        minimum_accuracy: a model below does not challenge the champion.
        minimum_macro_f1: likewise.
        retrain_below_accuracy: a day whose predictions were right less often makes the model be trained again.
        predict_with: who predicts events: the champion's bundle, loaded here, or an endpoint of Vertex AI.
        vertex_project: project of Google Cloud, for Vertex AI.
        vertex_region: region of Vertex AI.
        vertex_bucket: folder of a bucket for the files of pipelines and for bundles, `gs://bucket/folder`.
        vertex_service_account: as which pipelines and containers run; Vertex AI's own if not set.
        vertex_image: the platform's image in Artifact Registry, which pipelines run.
        vertex_serving_image: the serving image there, which endpoints run.
        vertex_endpoint: id or full name of the endpoint that predicts.
        vertex_api_endpoint: URL of Vertex AI's API, if it is not Google's of the region.
    """

    export_name: ClassVar = "recorded events"
    sample_name: ClassVar = "a simulated world of tracks"
    model_config = SettingsConfigDict(env_prefix="MLOPS_SONG_POPULARITY_")

    source: Literal["sample", "export", "live"] = "sample"
    sample_seed: int = Field(default=20250601, ge=0)
    topic: str = Field(default=defaults.TOPIC, pattern=r"[a-zA-Z0-9._-]{1,249}")
    topic_partitions: int = Field(default=defaults.TOPIC_PARTITIONS, ge=1, le=1000)
    spotify_client_id: str | None = None
    spotify_client_secret: SecretStr | None = Field(default=None, repr=False)
    spotify_api_url: str = "https://api.spotify.com/v1"
    spotify_accounts_url: str = "https://accounts.spotify.com"
    minimum_accuracy: float = Field(default=defaults.MINIMUM_ACCURACY, ge=0, le=1)
    minimum_macro_f1: float = Field(default=defaults.MINIMUM_MACRO_F1, ge=0, le=1)
    retrain_below_accuracy: float = Field(default=defaults.RETRAIN_BELOW_ACCURACY, ge=0, le=1)
    predict_with: Literal["bundle", "vertex"] = "bundle"
    vertex_project: str | None = None
    vertex_region: str = Field(default=defaults.VERTEX_REGION, pattern=r"[a-z]+-[a-z]+[0-9]+")
    vertex_bucket: str | None = Field(default=None, pattern=r"gs://[^?#\s]+")
    vertex_service_account: str | None = None
    vertex_image: str | None = None
    vertex_serving_image: str | None = None
    vertex_endpoint: str | None = None
    vertex_api_endpoint: str | None = Field(default=None, pattern=r"https?://[^/\s]+")

    def describe_live(self) -> str:
        """Say who is asked."""
        return "Spotify's Web API"


SETTINGS = SongPopularitySettings
