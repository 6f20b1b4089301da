"""Raw JSON documents, written and completed field by field. One module per scheme; add one here to keep them somewhere else."""

from mlops_assets.errors import SettingsError
from mlops_assets.stores.documents.base import DocumentStore, WriteCounts
from mlops_assets.stores.urls import local_path, scheme_of
from mlops_assets.urls import redact

__all__ = ["DocumentStore", "WriteCounts", "open_documents"]


def open_documents(url: str) -> DocumentStore:
    """Return the document store that a URL such as `sqlite:///data/documents.db` or `mongodb://server/database` names."""
    scheme = scheme_of(url)
    if scheme == "sqlite":
        from mlops_assets.stores.documents.sqlite_file import SQLiteDocuments

        return SQLiteDocuments(local_path(url))
    if scheme in ("mongodb", "mongodb+srv"):
        from mlops_assets.stores.documents.mongodb import MongoDocuments

        return MongoDocuments(url)
    raise SettingsError(f"no document store for {redact(url)!r}; known schemes: sqlite:, mongodb://, mongodb+srv://")
