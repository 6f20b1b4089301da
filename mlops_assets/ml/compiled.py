"""Fitted pipelines for a few records at a time: what scikit-learn computes, without the checks that take most of its time.

`compile_pipeline` takes a fitted pipeline apart once. What comes out gives the same probabilities as `predict_proba` for a table of
the same rows, to the last bit: it does the same arithmetic in the same order. Steps that it does not know are not compiled,
nor are pipelines that do not begin by filling in what is unknown: without an imputer, each kind of model has its own way with NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import MinMaxScaler, QuantileTransformer
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

Rows = npt.NDArray[np.float64]
"""Records, one per row."""
Step = Callable[[Rows], Rows]


class _UnknownStepError(Exception):
    """A pipeline has a step that is not compiled."""


def compile_pipeline(pipeline: Any) -> Step | None:
    """Return a function that gives a fitted pipeline's probabilities, rows x classes, for the features of records, rows x features.

    It may be called from several threads. Unknown features are NaN.

    Args:
        pipeline: fitted on columns of floats in the order of the features.

    Returns:
        The function; None if the pipeline does not begin with an imputer, or has steps of other kinds. It checks nothing: infinity,
        and numbers that single precision does not hold, which scikit-learn refuses, must not reach it.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline

    if type(pipeline) is not Pipeline or type(pipeline.steps[0][1]) is not SimpleImputer:
        return None
    try:
        return _compiled(pipeline)
    except _UnknownStepError:
        return None


def _compiled(step: Any) -> Step:
    compiler = _compilers().get(type(step))
    if compiler is None:
        raise _UnknownStepError
    return compiler(step)


