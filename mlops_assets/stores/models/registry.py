"""The registry of models: save a trained bundle with its run, find versions again, move aliases.

Trainings are recorded through MLflow's client, one run per partition. The run of a whole Dagster run, under which they are nested,
comes from whoever saves: the registry knows no Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MissingModelError, PermanentError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.stores.health import HealthCheck
from mlops_assets.stores.models.connection import mlflow_globals_kept, tolerating
from mlops_assets.stores.models.files import is_intact, upload_bundle
from mlops_assets.stores.models.health import check_mlflow
from mlops_assets.stores.models.reader import RegistryReader
from mlops_assets.stores.models.runs import (
    TrainingRecord,
    delete_left_overs,
    finish,
    log_files,
    log_values,
    open_experiment,
    training_run,
)
from mlops_assets.stores.models.versions import (
    ALIASES,
    CHALLENGER,
    CHAMPION,
    PREVIOUS_CHAMPION,
    PROMOTED_AT,
    ROLLED_BACK_AT,
    ModelVersion,
    describe,
    read_version,
    version_tags,
)

if TYPE_CHECKING:
    from mlops_assets.ml.search import Trial
    from mlops_assets.ml.training import TrainingDataset
    from mlops_assets.stores.models.runs import OpenParentRun


class ModelRegistry(RegistryReader):
    """Trained models, their runs and their aliases. Safe when several processes of one machine write."""

    def prepare(self) -> None:
        """Create what is missing (folders, the migrated database), once, however many processes ask; later calls are quick."""
        _ = self._client

    def check_health(self, domains: Sequence[str] = ()) -> HealthCheck:
        """Write a record and a file, read them back and delete both; then load the versions that hold an alias of this package.

        Args:
            domains: those whose models are loaded.

        Raises:
            MissingModelError: files of such versions are missing or damaged, or cannot be loaded here.
            other errors: those that a user of the registry would meet.
        """
        with self._connection.exclusive():
            health = check_mlflow(self._connection)
        failures = list(self._failures_of_aliased(domains))
        if failures:
            raise MissingModelError("; ".join(failures))
        return health

    def save(
        self,
        bundle: Bundle[Any],
        *,
        model_name: str,
        asset: str,
        partition: str | None,
        now: datetime,
        run_tags: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        trials: Sequence[Trial] = (),
        figures: Mapping[str, bytes] | None = None,
        files: Mapping[str, bytes] | None = None,
        datasets: Sequence[TrainingDataset] = (),
        open_parent_run: OpenParentRun | None = None,
    ) -> ModelVersion:
        """Record a training and register its bundle as a new version of a model.

        A version of the same partition with the same fingerprint is the same model: it is returned, and nothing is written
        unless its files are damaged; then they are written again. What an interrupted save of the same model and partition left
        behind is deleted first.

        Args:
            bundle: the trained model.
            model_name: the registered model; it is created if it does not exist. Without `/` and `:`.
            asset: label of the model's asset, e.g. `chicago_crimes/arrest_model`; names the MLflow experiment.
            partition: partition of that asset, None if it has none; names the MLflow run.
            now: when the training ended (UTC).
            run_tags: tags of the MLflow run, e.g. the Dagster run.
            params: settings of the training, shown with the run beside the bundle's own.
            trials: the configurations that were tried one after the other; each becomes a child run.
            figures: PNG images by file name.
            files: further files by path.
            datasets: the tables that it learned from; the run and each child run name them.
            open_parent_run: opens the run under which this one is nested; called only if there is something to record.
        """
        of_partition = "" if partition is None else f", partition {partition},"
        record = TrainingRecord(
            model_name, asset, partition, now, run_tags or {}, params or {}, trials, figures or {}, files or {}, datasets
        )
        with self._connection.exclusive(), self._errors(f"save {model_name} for {asset}{of_partition}"):
            versions = self.versions(model_name)
            same = [v for v in versions if v.partition == partition and v.fingerprint == bundle.provenance.fingerprint]
            if same:
                return self._complete(same[0], bundle)
            delete_left_overs(self._client, record, {version.run_id for version in versions})
            if open_parent_run is None:
                return self._register(bundle, record)
            open_experiment(self._client, asset, self._artifact_folder)
            with mlflow_globals_kept(), open_parent_run(self._connection.uri, asset) as run_id:
                return self._register(bundle, replace(record, parent_run_id=run_id))

    def set_alias(self, version: ModelVersion, alias: str) -> None:
        """Give an alias to a version; a version that held it loses it."""
        with self._errors(f"make {version} the {alias}"):
            self._client.set_registered_model_alias(version.name, alias, str(version.version))

    def mark_challenger(self, version: ModelVersion) -> None:
        """Make a version the challenger. The champion is no challenger of itself and stays what it is."""
        if self._aliases(version.name).get(CHAMPION) != version.version:
            self.set_alias(version, CHALLENGER)

    def promote(self, version: ModelVersion, *, now: datetime) -> ModelVersion:
        """Make a version the champion and keep the former one as the previous champion; nothing changes if it is champion already.

        Each alias moves in one step, the champion's after the former champion has been kept, so an interrupted promotion leaves
        one of the two as champion, and repeating it completes it.

        Args:
            version: the new champion.
            now: recorded as the time of promotion (UTC).
        """
        with self._connection.exclusive(), self._errors(f"promote {version}"):
            aliases, current = self._aliases(version.name), self.version(version.name, version.version)
            champion = aliases.get(CHAMPION)
            if champion != version.version:
                if champion is not None:
                    former = self._holder(version.name, CHAMPION, champion)
                    self._client.set_registered_model_alias(version.name, PREVIOUS_CHAMPION, str(former.version))
                self._client.set_registered_model_alias(version.name, CHAMPION, str(version.version))
            if champion != version.version or current.promoted_at is None:
                self._client.set_model_version_tag(version.name, str(version.version), PROMOTED_AT, now.isoformat())
            self._forget_rollback(current)
            if aliases.get(CHALLENGER) == version.version:
                self._client.delete_registered_model_alias(version.name, CHALLENGER)
            return self.version(version.name, version.version)

    def promote_for_its_time(self, version: ModelVersion, *, now: datetime) -> None:
        """Let a version score the records of its own time, as `champion_for` finds it, and leave the champion as it is.

        Args:
            version: a version that was trained on an earlier window than the champion, as in a backfill of the past.
            now: recorded as the time of promotion (UTC).
        """
        with self._connection.exclusive(), self._errors(f"promote {version} for its time"):
            if self.version(version.name, version.version).promoted_at is None:
                self._client.set_model_version_tag(version.name, str(version.version), PROMOTED_AT, now.isoformat())
            if self._aliases(version.name).get(CHALLENGER) == version.version:
                self._client.delete_registered_model_alias(version.name, CHALLENGER)

    def rollback(self, model_name: str, *, now: datetime) -> ModelVersion:
        """Swap the champion with the previous champion and return the version that is champion now.

        The champion's alias moves first and in one step. If the swap is interrupted then, both aliases name the restored version,
        and a further rollback is refused.

        Args:
            model_name: the registered model.
            now: recorded as the time when the former champion was rolled back (UTC).

        Raises:
            MissingModelError: there is no previous champion to go back to.
            ForeignVersionError: the previous champion was registered by other means.
        """
        with self._connection.exclusive(), self._errors(f"roll back {model_name}"):
            aliases = self._aliases(model_name)
            champion, previous = aliases.get(CHAMPION), aliases.get(PREVIOUS_CHAMPION)
            if champion is None or previous is None or champion == previous:
                raise MissingModelError(
                    f"cannot roll back {model_name}: champion is version {champion}, previous champion is version {previous}; "
                    "promote the version that should be champion by hand instead"
                )
            restored = self._holder(model_name, PREVIOUS_CHAMPION, previous)
            self._client.set_model_version_tag(model_name, str(champion), ROLLED_BACK_AT, now.isoformat())
            self._forget_rollback(restored)
            self._client.set_registered_model_alias(model_name, CHAMPION, str(previous))
            self._client.set_registered_model_alias(model_name, PREVIOUS_CHAMPION, str(champion))
            return self.version(model_name, previous)

    def log_evaluation(
        self, version: ModelVersion, metrics: Mapping[str, float | None], figures: Mapping[str, bytes], *, now: datetime
    ) -> None:
        """Add what a version reached on test data to its run: metrics as `test/…`, PNG images below `evaluation/`.

        Args:
            version: the version that was evaluated.
            metrics: by name; undefined ones (None, NaN) are left out.
            figures: PNG images by file name.
            now: the time of the evaluation (UTC); later evaluations supersede earlier ones.
        """
        with self._connection.exclusive(), self._errors(f"add an evaluation to {version}"):
            named = {f"test/{name}": value for name, value in metrics.items()}
            log_values(self._client, version.run_id, now, {}, named, model_id=version.model_id)
            images = {f"evaluation/{name}": content for name, content in figures.items()}
            if images:
                log_files(self._client, self._client.get_run(version.run_id), images, self._artifact_folder)

    def _failures_of_aliased(self, domains: Sequence[str]) -> Iterator[str]:
        """Try to load the versions that aliases of this package name, and yield what is wrong with them."""
        with self._errors("list the models"):
            models = [model for domain in domains for model in self._client.search_registered_models(f"name LIKE '{domain}.%'")]
        for name in (model.name for model in models):
            versions, foreign = self._read_versions(name)
            yield from map(str, foreign.values())
            for version in versions:
                if not ALIASES.intersection(version.aliases):
                    continue
                try:
                    self._read_bundle(version)
                except PermanentError as error:
                    yield f"{', '.join(version.aliases)} of {name}: {error}"

    def _complete(self, version: ModelVersion, bundle: Bundle[Any]) -> ModelVersion:
        if not is_intact(self._client, version):
            upload_bundle(self._client, bundle, self._client.get_logged_model(version.model_id), self._artifact_folder)
        finish(self._client, version.run_id)
        return version

    def _register(self, bundle: Bundle[Any], record: TrainingRecord) -> ModelVersion:
        client, name = self._client, record.model_name
        with training_run(client, bundle, record, self._artifact_folder) as (run_id, model):
            self._create_model(name, f"Trained by the asset {record.asset}.")
            tags = version_tags(
                bundle,
                asset=record.asset,
                partition=record.partition,
                experiment_id=model.experiment_id,
                model_id=model.model_id,
            )
            version = client.create_model_version(
                name, model.artifact_location, run_id, tags, description=describe(bundle), model_id=model.model_id
            )
        return read_version(version)

    def _create_model(self, model_name: str, description: str) -> None:
        with tolerating("RESOURCE_ALREADY_EXISTS"):
            self._client.create_registered_model(model_name, description=description)

    def _forget_rollback(self, version: ModelVersion) -> None:
        if version.rolled_back_at is not None:
            self._client.delete_model_version_tag(version.name, str(version.version), ROLLED_BACK_AT)
