"""How MLflow loads a bundle: `mlflow.pyfunc.load_model` and MLflow's own model server name this module as their loader.

It imports no mlflow. Records may come from JSON: moments may then be text or have no time zone, and are taken as UTC.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.ml.bundle import ModelBundle

if TYPE_CHECKING:
    import pandas as pd


class BundleModel:
    """A bundle with the one method that MLflow asks of a model."""

    def __init__(self, bundle: ModelBundle) -> None:
        """Serve predictions of `bundle`."""
        self.bundle = bundle

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return `probability` and `is_predicted` for every record; there are no `params`."""
        import pandas as pd

        moments = [column.name for column in self.bundle.input_contract.columns if column.type == "timestamp"]
        in_utc = {name: pd.to_datetime(model_input[name], utc=True) for name in moments if name in model_input.columns}
        return self.bundle.predict(model_input.assign(**in_utc))


def _load_pyfunc(path: str) -> BundleModel:
    """Load the bundle that lies in the folder `path`; the name and the argument are MLflow's."""
    return BundleModel(ModelBundle.load(Path(path)))
