"""The champion changes only for a challenger that is better beyond chance and worse in nothing that matters."""

import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import SettingsError
from mlops_assets.ml.metric_set import AUC, BRIER, LOG_LOSS, MCC, Measurement, Metric, measure_probabilities
from mlops_assets.ml.promotion import PromotionDecision, PromotionPolicy, decide_promotion
from mlops_assets.ml.promotion.rule import bootstrap_mean_interval

GUARDS = {AUC: 0.005, MCC: 0.01}
POLICY = PromotionPolicy(LOG_LOSS, GUARDS, min_rows=100)
BY_BRIER = PromotionPolicy(BRIER, GUARDS, min_rows=100)
ROWS = 2000


def _world() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Return outcomes and the true probabilities they were drawn from."""
    generator = np.random.default_rng(11)
    truth = generator.beta(1, 3, ROWS)
    return generator.random(ROWS) < truth, truth


def _blurred(probability: npt.NDArray[np.float64], amount: float) -> npt.NDArray[np.float64]:
    noise = np.random.default_rng(12).normal(0, amount, len(probability))
    return np.clip(probability + noise, 0.01, 0.99)


def _decide(
    challenger: npt.NDArray[np.float64],
    champion: npt.NDArray[np.float64] | None,
    *,
    outcome: npt.NDArray[np.bool_] | None = None,
    threshold: float = 0.5,
    blockers: tuple[str, ...] = (),
    policy: PromotionPolicy = POLICY,
) -> PromotionDecision:
    """Decide between probabilities of the world's outcomes, or of others; the champion's threshold is 0.5."""
    observed = _world()[0] if outcome is None else outcome
    incumbent = None if champion is None else measure_probabilities(observed, champion, 0.5, policy.metric)
    measured = measure_probabilities(observed, challenger, threshold, policy.metric)
    return decide_promotion(measured, incumbent, blockers=blockers, policy=policy)


def test_first_model_that_passes_the_gate_is_promoted() -> None:
    """Without a champion nothing is compared."""
    found = _decide(_world()[1], None)
    assert found.decision == "promote_first"
    assert found.is_promoted
    compared = ("champion_value", "improvement", "improvement_low", "improvement_high")
    assert [found.evidence[name] for name in compared] == [None] * 4


@pytest.mark.parametrize("has_champion", [True, False])
def test_failed_gate_rejects_even_the_better_model(has_champion: bool) -> None:
    """The reason repeats the sentences of the gate."""
    _, truth = _world()
    found = _decide(truth, _blurred(truth, 0.4) if has_champion else None, blockers=("The AUC is 0.5.",))
    assert found.decision == "rejected_by_gate"
    assert not found.is_promoted
    assert "The AUC is 0.5." in found.reason


@pytest.mark.parametrize("policy", [POLICY, BY_BRIER])
def test_clearly_better_challenger_is_promoted(policy: PromotionPolicy) -> None:
    """The true probabilities beat blurred ones, and the evidence says by how much."""
    _, truth = _world()
    found = _decide(truth, _blurred(truth, 0.3), policy=policy)
    assert found.decision == "promote"
    improvement = found.evidence["champion_value"] - found.evidence["challenger_value"]
    assert found.evidence["improvement"] == pytest.approx(improvement)
    low, high = found.evidence["improvement_low"], found.evidence["improvement_high"]
    assert 0 < low < improvement < high
    assert f"its {policy.metric} is {improvement:.5f} lower (better) than the champion's" in found.reason
    assert f"between +{low:.5f} and +{high:.5f}" in found.reason


def test_clearly_worse_challenger_is_kept_out() -> None:
    """The champion stays, with the whole interval below zero."""
    _, truth = _world()
    found = _decide(_blurred(truth, 0.3), truth)
    assert found.decision == "keep_champion"
    assert found.evidence["improvement_high"] < 0
    assert f"its log loss is {-found.evidence['improvement']:.5f} higher (worse) than the champion's" in found.reason


def test_same_model_again_is_not_promoted() -> None:
    """A challenger that is the champion's twin is not better."""
    _, truth = _world()
    found = _decide(truth, truth)
    assert (found.decision, found.evidence["improvement"]) == ("keep_champion", 0.0)
    assert "its log loss is the same as the champion's" in found.reason


def test_difference_within_chance_keeps_the_champion() -> None:
    """A better mean is not enough when the interval holds zero."""
    outcome, _ = _world()
    # 56 % of the rows gain 0.09 and 44 % lose 0.11: 0.002 on average, with a standard error of 0.0022.
    towards_truth = np.where(np.arange(ROWS) < 0.56 * ROWS, 0.1, -0.1)
    found = _decide(0.5 + np.where(outcome, 1, -1) * towards_truth, np.full(ROWS, 0.5), policy=BY_BRIER)
    assert found.evidence["improvement"] > 0 > found.evidence["improvement_low"]
    assert found.decision == "keep_champion"
    assert "not better beyond chance" in found.reason


