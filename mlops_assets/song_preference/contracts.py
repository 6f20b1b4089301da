"""The contracts of this domain's data tables: songs of a playlist, the records that are none, and the registered dataset."""

from mlops_assets.audio_features import AUDIO_FEATURES
from mlops_assets.contracts import Column, TableContract
from mlops_assets.song_preference import DOMAIN

REJECT_REASONS = ("unreadable_file", "malformed_record", "missing_value", "unreadable_value", "out_of_range", "duplicate")

PLAYLIST_KEY = Column("playlist_key", "string", "Which playlist: its file's name and the beginning of its content's SHA-256.")
SONG_KEY = Column(
    "song_key",
    "string",
    "Identifies a song by what is measured of it: the same in every file and layout, whether or not the file has Spotify's id.",
    pattern="[0-9a-f]{16}",
)
_LISTENER = Column("listener", "string", "Whose playlist it is: the folder in which the file was dropped, or `somebody`.")


FEATURE_NAMES = tuple(column.name for column in AUDIO_FEATURES)

_IS_LIKED = Column("is_liked", "bool", "Whether the listener likes the song; empty in a playlist without labels.", nullable=True)
_TITLE = Column("title", "string", "Title, where the file gives it.", nullable=True)
_ARTIST = Column("artist", "string", "Artist, where the file gives it.", nullable=True)

SONGS = TableContract(
    domain=DOMAIN,
    name="songs",
    description="One row per song of a playlist, typed and checked, whatever the layout of the file; exact duplicates once.",
    columns=(
        PLAYLIST_KEY,
        Column("position", "int32", "Number of the record in its file, from 0.", minimum=0),
        _LISTENER,
        SONG_KEY,
        Column("spotify_id", "string", "Spotify's id of the track, where the file gives it.", nullable=True),
        _TITLE,
        _ARTIST,
        *AUDIO_FEATURES,
        _IS_LIKED,
    ),
    key=("playlist_key", "position"),
)

REJECTED_SONGS = TableContract(
    domain=DOMAIN,
    name="rejected_songs",
    description="One row per record of a playlist that did not become a row of `songs`, with the reason and the record as it was; "
    "of a file that cannot be read at all, one row with its beginning.",
    columns=(
        PLAYLIST_KEY,
        Column("position", "int32", "Number of the record in its file, from 0.", minimum=0),
        Column("reason_code", "string", "Kind of reason.", allowed=REJECT_REASONS),
        Column("reason", "string", "The reason in words, naming the column and the value."),
        Column("raw_text", "string", "The record as JSON, with the titles of its file."),
    ),
    key=("playlist_key", "position"),
)

DATASET = TableContract(
    domain=DOMAIN,
    name="dataset",
    description="One row per song that the chosen listeners labelled, and labelled alike wherever it occurs.",
    columns=(
        SONG_KEY,
        Column("group_key", "string", "The same for songs that are near-duplicates, such as two releases of one recording."),
        _LISTENER,
        _TITLE,
        _ARTIST,
        *AUDIO_FEATURES,
        Column("is_liked", "bool", "Whether the listener likes the song: what the model predicts."),
    ),
    key=("listener", "song_key"),
)

CONFLICTING_SONGS = TableContract(
    domain=DOMAIN,
    name="conflicting_songs",
    description="One row per record of a song that one listener labelled both ways; no one guesses the right one: none is used.",
    columns=(
        _LISTENER,
        SONG_KEY,
        PLAYLIST_KEY,
        Column("position", "int32", "Number of the record in its file, from 0.", minimum=0),
        _TITLE,
        _ARTIST,
        Column("is_liked", "bool", "What this record says."),
    ),
    key=("listener", "song_key", "playlist_key", "position"),
)

DATA_INFO = TableContract(
    domain=DOMAIN,
    name="data_info",
    description="One row per column of `dataset` that a model may learn from, and one for the label: what its values are like.",
    columns=(
        Column("column_name", "string", "The column."),
        Column("value_count", "int64", "Songs that have a value.", minimum=0),
        Column("missing_count", "int64", "Songs without one.", minimum=0),
        Column("mean", "float64", "Mean of the values; of the label, the share of liked songs.", nullable=True),
        Column("standard_deviation", "float64", "Standard deviation of the values (sample).", nullable=True, minimum=0),
        Column("minimum", "float64", "Smallest value.", nullable=True),
        Column("maximum", "float64", "Largest value.", nullable=True),
        Column("content_hash", "string", "SHA-256 of the whole dataset: equal data, equal hash.", pattern="[0-9a-f]{64}"),
    ),
    key=("column_name",),
)

DATA_CONTRACTS = (SONGS, REJECTED_SONGS, DATASET, CONFLICTING_SONGS, DATA_INFO)
