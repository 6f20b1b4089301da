"""The files of a model in MLflow: write them, find them again, judge whether they are whole, delete them."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MissingModelError, PermanentError
from mlops_assets.ml.bundle_files import DESCRIPTION_FILE, PREDICTOR_FILE, check_files
from mlops_assets.stores.urls import local_path

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

    from mlops_assets.contracts import Column
    from mlops_assets.ml.bundle import Bundle
    from mlops_assets.stores.models.versions import ModelVersion

# Where MLflow's `python_function` flavor keeps the folder called `bundle` that it is given as data.
_BUNDLE_PATH = "data/bundle"
_ENVIRONMENT_FILE = "python_env.yaml"
_KEPT_WITH_NULLS = frozenset({"string", "float32", "float64"})
"""Types whose columns are of the same type whether values are missing or not."""


@contextmanager
def scratch_folder(artifact_folder: Path) -> Iterator[Path]:
    """Give an empty folder under a fixed name, so that what a killed process left in it is gone with the next use."""
    path = artifact_folder / ".scratch"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def store_folder(client: MlflowClient, artifact_uri: str, folder: Path) -> None:
    """Store all files of a folder at the address of a run or a model.

    MLflow's client keeps addresses by run and model for as long as the process lives, so that it would write what belongs to a copy
    of a registry into the original.
    """
    _repository(client, artifact_uri).log_artifacts(str(folder))


def _repository(client: MlflowClient, artifact_uri: str) -> ArtifactRepository:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(artifact_uri, tracking_uri=client.tracking_uri)


def upload_bundle(client: MlflowClient, bundle: Bundle[Any], model: LoggedModel, artifact_folder: Path) -> None:
    """Write the files of a model: the bundle, and what lets MLflow load it as `python_function`.

    MLflow's own `save_model` would look through every installed package, for a second, to compare versions just read.
    """
    from mlflow.models import Model

    with warnings.catch_warnings():
        # The import warns about type hints of MLflow's own classes.
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        import mlflow.pyfunc

    description = Model(
        # Not the address, which would be wrong as soon as the files are somewhere else.
        artifact_path=model.name,
        run_id=model.source_run_id,
        model_uuid=model.model_id,
        model_id=model.model_id,
        signature=_signature(bundle),
    )
    mlflow.pyfunc.add_to_model(
        description, loader_module="mlops_assets.ml.bundle_flavor", data=_BUNDLE_PATH, python_env=_ENVIRONMENT_FILE
    )
    versions = {**bundle.provenance.library_versions, "mlflow": mlflow.__version__}
    python = versions.pop("python")
    with scratch_folder(artifact_folder) as folder:
        bundle.save(folder / _BUNDLE_PATH)
        requirements = "".join(f"{name}=={version}\n" for name, version in versions.items())
        (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
        (folder / _ENVIRONMENT_FILE).write_text(f"python: {python}\ndependencies:\n- -r requirements.txt\n", encoding="utf-8")
        description.save(folder / "MLmodel")
        store_folder(client, model.artifact_location, folder)


def _signature(bundle: Bundle[Any]) -> ModelSignature:
    """Return what goes into a model and comes out of it as MLflow shows and enforces it.

    Dates and timestamps are declared as anything, for MLflow knows neither dates nor time zones, and would refuse both. So are
    numbers and flags that may be missing, which JSON and pandas turn into other types.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    types = {
        "string": DataType.string,
        "int8": DataType.integer,
        "int32": DataType.integer,
        "int64": DataType.long,
        "float32": DataType.float,
        "float64": DataType.double,
        "bool": DataType.boolean,
    }

    def type_of(column: Column) -> DataType | AnyType:
        is_kept = not column.nullable or column.type in _KEPT_WITH_NULLS
        return types.get(column.type, AnyType()) if is_kept else AnyType()

    def described(columns: Sequence[Column]) -> Schema:
        specs: list[ColSpec | TensorSpec] = [ColSpec(type_of(column), column.name) for column in columns]
        return Schema(specs)

    predictor = bundle.predictor
    params = ParamSchema([ParamSpec(name, DataType.string, default) for name, default in predictor.params.items()])
    return ModelSignature(described(bundle.input_contract.columns), described(predictor.outputs), params)


@contextmanager
def bundle_folder(client: MlflowClient, version: ModelVersion) -> Iterator[Path]:
    """Give the folder with a version's bundle: the stored one if it is on this machine, else a temporary copy.

    Raises:
        MissingModelError: files of the bundle are gone.
    """
    from mlflow.artifacts import download_artifacts

    stored = _repository(client, version.artifact_uri).list_artifacts(_BUNDLE_PATH)
    gone = {DESCRIPTION_FILE, PREDICTOR_FILE} - {PurePosixPath(file.path).name for file in stored}
    uri = f"{version.artifact_uri}/{_BUNDLE_PATH}"
    if gone:
        raise MissingModelError(f"{version} has lost its files: {', '.join(sorted(gone))} not in {uri}; train it again")
    if uri.startswith("file:"):
        yield local_path(uri)
        return
    with tempfile.TemporaryDirectory() as copy:
        for name in (DESCRIPTION_FILE, PREDICTOR_FILE):
            download_artifacts(artifact_uri=f"{uri}/{name}", dst_path=copy, tracking_uri=client.tracking_uri)
        yield Path(copy)


def is_intact(client: MlflowClient, version: ModelVersion) -> bool:
    """Tell whether the stored bundle of a version is whole."""
    try:
        with bundle_folder(client, version) as folder:
            check_files(folder)
    except PermanentError:
        return False
    return True


def delete_files(client: MlflowClient, artifact_uri: str) -> None:
    """Delete the files of a run or a model."""
    from mlflow.exceptions import MlflowException

    if artifact_uri.startswith("file:"):
        shutil.rmtree(local_path(artifact_uri).parent, ignore_errors=True)
        return
    # Not every artifact store of every server can delete; `mlflow gc` then remains.
    with suppress(MlflowException, NotImplementedError):
        _repository(client, artifact_uri).delete_artifacts()
