"""Landing: what a live source gave, kept as it came. Raw objects below the folder of an asset, written once and never changed.

Two kinds of names make landing twice landing once: `request_names` for answers to requests, `offset_names` for events of a log.
`landed_events` lands a topic and reads it back; `compaction` turns the many small objects of a folder into one.
"""

from __future__ import annotations

from mlops_assets.stores.landing.objects import Landing
from mlops_assets.stores.objects import open_object_storage

__all__ = ["Landing", "open_landing"]


def open_landing(lake_url: str, asset: tuple[str, ...]) -> Landing:
    """Return the raw objects of an asset in the lake that a URL such as `s3://bucket` names."""
    return Landing(open_object_storage(lake_url), asset)
