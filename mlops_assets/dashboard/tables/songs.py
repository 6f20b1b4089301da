"""What the page of songs reads: the labelled songs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.dashboard.errors import NothingToShowError
from mlops_assets.dashboard.tables.partitions import read_from_lake
from mlops_assets.errors import MissingPartitionError
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.contracts import DATASET, FEATURE_NAMES

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.stores.registry import Stores


def read_songs(stores: Stores) -> pd.DataFrame:
    """Return a row for each labelled song: listener, title, artist, the features, and `is_liked`.

    Raises:
        NothingToShowError: no dataset has been made.
    """
    columns = ["listener", "title", "artist", *FEATURE_NAMES, "is_liked"]
    try:
        songs = read_from_lake(stores, DATASET, [None], columns)
    except MissingPartitionError:
        songs = None
    if songs is None or songs.empty:
        raise NothingToShowError("There are no labelled songs yet. To make them:", f"make demo ARGS={DOMAIN}")
    return songs
