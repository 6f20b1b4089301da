"""The steps from an empty platform to the first scored playlists."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.orchestration.bootstrap import Bootstrap, BootstrapStep
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.sources.base import content_digest, playlist_key

if TYPE_CHECKING:
    from mlops_assets.song_preference.sources.base import PlaylistSource

_AT_ANY_TIME = datetime.max.replace(tzinfo=timezone.utc)
"""Songs bear no time: whichever champion there is may score them."""


def build_bootstrap(place: str) -> Bootstrap:
    """Return how the domain gets to work.

    Args:
        place: from where playlists are read, in a few words.
    """
    return Bootstrap(
        domain=DOMAIN,
        place=place,
        source_key="playlist_source",
        choose_last=lambda source, _now: last_playlist(source),
        has=lambda source, last, _now: last in playlist_keys(source),
        steps=bootstrap_steps,
        champion_key=_asset("preference_champion"),
        model_key=_asset("preference_model"),
    )


def playlist_keys(source: PlaylistSource) -> list[str]:
    """Return the keys of the playlists of a source by name of file, each content once; files that cannot be read have none."""
    keys: dict[str, str] = {}
    for file in source.files():
        try:
            body = source.read(file.name)
        except SourceError:
            continue
        keys.setdefault(content_digest(body), playlist_key(file.name, body))
    return list(keys.values())


def last_playlist(source: PlaylistSource) -> str:
    """Return the playlist with which the first ones end.

    Raises:
        NotEnoughDataError: there is none.
    """
    keys = playlist_keys(source)
    if not keys:
        raise NotEnoughDataError(f"{source.describe()}: there is no playlist yet; drop some with labels")
    return keys[-1]


def bootstrap_steps(source: PlaylistSource, last: str) -> list[BootstrapStep]:
    """Return the steps: register and read the playlists up to the last, train and promote a model, score the playlists."""
    keys = playlist_keys(source)
    playlists = tuple(keys[: keys.index(last) + 1])
    once = (last,)
    return [
        BootstrapStep(
            f"Register {len(playlists)} playlists", "register_playlists", playlists, _asset("playlists"), is_partitioned=False
        ),
        # One run each: a range of them would be one in the order in which they were registered, which may be another.
        *(BootstrapStep(f"Read {key}", "read_playlists", (key,), _asset("songs")) for key in playlists),
        BootstrapStep("Put the labelled songs together", "make_song_dataset", once, _asset("dataset"), is_partitioned=False),
        BootstrapStep(
            "Train and evaluate the model", "train_song_preference", once, _asset("preference_evaluation"), is_partitioned=False
        ),
        BootstrapStep(
            "Decide about the model",
            "train_song_preference",
            once,
            _asset("preference_champion"),
            only=(_asset("preference_champion"),),
        ),
        *(
            BootstrapStep(f"Score {key}", "score_playlists", (key,), _asset("preference_predictions"), scores_from=_AT_ANY_TIME)
            for key in playlists
        ),
    ]


def _asset(name: str) -> dg.AssetKey:
    return dg.AssetKey([DOMAIN, name])
