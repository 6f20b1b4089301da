"""A forest gives the same probabilities each time, on however many cores."""

import pickle

import numpy as np

from mlops_assets.ml.forest import ReproducibleForest


def test_probabilities_are_added_up_in_the_order_of_trees() -> None:
    """To the last bit: the order in which threads finish plays no part."""
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 4))
    # Leaves of several rows: the ones and zeros of pure leaves add up to the same sum in any order.
    forest = ReproducibleForest(n_estimators=25, min_samples_leaf=5, n_jobs=2, random_state=1)
    forest.fit(X, X[:, 0] + random.normal(size=300) > 0)
    expected = sum(tree.predict_proba(X) for tree in forest.estimators_) / 25
    for _ in range(20):
        np.testing.assert_array_equal(forest.predict_proba(X), expected)


def test_a_fit_is_the_same_bytes_on_any_number_of_cores() -> None:
    """Each tree has its own seed, so it does not matter which thread grows it."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    fits = [ReproducibleForest(n_estimators=10, n_jobs=2, random_state=1).fit(X, X[:, 0] > 0) for _ in range(2)]
    assert pickle.dumps(fits[0]) == pickle.dumps(fits[1])
