"""Bundles in object storage, for machines that have no registry: a folder with the two files of a bundle."""

from __future__ import annotations

from pathlib import Path

from mlops_assets.errors import PermanentError
from mlops_assets.ml.bundle_files import DESCRIPTION_FILE, PREDICTOR_FILE
from mlops_assets.stores.objects import open_object_storage
from mlops_assets.urls import redact

# The description holds the checksum of the predictor: whoever finds it finds a whole bundle.
_FILES = (PREDICTOR_FILE, DESCRIPTION_FILE)


def put_bundle(folder: Path, url: str) -> None:
    """Copy the bundle in a folder to object storage. The same bundle gives the same objects.

    Args:
        folder: of this machine.
        url: where it goes: `gs://bucket/folder`, `s3://bucket/folder` or `file:` and a path.

    Raises:
        SettingsError: the URL names no object storage.
        StoreUnavailableError: it does not answer.
    """
    storage = open_object_storage(url)
    for name in _FILES:
        storage.put(name, (folder / name).read_bytes())


def fetch_bundle(url: str, folder: Path) -> None:
    """Copy a bundle from object storage into a folder.

    Args:
        url: where it is.
        folder: of this machine; it is there.

    Raises:
        SettingsError: the URL names no object storage.
        PermanentError: there is no bundle.
        StoreUnavailableError: the storage does not answer.
    """
    storage = open_object_storage(url)
    for name in _FILES:
        if not storage.exists(name):
            raise PermanentError(f"there is no model bundle at {redact(url)}: {name} is missing")
        with storage.open(name) as source:
            (folder / name).write_bytes(source.read())
