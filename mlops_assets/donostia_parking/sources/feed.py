"""The GeoJSON of Donostia's feed: a FeatureCollection with one point per car park."""

from __future__ import annotations

import json
from typing import Any

from mlops_assets.donostia_parking.sources.feed_values import decode
from mlops_assets.donostia_parking.sources.records import RawReading, UnreadableSnapshotError

FEED_FIELDS = ("libres", "noteId", "nombre")
"""The fields without which there is no reading: free spaces, and an identifier or a name."""

_NO_POINT = (None, None)


def read_feed(body: bytes) -> list[RawReading]:
    """Return the record of every feature, as it came.

    Raises:
        UnreadableSnapshotError: the body is no FeatureCollection, or an empty one.
    """
    return [_read_feature(feature) for feature in _features(body)]


def _features(body: bytes) -> list[Any]:
    try:
        document = _load(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableSnapshotError("malformed_snapshot", f"the snapshot is not JSON: {error}") from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise UnreadableSnapshotError("malformed_snapshot", "the snapshot is no FeatureCollection: it has no list of features")
    if not features:
        raise UnreadableSnapshotError("empty_snapshot", "the list of features is empty")
    return features


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        return json.loads(decode(body))


def _read_feature(feature: Any) -> RawReading:
    try:
        properties = feature["properties"]
        get = properties.get
    except (TypeError, KeyError, AttributeError):
        return RawReading(raw=feature, fault=("malformed_record", "the feature has no properties"))
    x, y = _point(feature)
    prices = get("precios")
    return RawReading(
        free=get("libres"),
        raw=feature,
        car_park_id=get("noteId"),
        name=get("nombre"),
        type=get("tipo"),
        public=get("plazasRotatorias"),
        resident=get("plazasResidentes"),
        x=x,
        y=y,
        prices=tuple(prices) if isinstance(prices, list) else None,
    )


def _point(feature: dict[str, Any]) -> tuple[Any, Any]:
    try:
        x, y = feature["geometry"]["coordinates"][:2]
    except (TypeError, KeyError, ValueError, IndexError):
        return _NO_POINT
    return x, y
