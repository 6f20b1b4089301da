"""Songs that a listener likes or not: from dropped playlists to a model that says which songs of another one will be liked."""

DOMAIN = "song_preference"
"""The first part of every asset key of this domain."""
