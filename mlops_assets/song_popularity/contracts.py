"""The contracts of this domain's data tables: events of the stream, what did not become one, tracks, and recorded history."""

from dataclasses import replace

from mlops_assets import audio_features
from mlops_assets.contracts import Column, DocumentContract, TableContract
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.streams.dead_letters import dead_letters_contract
from mlops_assets.streams.health import stream_health_contract

EVENT_TYPES = ("new_release", "recommendation", "search_result")
"""Kinds of events that are known; a new kind is kept, and flagged."""

EVENT_REASONS = ("missing_field", "wrong_type", "out_of_range", "impossible_time", "duplicate")
"""Why a message that is a JSON object is no event."""

POPULARITY_LEVELS = ("low", "medium", "high")
"""Below 40, below 70, and from 70 on: the original's three classes."""

ORIGINAL_LEVELS = {"low": "Baja", "medium": "Media", "high": "Alta"}
"""The classes under the original's names, which its dashboards show."""

_TRACK_ID = Column("track_id", "string", "Spotify's id of the track.", pattern=r"\S{1,100}")
_TRACK_NAME = Column("track_name", "string", "Name of the track.", nullable=True)
_ARTIST = Column("artist", "string", "Name of the first artist.", nullable=True)
_ALBUM = Column("album", "string", "Name of the album.", nullable=True)
_POPULARITY = Column(
    "popularity",
    "int32",
    "Spotify's popularity of the track; empty if unknown, which is not 0.",
    nullable=True,
    minimum=0,
    maximum=100,
)


AUDIO_FEATURES = tuple(column for column in audio_features.AUDIO_FEATURES if column.name != "time_signature")
"""What Spotify measures of a song, where an event or a recording brings it; recordings do not have the beats in a bar."""

AUDIO_NAMES = tuple(column.name for column in AUDIO_FEATURES)

_RELEASE_DATE = Column(
    "album_release_date",
    "date",
    "When the album came out; the first day of a month or year of which no day is known.",
    nullable=True,
)
_GENRE = Column("genre", "string", "Genre, where an event or a recording brings it.", nullable=True)

_QUERY = Column(
    "query", "string", "What was searched for, or the playlist on which the track was found; empty if neither.", nullable=True
)

_EVENT_TYPE = Column(
    "event_type", "string", "What Spotify was asked: new_release, recommendation, search_result, or a kind not known yet.",
    pattern=r"[a-z][a-z0-9_]{0,39}",
)  # fmt: skip
_COUNTRY = Column("country", "string", "Country of the market, as two letters (ISO 3166).", pattern=r"[A-Z]{2}")

EVENTS = TableContract(
    domain=DOMAIN,
    name="events",
    description="One row per event of the stream that happened on the day (UTC), whatever was delivered again, typed and checked.",
    columns=(
        Column(
            "event_id",
            "string",
            "Digest of all that the event says: the same however often it is delivered.",
            pattern="[0-9a-f]{32}",
        ),
        Column("event_at", "timestamp", "When the event happened, by its producer."),
        _TRACK_ID,
        _TRACK_NAME,
        _ARTIST,
        _ALBUM,
        _POPULARITY,
        _EVENT_TYPE,
        _QUERY,
        _COUNTRY,
        _RELEASE_DATE,
        _GENRE,
        *AUDIO_FEATURES,
        Column("unknown_values", "string", "Which of event_type and country nobody has seen before; empty if none.", nullable=True),
        Column("landed_at", "timestamp", "When the event landed."),
        Column("log_partition", "int32", "Partition of the log that holds its first delivery.", minimum=0),
        Column("log_offset", "int64", "Offset of its first delivery.", minimum=0),
    ),
    key=("event_id",),
)

REJECTED_EVENTS = dead_letters_contract(DOMAIN, "rejected_events", EVENT_REASONS, "events")

_EVENT_DATE = Column("event_date", "date", "Day in UTC on which the event happened: the partition.")
_HOUR_OF_DAY = Column("hour_of_day", "int32", "Hour of the event, UTC.", minimum=0, maximum=23)

SPOTIFY_EVENTS = TableContract(
    domain=DOMAIN,
    name="spotify_events",
    description="The events as the original's tables name them, for dashboards and SQL: one row per event.",
    columns=(
        _EVENT_DATE,
        EVENTS.column("event_id"),
        Column("event_timestamp", "timestamp", "When the event happened."),
        _HOUR_OF_DAY,
        _EVENT_TYPE,
        _COUNTRY,
        _TRACK_ID,
        _TRACK_NAME,
        _ARTIST,
        _ALBUM,
        _POPULARITY,
        Column("popularity_level", "string", "Baja (below 40), Media (below 70), Alta; empty if unknown.", nullable=True,
               allowed=tuple(ORIGINAL_LEVELS.values())),
        Column("ingestion_timestamp", "timestamp", "When the event landed."),
    ),
    key=("event_date", "event_id"),
    partition_column="event_date",
)  # fmt: skip

TRACKS = TableContract(
    domain=DOMAIN,
    name="tracks",
    description="One row per track that an event or a recording has named, with the newest that is known of it.",
    columns=(
        _TRACK_ID,
        _TRACK_NAME,
        _ARTIST,
        _ALBUM,
        _RELEASE_DATE,
        _GENRE,
        replace(_POPULARITY, description="Newest known popularity; empty if none is known."),
        Column(
            "popularity_known_at",
            "timestamp",
            "When that popularity was seen; empty of a recording, which bears no time.",
            nullable=True,
        ),
        Column("first_seen_at", "timestamp", "Its first event; empty if only a recording names it.", nullable=True),
        Column("last_seen_at", "timestamp", "Its latest event; empty if only a recording names it.", nullable=True),
        Column("event_count", "int64", "Number of events.", minimum=0),
        Column("countries", "string", "Countries of its events, in alphabetical order, separated by commas.", nullable=True),
    ),
    key=("track_id",),
)

HISTORY = TableContract(
    domain=DOMAIN,
    name="history",
    description="One row per track of recorded files, or of the beginning of the log: what was known before the stream.",
    columns=(
        _TRACK_ID,
        _TRACK_NAME,
        _ARTIST,
        _ALBUM,
        _POPULARITY,
        _QUERY,
        _RELEASE_DATE,
        _GENRE,
        *AUDIO_FEATURES,
        Column("source_name", "string", "File, or topic with partition and offset, that named it first."),
        Column("record_count", "int64", "Number of records that named it.", minimum=1),
    ),
    key=("track_id",),
)

REJECTED_HISTORY = TableContract(
    domain=DOMAIN,
    name="rejected_history",
    description="One row per record of the history that is not in `history`, with the reason and the record as it was.",
    columns=(
        Column("source_name", "string", "File, or topic with partition."),
        Column("position", "int64", "Number of the record in its file, from 0, or offset.", minimum=0),
        Column("reason_code", "string", "Kind of reason."),
        Column("reason", "string", "The reason in words."),
        Column("raw_text", "string", "The record as JSON, or its beginning."),
    ),
    key=("source_name", "position"),
)

STREAM_HEALTH = stream_health_contract(DOMAIN)

EVENT_DOCUMENTS = DocumentContract(
    domain=DOMAIN,
    name="events",
    description="Each event as its producer wrote it, with its id, its moments, and where the log has it.",
    id_field="event_id",
    time_field="event_at",
    indexes=(("track_id",), ("country", "event_at")),
)

DATA_CONTRACTS = (EVENTS, REJECTED_EVENTS, SPOTIFY_EVENTS, TRACKS, HISTORY, REJECTED_HISTORY, STREAM_HEALTH)
