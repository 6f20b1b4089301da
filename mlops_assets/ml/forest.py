"""A random forest that gives the same probabilities, bit for bit, each time it is asked."""

from typing import Any

import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier


class ReproducibleForest(RandomForestClassifier):
    """Scikit-learn's random forest, fitted on as many cores as `n_jobs` says but asked on one.

    With several, scikit-learn adds up the trees in the order in which threads finish. Sums of floats depend on their order, so
    the last digits would change from run to run, and with them thresholds, stored metrics and the bytes of tables of probabilities.
    """

    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the mean probabilities of the trees, always added up in the same order."""
        from joblib import parallel_config

        with parallel_config(backend="sequential"):
            return super().predict_proba(X)
