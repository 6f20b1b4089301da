"""The model registry, on a local SQLite file and on an MLflow server: the same promises on both."""

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from mlops_assets.errors import MissingModelError, PermanentError, SettingsError
from mlops_assets.ml.search import Trial
from mlops_assets.ml.training import TrainingDataset
from mlops_assets.stores.models import open_model_registry
from mlops_assets.stores.models.versions import ModelVersion
from mlops_assets_tests.stores.dying_registry import dying_registry, interrupt
from mlops_assets_tests.stores.registry_backends import FIGURES, LATER, NOW, Backend, assert_only_this_is_left
from mlops_assets_tests.tiny_bundle import TinyBundle, things, tiny_bundle


def trained_until(month: int, fingerprint: str) -> TinyBundle:
    """Return a bundle whose training window ends with the first day of a month of 2024."""
    return tiny_bundle(training_end_at=datetime(2024, month, 1, tzinfo=timezone.utc), fingerprint=fingerprint)


class TestSaving:
    """A save leaves one version, one finished run with its trials, and files."""

    def test_saved_version_is_found_again(self, backend: Backend, bundle: TinyBundle) -> None:
        """What `save` returns is what the registry finds by number and by partition, in another process too."""
        version = backend.save(bundle)
        registry = backend.registry()
        assert version == registry.version(backend.model_name, 1) == registry.version_for_partition(backend.model_name, "2024-01")
        assert registry.versions(backend.model_name) == [version]
        assert (version.version, version.partition, version.fingerprint) == (1, "2024-01", "a" * 64)
        assert version.training_end_at == bundle.provenance.training_end_at
        assert registry.version_for_partition(backend.model_name, "2024-02") is None

    def test_provenance_is_read_without_the_predictor(
        self, backend: Backend, bundle: TinyBundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever only wants to know where a version comes from needs none of the libraries that it was fitted with."""
        version = backend.save(bundle)
        monkeypatch.delattr(type(bundle.predictor), "load")
        assert backend.registry().provenance(version) == bundle.provenance

    def test_model_without_partition_and_time_is_found_again(self, backend: Backend) -> None:
        """Its run is called after its asset, and nothing is said of a window; an interrupted save of it is replaced."""
        registry, timeless = backend.registry(), tiny_bundle(training_start_at=None, training_end_at=None)
        save: dict[str, Any] = {"model_name": backend.model_name, "asset": backend.asset, "partition": None, "now": NOW}
        with pytest.raises(KeyboardInterrupt):
            dying_registry(backend.uri, backend.artifact_folder, ("finalize_", 1), interrupt).save(timeless, **save)
        version = registry.save(timeless, **save)
        assert version == registry.version_for_partition(backend.model_name, None) == registry.save(timeless, **save)
        assert (version.partition, version.training_start_at, version.training_end_at) == (None, None, None)
        assert registry.version_for_partition(backend.model_name, "2024-01") is None
        client = backend.client()
        runs = client.search_runs([version.experiment_id])
        assert [run.info.run_name for run in runs] == [backend.asset.rpartition("/")[2]]
        assert "training_end_at" not in runs[0].data.params
        assert "trained on 8 rows. Validation:" in client.get_model_version(version.name, "1").description
        assert registry.load(version).provenance.window == {"training_start_at": None, "training_end_at": None}

    def test_run_and_its_trials_name_the_tables_that_they_learned_from(self, backend: Backend, bundle: TinyBundle) -> None:
        """MLflow shows the beginning of a table's hash as its digest; the whole one, size and columns are there, too."""
        dataset = TrainingDataset("weather/days", "f" * 64, "file:/lake/weather/days", 8, {"rain_mm": "float64"})
        trial = Trial({"family": "forest"}, {}, {"log_loss": 0.5}, 1.0)
        version = backend.registry().save(
            bundle,
            model_name=backend.model_name,
            asset=backend.asset,
            partition="2024-01",
            now=NOW,
            trials=[trial],
            datasets=[dataset],
        )
        runs = backend.client().search_runs([version.experiment_id])
        assert len(runs) == 2
        for run in runs:
            (found,) = run.inputs.dataset_inputs
            assert (found.dataset.name, found.dataset.digest, found.dataset.source_type) == ("weather/days", "f" * 36, "local")
            assert json.loads(found.dataset.profile) == {"num_rows": 8, "content_hash": "f" * 64}
            assert json.loads(found.dataset.source) == {"uri": "file:/lake/weather/days"}
            assert "rain_mm" in found.dataset.schema
            assert {tag.key: tag.value for tag in found.tags} == {"mlflow.data.context": "training"}

    def test_run_holds_params_metrics_tags_and_files(self, backend: Backend, bundle: TinyBundle) -> None:
        """The version's run carries the partition's name, the Dagster run, settings, metrics beside baselines, and plots."""
        version = backend.save(bundle)
        client = backend.client()
        run = client.get_run(version.run_id)
        assert (run.info.run_name, run.info.status) == ("2024-01", "FINISHED")
        assert (run.info.start_time, run.info.end_time) == (int(NOW.timestamp() - 5) * 1000, int(NOW.timestamp()) * 1000)
        expected = {"asset": backend.asset, "partition": "2024-01", "fingerprint": "a" * 64, "dagster_run_id": "run-1"}
        assert expected.items() <= run.data.tags.items()
        assert run.data.metrics == {
            "validation/auc": 1.0,
            "validation/mcc": 0.5,
            "baseline/majority_class/auc": 0.5,
            "baseline/majority_class/mcc": 0.0,
        }
        assert {"estimator": "logistic_regression", "months": "12", "seed": "7"}.items() <= run.data.params.items()
        assert [file.path for file in client.list_artifacts(version.run_id, "figures")] == ["figures/roc.png"]
        assert [file.path for file in client.list_artifacts(version.run_id, "scores")] == ["scores/features.csv"]
        assert client.get_experiment(version.experiment_id).name == backend.asset
        assert "Validation: auc 1, mcc 0.5." in client.get_model_version(version.name, "1").description

    def test_settings_are_shown_as_people_read_them(self, backend: Backend) -> None:
        """MLflow shows six digits and knows that it is about machine learning; the bundle keeps every digit."""
        exact, registry, client = 0.1234567890123456, backend.registry(), backend.client()
        version = registry.save(
            tiny_bundle(threshold=exact),
            model_name=backend.model_name,
            asset=backend.asset,
            partition="2024-01",
            now=NOW,
            params={"rate": np.float32(0.1), "months": 12, "is_quick": True, "large": 1_234_567.0},
            trials=[Trial({"family": "logistic_regression"}, {"C": exact / 1_000_000}, {"auc": exact}, 1.0)],
        )
        params = client.get_run(version.run_id).data.params
        assert {name: params[name] for name in ("threshold", "rate", "months", "is_quick", "large")} == {
            "threshold": "0.123457",
            "rate": "0.1",
            "months": "12",
            "is_quick": "True",
            "large": "1.23457e+06",
        }
        (trial,) = [run for run in backend.runs() if "mlflow.parentRunId" in run.data.tags]
        assert (trial.data.params["C"], trial.data.metrics["validation/auc"]) == ("1.23457e-07", exact)
        assert client.get_logged_model(version.model_id).params["threshold"] == "0.123457"
        assert client.get_experiment(version.experiment_id).tags["mlflow.experimentKind"] == "custom_model_development"
        assert registry.load(version).predictor.threshold == exact

    def test_trials_are_child_runs(self, backend: Backend, bundle: TinyBundle) -> None:
        """Every trial is a finished run below the version's run, one after the other, with its settings and metrics."""
        version = backend.save(bundle)
        children = [run for run in backend.runs() if run.data.tags.get("mlflow.parentRunId") == version.run_id]
        children.sort(key=lambda run: run.info.start_time)
        assert [run.data.params["features"] for run in children] == ["encoded", "native"]
        assert [run.data.metrics for run in children] == [
            {"validation/auc": 0.9, "fit_seconds": 2.0},
            {"validation/auc": 0.8, "fit_seconds": 3.0},
        ]
        assert {run.info.status for run in children} == {"FINISHED"}
        assert children[0].info.end_time == children[1].info.start_time
        assert children[1].info.end_time == int(NOW.timestamp() * 1000)

    def test_any_number_of_params_and_metrics_is_recorded(self, backend: Backend) -> None:
        """What MLflow takes in one request is no limit."""
        version = backend.registry().save(
            tiny_bundle(metrics={f"m{number}": float(number) for number in range(1000)}),
            model_name=backend.model_name,
            asset=backend.asset,
            partition="2024-01",
            now=NOW,
            params={f"p{number}": number for number in range(250)},
        )
        data = backend.client().get_run(version.run_id).data
        assert sum(name.startswith("validation/m") for name in data.metrics) == 1000
        assert {name: value for name, value in data.params.items() if name[1:].isdigit()} == {
            f"p{number}": str(number) for number in range(250)
        }

    def test_same_fingerprint_and_partition_is_saved_once(self, backend: Backend, bundle: TinyBundle) -> None:
        """Saving the same model of the same partition again writes nothing and returns the first version."""
        version = backend.save(bundle)
        runs = {run.info.run_id for run in backend.runs()}
        assert backend.save(bundle) == version
        assert {run.info.run_id for run in backend.runs()} == runs

    def test_other_fingerprint_or_partition_is_a_new_version(self, backend: Backend, bundle: TinyBundle) -> None:
        """Another model or another partition is registered beside the first; the newest of a partition is found."""
        backend.save(bundle)
        backend.save(bundle, "2024-02")
        retrained = backend.save(tiny_bundle(fingerprint="b" * 64))
        registry = backend.registry()
        assert [version.version for version in registry.versions(backend.model_name)] == [3, 2, 1]
        assert registry.version_for_partition(backend.model_name, "2024-01") == retrained

    @pytest.mark.parametrize("damage", ["truncated", "deleted"])
    def test_damaged_files_are_written_again(self, backend: Backend, bundle: TinyBundle, damage: str) -> None:
        """A version whose files are damaged says so when loaded, and is whole again after a save, under the same number."""
        version = backend.save(bundle)
        (pipeline,) = [path for path in backend.files() if path.name == "bundle.joblib"]
        if damage == "deleted":
            pipeline.unlink()
        else:
            pipeline.write_bytes(pipeline.read_bytes()[:100])
        with pytest.raises(PermanentError, match=r"examples\.colour_model_.* version 1"):
            backend.registry().load(version)
        assert backend.save(bundle) == version
        assert backend.registry().load(version).provenance.fingerprint == bundle.provenance.fingerprint

    def test_failed_save_leaves_a_failed_run_that_the_next_save_removes(self, backend: Backend, bundle: TinyBundle) -> None:
        """An error while saving marks the run FAILED; the next save of the partition replaces it."""
        unreadable = Trial({"family": "logistic_regression"}, {}, {"auc": "high"}, 1.0)
        with pytest.raises(TypeError, match="must be real number"):
            backend.registry().save(
                bundle, model_name=backend.model_name, asset=backend.asset, partition="2024-01", now=NOW, trials=[unreadable]
            )
        assert [run.info.status for run in backend.runs()] == ["FAILED", "FAILED"], "the run and its trial"
        version = backend.save(bundle)
        assert_only_this_is_left(backend, version)

    def test_nothing_is_written_to_the_current_folder(
        self, backend: Backend, bundle: TinyBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """MLflow's habit of using the current folder as its default store does not show."""
        current = tmp_path / "current"
        current.mkdir()
        monkeypatch.chdir(current)
        backend.registry().load(backend.save(bundle))
        assert not list(current.iterdir())


class TestLoading:
    """A loaded bundle is the saved bundle."""

    def test_loaded_bundle_predicts_the_same(self, backend: Backend, bundle: TinyBundle) -> None:
        """The model that comes out of the registry gives the probabilities of the one that went in."""
        loaded = backend.registry().load(backend.save(bundle))
        np.testing.assert_array_equal(
            loaded.predict(things())["probability"].to_numpy(), bundle.predict(things())["probability"].to_numpy()
        )

    def test_last_bundles_stay_in_memory(self, backend: Backend, bundle: TinyBundle) -> None:
        """Champion and challenger are read once; the one unused longest makes room."""
        versions = [backend.save(bundle, f"2024-0{month}") for month in (1, 2, 3)]
        registry = backend.registry()
        first, second = registry.load(versions[0]), registry.load(versions[1])
        assert registry.load(versions[0]) is first
        registry.load(versions[2])
        assert registry.load(versions[0]) is first
        assert registry.load(versions[1]) is not second

    def test_mlflow_loads_it_as_pyfunc(self, backend: Backend, bundle: TinyBundle) -> None:
        """Any MLflow tool can load the model and score records as the lake gives them."""
        version = backend.save(bundle)
        import mlflow.pyfunc  # after the save, which keeps the import from warning
        from mlflow.artifacts import download_artifacts

        model = mlflow.pyfunc.load_model(download_artifacts(version.artifact_uri, tracking_uri=backend.uri))
        predicted = model.predict(things())
        np.testing.assert_array_equal(predicted["probability"], bundle.predict(things())["probability"].to_numpy())
        assert [column.name for column in model.metadata.signature.inputs] == bundle.input_contract.column_names

    def test_missing_models_are_named(self, backend: Backend) -> None:
        """A model that was never saved has no versions, and asking for one by number is an error that names it."""
        registry = backend.registry()
        assert registry.versions(backend.model_name) == []
        assert registry.version_by_alias(backend.model_name, "champion") is None
        assert registry.champion_for(backend.model_name, NOW) is None
        with pytest.raises(MissingModelError, match=rf"version 3 of {backend.model_name}"):
            registry.version(backend.model_name, 3)


class TestPromotion:
    """Aliases move so that there is always a champion, and the way back stays open."""

    def test_promotion_keeps_the_former_champion(self, backend: Backend, bundle: TinyBundle) -> None:
        """The new champion stops being challenger; the former one is one alias away."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        assert registry.promote(first, now=NOW).aliases == ("champion",)
        registry.mark_challenger(second)
        promoted = registry.promote(second, now=LATER)
        assert (promoted.aliases, promoted.promoted_at) == (("champion",), LATER)
        assert [version.aliases for version in registry.versions(backend.model_name)] == [("champion",), ("previous_champion",)]
        assert registry.version_by_alias(backend.model_name, "challenger") is None

    def test_promoting_the_champion_changes_nothing(self, backend: Backend, bundle: TinyBundle) -> None:
        """A repeated promotion neither loses the former champion nor moves the time of promotion."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        registry.promote(first, now=NOW)
        registry.promote(second, now=NOW)
        before = registry.versions(backend.model_name)
        registry.promote(second, now=LATER)
        registry.mark_challenger(second)
        assert registry.versions(backend.model_name) == before

    @pytest.mark.parametrize("calls", [1, 2, 3, 4])
    def test_interrupted_promotion_has_a_champion_and_can_be_repeated(
        self, backend: Backend, bundle: TinyBundle, calls: int
    ) -> None:
        """After any write of a promotion there is a champion; repeating the promotion completes it."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        registry.promote(first, now=NOW)
        registry.mark_challenger(second)
        with pytest.raises(KeyboardInterrupt):
            dying_registry(backend.uri, backend.artifact_folder, ("", calls), interrupt).promote(second, now=NOW)
        assert registry.version_by_alias(backend.model_name, "champion") is not None
        registry.promote(second, now=NOW)
        versions = registry.versions(backend.model_name)
        assert [version.aliases for version in versions] == [("champion",), ("previous_champion",)]
        assert [version.promoted_at for version in versions] == [NOW, NOW]

    def test_rollback_swaps_champion_and_previous_champion(self, backend: Backend, bundle: TinyBundle) -> None:
        """A rollback restores the former champion, and a second one takes it back."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        registry.promote(first, now=NOW)
        registry.promote(second, now=NOW)
        restored = registry.rollback(backend.model_name, now=LATER)
        assert (restored.version, restored.aliases) == (1, ("champion",))
        rolled_back = registry.version(backend.model_name, 2)
        assert (rolled_back.aliases, rolled_back.rolled_back_at) == (("previous_champion",), LATER)
        again = registry.rollback(backend.model_name, now=LATER)
        assert (again.version, again.rolled_back_at) == (2, None)

    def test_rollback_without_previous_champion_is_refused(self, backend: Backend, bundle: TinyBundle) -> None:
        """With nothing to go back to, the champion stays, and the error says what to do."""
        registry = backend.registry()
        version = backend.save(bundle)
        for champion in ("None", "1"):
            with pytest.raises(MissingModelError, match=f"champion is version {champion}, previous champion is version None"):
                registry.rollback(backend.model_name, now=NOW)
            registry.promote(version, now=NOW)
        assert registry.version(backend.model_name, 1).aliases == ("champion",)

    def test_interrupted_rollback_leaves_the_restored_champion(self, backend: Backend, bundle: TinyBundle) -> None:
        """When the swap stops half way the restored version is in charge, and repeating does not undo it."""
        registry = backend.registry()
        registry.promote(backend.save(bundle), now=NOW)
        registry.promote(backend.save(bundle, "2024-02"), now=NOW)
        interrupted = dying_registry(backend.uri, backend.artifact_folder, ("set_registered_model_alias", 1), interrupt)
        with pytest.raises(KeyboardInterrupt):
            interrupted.rollback(backend.model_name, now=NOW)
        assert registry.version(backend.model_name, 1).aliases == ("champion", "previous_champion")
        with pytest.raises(MissingModelError, match="champion is version 1, previous champion is version 1"):
            registry.rollback(backend.model_name, now=NOW)

    def test_any_alias_can_be_set(self, backend: Backend, bundle: TinyBundle) -> None:
        """A free alias names one version at a time."""
        registry = backend.registry()
        first, second = backend.save(bundle), backend.save(bundle, "2024-02")
        registry.set_alias(first, "audited")
        registry.set_alias(second, "audited")
        assert registry.version_by_alias(backend.model_name, "audited") == registry.version(backend.model_name, 2)
        assert registry.version(backend.model_name, 1).aliases == ()

    def test_champion_for_a_month_has_not_seen_it(self, backend: Backend) -> None:
        """A backfilled month is scored by the champion if it was trained before, else by the latest promoted one that was."""
        registry = backend.registry()
        until_march, until_april, until_may, challenger = (
            backend.save(trained_until(month, digit * 64), f"2024-0{month}")
            for month, digit in ((3, "3"), (4, "4"), (5, "5"), (2, "2"))
        )
        for version in (until_april, until_march, until_may):
            registry.promote(version, now=NOW)
        registry.mark_challenger(challenger)

        def champion(month: int) -> int | None:
            found = registry.champion_for(backend.model_name, datetime(2024, month, 1, tzinfo=timezone.utc))
            return None if found is None else found.version

        assert [champion(month) for month in (2, 3, 4, 5, 6)] == [None, 1, 2, 3, 3]
        registry.rollback(backend.model_name, now=NOW)
        assert [champion(month) for month in (2, 3, 4, 5, 6)] == [None, 1, 1, 1, 1], "the champion of March is in charge again"
        registry.promote(until_april, now=NOW)
        assert [champion(month) for month in (3, 4, 5, 6)] == [1, 2, 2, 2], "a rolled back version is no candidate"


class TestVersionsOfOthers:
    """What people register by hand under the name of a model stops nothing, unless they put it in charge."""

    @staticmethod
    def register_by_hand(backend: Backend, like: ModelVersion, **tags: str) -> int:
        """Register a version as MLflow's own UI does."""
        client = backend.client()
        version = client.create_model_version(like.name, like.artifact_uri, like.run_id, tags, model_id=like.model_id)
        return int(version.version)

    @pytest.mark.parametrize(
        ("tags", "reason"),
        [({}, "it has no tag"), ({"training_start_at": "2024-01-01", "training_end_at": "2030-01-01"}, "has no time zone")],
    )
    def test_they_are_left_out_with_a_warning(
        self, backend: Backend, bundle: TinyBundle, caplog: pytest.LogCaptureFixture, tags: dict[str, str], reason: str
    ) -> None:
        """Everything is found, saved, promoted and rolled back as if they were not there; a warning names each once."""
        first = backend.save(bundle)
        complete = backend.client().get_model_version(first.name, str(first.version)).tags if tags else {}
        foreign = self.register_by_hand(backend, first, **{**complete, **tags})
        second, registry = backend.save(bundle, "2024-02"), backend.registry()
        registry.promote(first, now=NOW)
        registry.promote(second, now=NOW)
        assert [version.version for version in registry.versions(backend.model_name)] == [second.version, first.version]
        assert registry.version_for_partition(backend.model_name, "2024-01") == registry.version(backend.model_name, first.version)
        found = registry.champion_for(backend.model_name, NOW)
        assert found is not None
        assert found.version == second.version
        assert registry.rollback(backend.model_name, now=NOW).version == first.version
        caplog.clear()
        fresh = backend.registry()
        for _ in range(2):
            fresh.versions(backend.model_name)
        (warning,) = [record.getMessage() for record in caplog.records]
        assert warning.startswith(f"version {foreign} of {backend.model_name} was not registered by mlops_assets")
        assert reason in warning

    def test_in_charge_it_is_an_error_that_says_what_to_do(self, backend: Backend, bundle: TinyBundle) -> None:
        """Nothing is scored by an unknown model, and nobody else's decision is undone; training goes on."""
        first, registry = backend.save(bundle), backend.registry()
        registry.promote(first, now=NOW)
        foreign = self.register_by_hand(backend, first)
        backend.client().set_registered_model_alias(backend.model_name, "champion", str(foreign))
        expected = (
            rf"version {foreign} of .* was not registered by .*, but somebody made it the champion: give the alias 'champion' to"
        )
        for use in (
            lambda: registry.champion_for(backend.model_name, NOW),
            lambda: registry.version_by_alias(backend.model_name, "champion"),
            lambda: registry.promote(first, now=LATER),
        ):
            with pytest.raises(PermanentError, match=expected):
                use()
        second = backend.save(bundle, "2024-02")
        registry.mark_challenger(second)
        assert registry.version_for_partition(backend.model_name, "2024-02") == registry.version(backend.model_name, second.version)
        backend.client().set_registered_model_alias(backend.model_name, "champion", str(first.version))
        assert registry.version_by_alias(backend.model_name, "champion") == registry.version(backend.model_name, first.version)

    def test_rollback_does_not_lead_to_it(self, backend: Backend, bundle: TinyBundle) -> None:
        """A previous champion that nobody knows is refused before anything changes."""
        first, registry = backend.save(bundle), backend.registry()
        registry.promote(first, now=NOW)
        foreign = self.register_by_hand(backend, first)
        backend.client().set_registered_model_alias(backend.model_name, "previous_champion", str(foreign))
        before = registry.version(backend.model_name, first.version)
        with pytest.raises(PermanentError, match="but somebody made it the previous_champion"):
            registry.rollback(backend.model_name, now=LATER)
        assert registry.version(backend.model_name, first.version) == before


class TestEvaluation:
    """An evaluation belongs to the run of the version it judges."""

    def test_metrics_and_figures_join_the_run(self, backend: Backend, bundle: TinyBundle) -> None:
        """Test metrics stand beside the validation metrics; a later evaluation supersedes, even with lower values."""
        version = backend.save(bundle)
        registry, client = backend.registry(), backend.client()
        registry.log_evaluation(version, {"auc": 0.9, "lift": None, "mcc": float("nan")}, FIGURES, now=NOW)
        registry.log_evaluation(version, {"auc": 0.7}, {}, now=LATER)
        run = client.get_run(version.run_id)
        tested = {name: value for name, value in run.data.metrics.items() if name.startswith("test/")}
        assert tested == {"test/auc": 0.7}
        assert run.info.status == "FINISHED"
        assert [file.path for file in client.list_artifacts(version.run_id, "evaluation")] == ["evaluation/roc.png"]


def test_urls_lead_to_run_and_version() -> None:
    """Links are those of MLflow's own pages, in its part for machine learning."""
    version = ModelVersion("examples.m", 3, "r1", "7", "m-1", "", "2024-01", "f", NOW, NOW, (), NOW)
    assert (
        version.run_url("http://localhost:5000/") == "http://localhost:5000/#/experiments/7/runs/r1?workflowType=machine_learning"
    )
    assert (
        version.model_url("http://localhost:5000")
        == "http://localhost:5000/#/models/examples.m/versions/3?workflowType=machine_learning"
    )


def test_asking_whether_there_is_a_registry_makes_none(tmp_path: Path, mlflow_database: Path) -> None:
    """A local database is made at its first use; a server is there, as far as that can be told without asking it."""
    registry = open_model_registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")
    assert not registry.exists()
    assert list(tmp_path.iterdir()) == []
    shutil.copy(mlflow_database, tmp_path / "mlflow.db")
    assert registry.exists()
    assert open_model_registry("http://127.0.0.1:9", tmp_path / "artifacts").exists()


def test_folder_may_have_any_name(tmp_path: Path, mlflow_database: Path, bundle: TinyBundle) -> None:
    """Blanks, percent signs and other characters in the data directory's name survive the way through MLflow's URIs."""
    folder = tmp_path / "100%20 sure#é"
    folder.mkdir()
    shutil.copy(mlflow_database, folder / "mlflow.db")
    uri, artifacts = f"sqlite:///{quote(str(folder / 'mlflow.db'))}", folder / "artifacts"
    backend = Backend(uri, artifacts, artifacts, "model", "a/model")
    version = backend.save(bundle)
    assert backend.registry().load(version).provenance.fingerprint == bundle.provenance.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    with pytest.raises(SettingsError, match=r"MLflow cannot open .*/sure\?/mlflow\.db: there is a \? in the name"):
        open_model_registry(f"sqlite:///{quote(str(tmp_path / 'sure?' / 'mlflow.db'))}", folder)
