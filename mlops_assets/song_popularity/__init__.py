"""How popular songs become: from a stream of Spotify events to tables, a model that is promoted by a gate, and live predictions."""

DOMAIN = "song_popularity"
"""The first part of every asset key of this domain."""
