"""What Spotify measures of a song, as columns of whatever tables hold songs."""

from mlops_assets.contracts import Column


def _share(name: str, description: str) -> Column:
    return Column(name, "float64", description, nullable=True, minimum=0, maximum=1)


AUDIO_FEATURES = (
    _share("acousticness", "Spotify's confidence that the song is acoustic."),
    _share("danceability", "How suitable the song is for dancing, by tempo, rhythm and beat."),
    Column("duration_ms", "float64", "Length of the song.", "millisecond", True, minimum=1, maximum=86_400_000),
    _share("energy", "Perceived intensity and activity."),
    _share("instrumentalness", "Spotify's confidence that the song has no vocals."),
    Column("key", "float64", "Pitch class of the key: 0 is C, 11 is B, -1 is unknown.", None, True, minimum=-1, maximum=11),
    _share("liveness", "Spotify's confidence that an audience is heard."),
    Column("loudness", "float64", "Mean loudness.", "decibel", True, minimum=-60, maximum=10),
    Column("mode", "float64", "1 for major, 0 for minor.", None, True, minimum=0, maximum=1),
    _share("speechiness", "How much is spoken: above 0.66 probably speech alone."),
    Column("tempo", "float64", "Estimated tempo.", "beats per minute", True, minimum=0, maximum=300),
    Column("time_signature", "float64", "Estimated beats in a bar.", None, True, minimum=0, maximum=7),
    _share("valence", "How positive the song sounds."),
)
"""The thirteen numbers that Spotify measures of a song, under Spotify's names."""
