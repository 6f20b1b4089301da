"""A forecast model as the registry takes it: in the envelope that all models of the platform share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.donostia_parking.modelling.backtesting import FIGURE_NAMES
from mlops_assets.donostia_parking.modelling.training import CHOSEN
from mlops_assets.ml.bundle import ModelBundle
from mlops_assets.ml.search import Trial
from mlops_assets.ml.training import TrainedModel

if TYPE_CHECKING:
    from mlops_assets.donostia_parking.modelling.training import TrainedForecast

_COMPARED_BY = ("city_mae_places", "city_skill", "car_park_mae_places", "car_park_skill")


def as_trained_model(trained: TrainedForecast) -> TrainedModel:
    """Return a trained forecast in the common envelope: the bundle as its pipeline, each candidate as a trial."""
    forecast = trained.bundle
    bundle = ModelBundle(
        name=forecast.name,
        pipeline=forecast,
        input_contract=forecast.input_contract,
        threshold=None,
        training_start_at=forecast.training_start_at,
        training_end_at=forecast.training_end_at,
        training_rows=forecast.training_rows,
        seed=forecast.seed,
        metrics=forecast.metrics,
        baseline_metrics=forecast.baseline_metrics,
        reference=None,
        feature_names=forecast.feature_names,
        estimator_name=forecast.estimator_name,
        fingerprint=forecast.fingerprint,
        library_versions=forecast.library_versions,
    )
    trials = [
        Trial(
            labels={"family": row["candidate"]},
            params={"car_park_count": row["car_park_count"]},
            metrics={name: row[name] for name in FIGURE_NAMES},
            fit_seconds=row["seconds"],
        )
        for row in trained.candidates.to_dict("records")
        if row["candidate"] != CHOSEN
    ]
    return TrainedModel(bundle, trials, is_cut_by_budget=False, figures=trained.figures, compared_by=_COMPARED_BY)
