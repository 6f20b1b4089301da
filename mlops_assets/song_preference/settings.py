"""Settings of this domain, read from `MLOPS_SONG_PREFERENCE_*`."""

from typing import ClassVar, Literal

from pydantic_settings import SettingsConfigDict

from mlops_assets.environment_settings import SourceSettings


class SongPreferenceSettings(SourceSettings):
    """Where playlists come from (simulated listeners, a folder, or the lake's inbox), and stores of its own.

    Attributes:
        listeners: whose labelled songs the model learns from; all if empty. A listener is the folder in which a file lies.
    """

    export_name: ClassVar = "playlists"
    sample_name: ClassVar = "simulated listeners"
    model_config = SettingsConfigDict(env_prefix="MLOPS_SONG_PREFERENCE_")

    source: Literal["sample", "export", "inbox"] = "sample"
    sample_seed: int = 20250301
    listeners: tuple[str, ...] = ()

    def describe_live(self) -> str:
        """Say which folder is watched."""
        return "the inbox of the lake"


SETTINGS = SongPreferenceSettings
