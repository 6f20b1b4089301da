"""`ModelVersion`: what the registry knows about one registered version of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_assets.errors import PermanentError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

    from mlops_assets.ml.bundle import Bundle

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS_CHAMPION = "previous_champion"
ALIASES = frozenset({CHAMPION, CHALLENGER, PREVIOUS_CHAMPION})
"""The aliases by which this package finds versions; others are people's own."""

_AS_MACHINE_LEARNING = "?workflowType=machine_learning"
"""What makes MLflow's UI open a page in its part for machine learning; its default are prompts and traces."""

_EVER = datetime.min.replace(tzinfo=timezone.utc)

PROMOTED_AT = "promoted_at"
ROLLED_BACK_AT = "rolled_back_at"


def registered_name(*key: str) -> str:
    """Return the name under which the registry keeps the versions of a model by the parts of its asset key.

    `chicago_crimes` and `arrest_model` give `chicago_crimes.arrest_model`.
    """
    return ".".join(key)


class ForeignVersionError(PermanentError):
    """A version of a model that was registered by other means than this package, so that nobody knows what it was trained on."""

    def as_holder_of(self, alias: str) -> ForeignVersionError:
        """Return the error for such a version that somebody gave an alias of ours."""
        return ForeignVersionError(
            f"{self}, but somebody made it the {alias}: give the alias {alias!r} to another version in the MLflow UI, or remove it"
        )


@dataclass(frozen=True)
class ModelVersion:
    """One registered version of a model.

    Attributes:
        name: the registered model.
        version: counts up from 1 per model; a later version is not always trained on later data.
        run_id: the MLflow run that recorded its training.
        experiment_id: the MLflow experiment of that run.
        model_id: MLflow's own name for the model's files.
        artifact_uri: where the files are.
        partition: the partition of the model asset, e.g. `2024-01`; None if it has no partitions.
        fingerprint: the fingerprint of the bundle.
        training_start_at: start of the training window (UTC, included); None if the records bear no time.
        training_end_at: end of the training window (UTC, excluded); None if the records bear no time.
        aliases: what the version is for at the moment, in alphabetical order.
        created_at: when it was registered (UTC).
        promoted_at: when it last became champion by promotion (UTC); None if it never did.
        rolled_back_at: when it was last replaced by a rollback and not promoted again (UTC).
    """

    name: str
    version: int
    run_id: str
    experiment_id: str
    model_id: str
    artifact_uri: str
    partition: str | None
    fingerprint: str
    training_start_at: datetime | None
    training_end_at: datetime | None
    aliases: tuple[str, ...]
    created_at: datetime
    promoted_at: datetime | None = None
    rolled_back_at: datetime | None = None

    @property
    def partition_key(self) -> str:
        """The partition of a model that has some.

        Raises:
            PermanentError: it has none.
        """
        if self.partition is None:
            raise PermanentError(f"{self} is of no partition; its asset has had none when it was trained")
        return self.partition

    @property
    def scores_from(self) -> datetime:
        """From when on the version may score records (UTC): the end of its training window; ever since if records bear no time."""
        return self.training_end_at or _EVER

    def run_url(self, ui_url: str) -> str:
        """Return the page of the training run in the MLflow UI at `ui_url`."""
        return f"{ui_url.rstrip('/')}/#/experiments/{self.experiment_id}/runs/{self.run_id}{_AS_MACHINE_LEARNING}"

    def model_url(self, ui_url: str) -> str:
        """Return the page of this version in the MLflow UI at `ui_url`."""
        return f"{ui_url.rstrip('/')}/#/models/{quote(self.name, safe='')}/versions/{self.version}{_AS_MACHINE_LEARNING}"

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


def version_tags(bundle: Bundle[Any], *, asset: str, partition: str | None, experiment_id: str, model_id: str) -> dict[str, str]:
    """Return the tags from which `read_version` rebuilds a version; what there is not has no tag."""
    return {
        "asset": asset,
        **({} if partition is None else {"partition": partition}),
        "fingerprint": bundle.provenance.fingerprint,
        **{name: time.isoformat() for name, time in bundle.provenance.window.items() if time is not None},
        "experiment_id": experiment_id,
        "model_id": model_id,
    }


def describe(bundle: Bundle[Any]) -> str:
    """Return the sentence that the registry shows beside a version."""
    trained = bundle.provenance
    window = " to ".join(f"{time:%Y-%m-%d %H:%M}" for time in trained.window.values() if time is not None)
    rows = f"{trained.training_rows:,} rows{f' of {window} UTC' if window else ''}"
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in trained.metrics.items() if value is not None)
    return f"{trained.estimator_name}, trained on {rows}. Validation: {metrics}."


def read_version(version: MlflowVersion) -> ModelVersion:
    """Read MLflow's record of a version.

    Raises:
        ForeignVersionError: the version was not registered by this package.
    """
    tags = version.tags
    try:
        return ModelVersion(
            name=version.name,
            version=int(version.version),
            run_id=version.run_id or "",
            experiment_id=tags["experiment_id"],
            model_id=tags["model_id"],
            artifact_uri=version.source or "",
            partition=tags.get("partition"),
            fingerprint=tags["fingerprint"],
            training_start_at=_time_in(tags, "training_start_at"),
            training_end_at=_time_in(tags, "training_end_at"),
            aliases=tuple(sorted(version.aliases)),
            created_at=datetime.fromtimestamp(version.creation_timestamp / 1000, tz=timezone.utc),
            promoted_at=_time_in(tags, PROMOTED_AT),
            rolled_back_at=_time_in(tags, ROLLED_BACK_AT),
        )
    except KeyError as error:
        reason = f"it has no tag {error}"
    except ValueError as error:
        reason = f"its tags do not make sense: {error}"
    raise ForeignVersionError(f"version {version.version} of {version.name} was not registered by mlops_assets ({reason})")


def _time_in(tags: Mapping[str, str], name: str) -> datetime | None:
    if name not in tags:
        return None
    time = datetime.fromisoformat(tags[name])
    if time.tzinfo is None:
        raise ValueError(f"{tags[name]} has no time zone")
    return time
