"""The playlists that partition this domain: one partition per dropped file, registered when the file is complete."""

import dagster as dg

PLAYLISTS = dg.DynamicPartitionsDefinition(name="playlist")
"""Keys are `playlist_key` of the file: its name and the beginning of its content's SHA-256."""

ALL_PLAYLISTS_IN = dg.AssetIn(partition_mapping=dg.AllPartitionMapping(), metadata={"skip_missing_partitions": True})
"""A dataset is made of every playlist that has been read."""