def test_other_metric_that_drops_keeps_the_champion() -> None:
    """Better probabilities do not excuse much worse classes."""
    _, truth = _world()
    found = _decide(truth, _blurred(truth, 0.2), threshold=0.99)
    assert found.decision == "keep_champion"
    assert found.evidence["improvement_low"] > 0
    assert "but its MCC drops from" in found.reason


def test_few_rows_promote_nobody() -> None:
    """The champion stays and a first model waits."""
    _, truth = _world()
    strict = PromotionPolicy(LOG_LOSS, min_rows=ROWS + 1)
    kept = _decide(truth, _blurred(truth, 0.3), policy=strict)
    first = _decide(truth, None, policy=strict)
    assert (kept.decision, first.decision) == ("keep_champion", "rejected_by_gate")
    assert "2001 are needed" in kept.reason
    assert "2001 are needed" in first.reason


def test_one_outcome_promotes_nobody() -> None:
    """Rows without a yes cannot show which model finds it."""
    probability = np.full(ROWS, 0.2)
    found = _decide(probability / 2, probability, outcome=np.zeros(ROWS, dtype=bool))
    assert found.decision == "keep_champion"
    assert "same outcome" in found.reason


def test_same_input_gives_the_same_evidence() -> None:
    """The interval depends on the seed and the rows only."""
    _, truth = _world()
    assert _decide(truth, _blurred(truth, 0.1)) == _decide(truth, _blurred(truth, 0.1))


def test_models_measured_on_other_rows_are_not_compared() -> None:
    """Nor those of which only means are known."""
    rows = Measurement({"log_loss": 0.5}, 1000, row_values=np.full(1000, 0.5))
    for other, message in ((Measurement({"log_loss": 0.4}, 999), "different rows"), (Measurement({}, 1000), "each row's part")):
        with pytest.raises(ValueError, match=message):
            decide_promotion(rows, other, blockers=[], policy=POLICY)


def test_metric_that_is_no_mean_over_rows_cannot_decide() -> None:
    """The error names those that can."""
    outcome, truth = _world()
    with pytest.raises(SettingsError, match="the AUC is no mean over rows; compare models by log loss or Brier score"):
        measure_probabilities(outcome, truth, 0.5, AUC)


@pytest.mark.parametrize(("settings", "message"), [({"confidence": 1.0}, "confidence"), ({"bootstrap_samples": 0}, "sample")])
def test_wrong_policy_fails_when_it_is_made(settings: dict[str, Any], message: str) -> None:
    """A wrong value is found at start, not at the first promotion."""
    with pytest.raises(SettingsError, match=message):
        PromotionPolicy(LOG_LOSS, **settings)


@given(values=st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=4, max_size=30))
def test_same_evidence_decides_the_same_whichever_way_is_better(values: list[tuple[float, float]]) -> None:
    """Turning all values and the direction around changes no decision, and a gain of one is the loss of the other."""
    found = {}
    for greater_is_better in (True, False):
        sign = 1 if greater_is_better else -1
        policy = PromotionPolicy(Metric("score", greater_is_better), min_rows=4, bootstrap_samples=20)
        first, second = (
            Measurement({"score": sign * np.mean(rows)}, len(values), row_values=sign * np.array(rows))
            for rows in zip(*values, strict=True)
        )
        found[greater_is_better] = decide_promotion(first, second, blockers=[], policy=policy)
        turned = decide_promotion(second, first, blockers=[], policy=policy)
        assert turned.evidence["improvement"] == pytest.approx(-found[greater_is_better].evidence["improvement"])
        assert not (turned.is_promoted and found[greater_is_better].is_promoted)
    assert found[True].decision == found[False].decision
    assert found[True].evidence["improvement"] == pytest.approx(found[False].evidence["improvement"])


def test_bootstrap_interval_is_near_that_of_theory() -> None:
    """For many rows the interval is the mean plus and minus 1.96 standard errors."""
    values = np.random.default_rng(2).normal(1, 1, 10_000)
    low, high = bootstrap_mean_interval(values, samples=1000, confidence=0.95, seed=0)
    assert (low, high) == pytest.approx((values.mean() - 0.0196, values.mean() + 0.0196), abs=0.002)


def test_rules_load_no_heavy_library() -> None:
    """Gate, promotion and drift limits can be named by settings without slowing the start."""
    code = (
        "import sys; from mlops_assets.ml import drift, metric_set, predictors, promotion, retraining, search\n"
        "print(*{'numpy', 'pandas', 'sklearn', 'scipy', 'dagster', 'mlflow'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
