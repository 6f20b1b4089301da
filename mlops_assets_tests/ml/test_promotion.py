"""The champion changes only for a challenger that is better beyond chance and worse in nothing that matters."""

import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest

from mlops_assets.errors import SettingsError
from mlops_assets.ml.promotion import PromotionDecision, PromotionPolicy, bootstrap_mean_interval, decide_promotion

POLICY = PromotionPolicy(min_rows=100)
BRIER = PromotionPolicy(metric="brier", min_rows=100)
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
    gate_failures: tuple[str, ...] = (),
    policy: PromotionPolicy = POLICY,
) -> PromotionDecision:
    outcome, _ = _world()
    threshold = None if champion is None else 0.5
    return decide_promotion(outcome, challenger, champion, 0.5, threshold, gate_failures=gate_failures, policy=policy)


def test_first_model_that_passes_the_gate_is_promoted() -> None:
    """Without a champion nothing is compared."""
    found = _decide(_world()[1], None)
    assert found.decision == "promote_first"
    assert found.is_promoted
    assert (found.difference, found.interval_low, found.interval_high, found.champion) == (None, None, None, None)


@pytest.mark.parametrize("has_champion", [True, False])
def test_failed_gate_rejects_even_the_better_model(has_champion: bool) -> None:
    """The reason repeats the sentences of the gate."""
    _, truth = _world()
    found = _decide(truth, _blurred(truth, 0.4) if has_champion else None, gate_failures=("The AUC is 0.5.",))
    assert found.decision == "rejected_by_gate"
    assert not found.is_promoted
    assert "The AUC is 0.5." in found.reason


@pytest.mark.parametrize("policy", [POLICY, BRIER])
def test_clearly_better_challenger_is_promoted(policy: PromotionPolicy) -> None:
    """The true probabilities beat blurred ones, and the evidence says by how much."""
    _, truth = _world()
    found = _decide(truth, _blurred(truth, 0.3), policy=policy)
    assert found.decision == "promote"
    assert found.champion is not None
    assert found.difference == pytest.approx(getattr(found.champion, policy.metric) - getattr(found.challenger, policy.metric))
    assert found.difference is not None
    assert found.interval_low is not None
    assert found.interval_high is not None
    assert 0 < found.interval_low < found.difference < found.interval_high
    name = policy.metric.replace("_", " ")
    assert f"its {name} is {found.difference:.5f} lower (better) than the champion's" in found.reason
    assert f"between +{found.interval_low:.5f} and +{found.interval_high:.5f}" in found.reason


def test_clearly_worse_challenger_is_kept_out() -> None:
    """The champion stays, with the whole interval below zero."""
    _, truth = _world()
    found = _decide(_blurred(truth, 0.3), truth)
    assert found.decision == "keep_champion"
    assert found.interval_high is not None
    assert found.interval_high < 0
    assert found.difference is not None
    assert f"its log loss is {-found.difference:.5f} higher (worse) than the champion's" in found.reason


def test_same_model_again_is_not_promoted() -> None:
    """A challenger that is the champion's twin is not better."""
    _, truth = _world()
    found = _decide(truth, truth)
    assert (found.decision, found.difference) == ("keep_champion", 0.0)
    assert "its log loss is the same as the champion's" in found.reason


def test_difference_within_chance_keeps_the_champion() -> None:
    """A better mean is not enough when the interval holds zero."""
    outcome, _ = _world()
    # 56 % of the rows gain 0.09 and 44 % lose 0.11: 0.002 on average, with a standard error of 0.0022.
    towards_truth = np.where(np.arange(ROWS) < 0.56 * ROWS, 0.1, -0.1)
    found = _decide(0.5 + np.where(outcome, 1, -1) * towards_truth, np.full(ROWS, 0.5), policy=BRIER)
    assert found.difference is not None
    assert found.interval_low is not None
    assert found.difference > 0 > found.interval_low
    assert found.decision == "keep_champion"
    assert "not better beyond chance" in found.reason


def test_guard_metric_that_falls_keeps_the_champion() -> None:
    """Better probabilities do not excuse much worse classes."""
    outcome, truth = _world()
    found = decide_promotion(outcome, truth, _blurred(truth, 0.2), 0.99, 0.5, gate_failures=[], policy=POLICY)
    assert found.decision == "keep_champion"
    assert found.interval_low is not None
    assert found.interval_low > 0
    assert "MCC falls" in found.reason


def test_few_rows_promote_nobody() -> None:
    """The champion stays and a first model waits."""
    _, truth = _world()
    strict = PromotionPolicy(min_rows=ROWS + 1)
    kept = _decide(truth, _blurred(truth, 0.3), policy=strict)
    first = _decide(truth, None, policy=strict)
    assert (kept.decision, first.decision) == ("keep_champion", "rejected_by_gate")
    assert "2001 are needed" in kept.reason
    assert "2001 are needed" in first.reason


def test_one_outcome_promotes_nobody() -> None:
    """Rows without a yes cannot show which model finds it."""
    probability = np.full(ROWS, 0.2)
    found = decide_promotion(np.zeros(ROWS, dtype=bool), probability / 2, probability, 0.5, 0.5, gate_failures=[], policy=POLICY)
    assert found.decision == "keep_champion"
    assert "same outcome" in found.reason


def test_same_input_gives_the_same_evidence() -> None:
    """The interval depends on the seed and the rows only."""
    _, truth = _world()
    assert _decide(truth, _blurred(truth, 0.1)) == _decide(truth, _blurred(truth, 0.1))


def test_champion_without_threshold_is_refused() -> None:
    """Its classes could not be compared."""
    outcome, truth = _world()
    with pytest.raises(ValueError, match="without its threshold"):
        decide_promotion(outcome, truth, truth, 0.5, None, gate_failures=[], policy=POLICY)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metric": "accuracy"}, "log_loss, brier"),
        ({"confidence": 1.0}, "confidence"),
        ({"bootstrap_samples": 0}, "sample"),
    ],
)
def test_wrong_policy_fails_when_it_is_made(settings: dict[str, object], message: str) -> None:
    """A wrong value is found at start, not at the first promotion."""
    with pytest.raises(SettingsError, match=message):
        PromotionPolicy(**settings)  # type: ignore[arg-type]


def test_bootstrap_interval_is_near_that_of_theory() -> None:
    """For many rows the interval is the mean plus and minus 1.96 standard errors."""
    values = np.random.default_rng(2).normal(1, 1, 10_000)
    low, high = bootstrap_mean_interval(values, samples=1000, confidence=0.95, seed=0)
    assert (low, high) == pytest.approx((values.mean() - 0.0196, values.mean() + 0.0196), abs=0.002)


def test_rules_load_no_heavy_library() -> None:
    """Gate, promotion and drift limits can be named by settings without slowing the start."""
    code = (
        "import sys; from mlops_assets.ml import drift, gate, promotion, retraining, search\n"
        "print(*{'numpy', 'pandas', 'sklearn', 'scipy', 'dagster', 'mlflow'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