@cache
def _compilers() -> dict[type, Callable[[Any], Step]]:
    """Return what compiles steps by their class; a subclass may compute differently and is not among them."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import MinMaxScaler, QuantileTransformer
    from sklearn.tree import DecisionTreeClassifier

    from mlops_assets.ml.forest import ReproducibleForest

    return {
        Pipeline: _pipeline,
        SimpleImputer: _imputer,
        MinMaxScaler: _min_max_scaler,
        QuantileTransformer: _quantile_transformer,
        LogisticRegression: _logistic_regression,
        DecisionTreeClassifier: _decision_tree,
        RandomForestClassifier: _forest,
        ReproducibleForest: _forest,
        GradientBoostingClassifier: _gradient_boosting,
        CalibratedClassifierCV: _calibrated_svc,
        VotingClassifier: _vote,
    }


def _pipeline(pipeline: Pipeline) -> Step:
    steps = [_compiled(step) for _, step in pipeline.steps]

    def probabilities(rows: Rows) -> Rows:
        for step in steps:
            rows = step(rows)
        return rows

    return probabilities


def _imputer(imputer: Any) -> Step:
    statistics, unknown = np.asarray(imputer.statistics_), imputer.missing_values
    if (
        not (isinstance(unknown, float) and np.isnan(unknown))
        or imputer.add_indicator
        or statistics.dtype != np.float64
        or np.isnan(statistics).any()
    ):
        raise _UnknownStepError
    return lambda rows: np.where(np.isnan(rows), statistics, rows)


def _min_max_scaler(scaler: MinMaxScaler) -> Step:
    scale, offset, (low, high), is_clipped = scaler.scale_, scaler.min_, scaler.feature_range, scaler.clip

    def scaled(rows: Rows) -> Rows:
        moved: Rows = rows * scale + offset
        return np.clip(moved, low, high) if is_clipped else moved

    return scaled


def _quantile_transformer(transformer: QuantileTransformer) -> Step:
    """Interpolate in both directions and take the mean, as scikit-learn does because of quantiles that are equal."""
    if transformer.output_distribution != "uniform":
        raise _UnknownStepError
    quantiles, references = transformer.quantiles_.T.copy(), transformer.references_
    backwards, references_backwards = -quantiles[:, ::-1].copy(), -references[::-1].copy()
    lowest, highest = quantiles[:, 0], quantiles[:, -1]
    columns = list(zip(quantiles, backwards, strict=True))

    def ranks(rows: Rows) -> Rows:
        means = [
            np.interp(values, forwards, references) - np.interp(-values, backwards, references_backwards)
            for values, (forwards, backwards) in zip(rows.T, columns, strict=True)
        ]
        inside: Rows = 0.5 * np.stack(means, axis=1)
        inside[rows == highest] = 1
        inside[rows == lowest] = 0
        return inside

    return ranks


def _logistic_regression(model: LogisticRegression) -> Step:
    from scipy.special import expit

    if len(model.classes_) != 2:
        raise _UnknownStepError
    weights, intercept = model.coef_.T, model.intercept_
    return lambda rows: _two_classes(expit((rows @ weights + intercept)[:, 0]))


def _decision_tree(tree: DecisionTreeClassifier) -> Step:
    fitted, classes = tree.tree_, tree.n_classes_
    return lambda rows: fitted.predict(rows.astype(np.float32))[:, :classes]


def _forest(forest: RandomForestClassifier) -> Step:
    trees, walk = [tree.tree_ for tree in forest.estimators_], _walk_down_all(forest)
    classes = forest.n_classes_

    def probabilities(rows: Rows) -> Rows:
        if len(rows) == 1:
            return walk(rows[0])
        values, total = rows.astype(np.float32), np.zeros((len(rows), classes))
        for tree in trees:
            total += tree.predict(values)[:, :classes]
        return total / len(trees)

    return probabilities


def _walk_down_all(forest: RandomForestClassifier) -> Callable[[Rows], Rows]:
    """Return what takes one record down all trees at once: each level is a few operations on as many numbers as there are trees."""
    trees = [tree.tree_ for tree in forest.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    is_leaf = np.concatenate([tree.children_left for tree in trees]) < 0
    here = np.arange(len(is_leaf))

    def children(name: str) -> npt.NDArray[np.intp]:
        """Return the node that follows each; a leaf follows itself."""
        found = np.concatenate([getattr(tree, name) + start for tree, start in zip(trees, starts, strict=True)])
        return np.where(is_leaf, here, found)

    following = np.stack([children("children_right"), children("children_left")], axis=1).ravel()
    feature = np.where(is_leaf, 0, np.concatenate([tree.feature for tree in trees]))
    threshold = np.concatenate([tree.threshold for tree in trees])
    leaf_values = np.concatenate([tree.value[:, 0, :] for tree in trees])
    depth, count = max(tree.max_depth for tree in trees), len(trees)

    def probabilities(values: Rows) -> Rows:
        # Trees compare numbers of single precision with thresholds of double precision.
        rounded, nodes = values.astype(np.float32).astype(np.float64), starts
        for _ in range(depth):
            goes_left = rounded[feature[nodes]] <= threshold[nodes]
            nodes = following[2 * nodes + goes_left]
        # One after the other, as the forest adds them up; `sum` would do it in pairs.
        total: Rows = np.add.accumulate(leaf_values[nodes], axis=0)[-1:]
        return total / count

    return probabilities


def _gradient_boosting(model: GradientBoostingClassifier) -> Step:
    from sklearn.ensemble._gradient_boosting import predict_stages

    trees, rate, loss = model.estimators_, model.learning_rate, model._loss
    # What the first guess is does not depend on the record.
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))

    def probabilities(rows: Rows) -> Rows:
        raw = np.repeat(start, len(rows), axis=0)
        predict_stages(trees, rows.astype(np.float32), rate, raw)
        found: Rows = loss.predict_proba(raw.ravel() if raw.shape[1] == 1 else raw)
        return found

    return probabilities


def _calibrated_svc(calibrated: Any) -> Step:
    """An SVC whose distance from the boundary goes through one sigmoid."""
    from scipy.special import expit
    from sklearn.svm import SVC

    if calibrated.method != "sigmoid" or len(calibrated.calibrated_classifiers_) != 1 or len(calibrated.classes_) != 2:
        raise _UnknownStepError
    fitted = calibrated.calibrated_classifiers_[0]
    if type(fitted.estimator) is not SVC:
        raise _UnknownStepError
    (sigmoid,), distance = fitted.calibrators, _svc_distance(fitted.estimator)
    return lambda rows: _two_classes(expit(-(sigmoid.a_ * distance(rows) + sigmoid.b_)))


def _svc_distance(svc: SVC) -> Callable[[Rows], Rows]:
    from sklearn.svm import _libsvm as libsvm

    if callable(svc.kernel) or svc.kernel == "precomputed":
        raise _UnknownStepError
    fitted = (svc.support_, svc.support_vectors_, svc._n_support, svc._dual_coef_, svc._intercept_, svc._probA, svc._probB)
    settings = {
        "svm_type": 0,
        "kernel": svc.kernel,
        "degree": svc.degree,
        "cache_size": svc.cache_size,
        "coef0": svc.coef0,
        "gamma": svc._gamma,
    }
    # Libsvm's first class is scikit-learn's second.
    return lambda rows: -libsvm.decision_function(rows, *fitted, **settings)[:, 0]


def _vote(vote: VotingClassifier) -> Step:
    if vote.voting != "soft":
        raise _UnknownStepError
    models, weights = [_compiled(model) for model in vote.estimators_], vote._weights_not_none
    return lambda rows: np.average([model(rows) for model in models], axis=0, weights=weights)


def _two_classes(probability: Rows) -> Rows:
    return np.stack([1 - probability, probability], axis=1)
