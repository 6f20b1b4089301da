"""Named blobs: the ground under the lake. One module per scheme; add one here to let the lake live somewhere else."""

from mlops_assets.errors import SettingsError
from mlops_assets.stores.objects.base import ObjectStorage
from mlops_assets.stores.urls import local_path, scheme_of
from mlops_assets.urls import redact

__all__ = ["ObjectStorage", "open_object_storage"]


def open_object_storage(url: str) -> ObjectStorage:
    """Return the object storage that a URL such as `file:///data/lake` or `s3://bucket/lake` names."""
    scheme = scheme_of(url)
    if scheme == "file":
        from mlops_assets.stores.objects.files import FileStorage

        return FileStorage(local_path(url))
    if scheme == "s3":
        from mlops_assets.stores.objects.s3 import open_s3

        return open_s3(url)
    if scheme == "gs":
        from mlops_assets.stores.objects.gcs import open_gcs

        return open_gcs(url)
    raise SettingsError(f"no object storage for {redact(url)!r}; known schemes: file:, s3:, gs:")
