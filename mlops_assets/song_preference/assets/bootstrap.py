"""The steps from an empty platform to the first scored playlists."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from mlops_assets.errors import NotEnoughDataError, SourceError
from mlops_assets.orchestration.bootstrap import Bootstrap, BootstrapStep
from mlops_assets.orchestration.failures import error_context
from mlops_assets.song_preference import DOMAIN, defaults
from mlops_assets.song_preference.modelling.splitting import require_enough
from mlops_assets.song_preference.sources.base import content_digest, listener_of, playlist_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mlops_assets.song_preference.sources.base import PlaylistSource

_AT_ANY_TIME = datetime.max.replace(tzinfo=timezone.utc)
"""Songs bear no time: whichever champion there is may score them."""


def build_bootstrap(place: str, listeners: Collection[str]) -> Bootstrap:
    """Return how the domain gets to work.

    Args:
        place: from where playlists are read, in a few words.
        listeners: whose songs the model learns from; all if empty.
    """
    return Bootstrap(
        domain=DOMAIN,
        place=place,
        source_key="playlist_source",
        choose_last=lambda source, _now: last_of_first_playlists(source, listeners),
        has=lambda source, last, _now: last in playlist_keys(source),
        steps=bootstrap_steps,
        champion_key=_asset("preference_champion"),
        model_key=_asset("preference_model"),
    )


def playlist_keys(source: PlaylistSource) -> list[str]:
    """Return the keys of the playlists of a source by name of file, each content once; files that cannot be read have none."""
    return [key for key, _, _ in _playlists(source)]


def last_of_first_playlists(source: PlaylistSource, listeners: Collection[str]) -> str:
    """Return the last of the playlists that are there, if they have enough labelled songs to learn from.

    Raises:
        NotEnoughDataError: they have not.
    """
    from mlops_assets.song_preference.songs.dataset import build_dataset
    from mlops_assets.song_preference.songs.parsing import parse_playlist

    found = list(_playlists(source))
    if not found:
        raise NotEnoughDataError(f"{source.describe()}: there is no playlist yet; drop some with labels")
    songs = [parse_playlist(key, name, listener_of(name), body).songs for key, name, body in found]
    with error_context(source.describe()):
        require_enough(build_dataset(pd.concat(songs, ignore_index=True), listeners).songs, defaults.MINIMUM_SONGS)
    return found[-1][0]


def _playlists(source: PlaylistSource) -> Iterator[tuple[str, str, bytes]]:
    """Yield key, name and content of each playlist."""
    digests = set[str]()
    for file in source.files():
        try:
            body = source.read(file.name)
        except SourceError:
            continue
        if content_digest(body) not in digests:
            digests.add(content_digest(body))
            yield playlist_key(file.name, body), file.name, body


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
