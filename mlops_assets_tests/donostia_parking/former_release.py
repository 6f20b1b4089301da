"""Forecast models as they were saved before a bundle was an envelope around a predictor."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.contracts import TableContract
from mlops_assets.donostia_parking.modelling import forecaster
from mlops_assets.donostia_parking.modelling.forecaster import CarParkForecaster
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.forecasting.selection import IntervalWidths
from mlops_assets.ml.former_modules import former_columns_of, importable_by_former_names
from mlops_assets_tests.format_1 import write_format_1


class ForecastBundle:
    """The class of that time: a bundle of its own, which was the pipeline in another."""


def write_former_bundle(folder: Path, bundle: Bundle[CarParkForecaster], module: str) -> None:
    """Save a forecast model as it was done when its classes were in a module of the domain, with the provenance pickled along."""
    former: Any = ForecastBundle()
    provenance = {name: getattr(bundle.provenance, name) for name in bundle.provenance.__dataclass_fields__}
    former.__dict__.update({**provenance, "input_contract": bundle.input_contract, **vars(bundle.predictor)})
    with importable_by_former_names("donostia_parking"), pytest.MonkeyPatch.context() as then:
        # A pickle names a class by its module; it refuses another class than the one that stands there.
        then.setattr(forecaster, "ForecastBundle", ForecastBundle)
        for each in (ForecastBundle, forecaster.CarParkModel):
            then.setattr(each, "__module__", f"mlops_assets.donostia_parking.{module}")
        then.setattr(IntervalWidths, "__module__", "mlops_assets.ml.forecasting.judging")
        write_format_1(folder, former, None, bundle.provenance, _with_former_columns(bundle.input_contract))


def _with_former_columns(contract: TableContract) -> TableContract:
    former = {new: old for old, new in former_columns_of("donostia_parking").items()}
    columns = tuple(replace(column, name=former.get(column.name, column.name), former_name=None) for column in contract.columns)
    return replace(contract, columns=columns, key=())
