"""A promotion decision becomes one row that keeps its contract, whatever was decided."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import rows_to_frame, to_arrow, to_pandas
from mlops_assets.ml.metric_set import BRIER, LOG_LOSS, Metric, measure_probabilities
from mlops_assets.ml.promotion import PromotionDecision, PromotionPolicy, decide_promotion, promotion_contract

_CONTRACT = promotion_contract("examples", "colour_champion")
_OUTCOME = np.arange(1_000) % 2 == 0


def _decision(
    challenger: float, champion: float | None, *, failures: tuple[str, ...] = (), metric: Metric = LOG_LOSS
) -> PromotionDecision:
    """Decide between two models, each as certain of every row's true outcome as said."""
    measured = [
        None if certainty is None else measure_probabilities(_OUTCOME, _probability(certainty), 0.5, metric)
        for certainty in (challenger, champion)
    ]
    assert measured[0] is not None
    policy = PromotionPolicy(metric, bootstrap_samples=20)
    return decide_promotion(measured[0], measured[1], blockers=failures, policy=policy)


def _record(decision: PromotionDecision, challenger: int, champion: int | None) -> pd.DataFrame:
    """Return a decision as the champion's asset stores it."""
    return rows_to_frame([{"challenger_version": challenger, "champion_version": champion, **decision.as_row()}], _CONTRACT)


def _probability(certainty: float) -> npt.NDArray[np.float64]:
    return np.where(_OUTCOME, certainty, 1 - certainty)


@pytest.mark.parametrize(
    ("challenger", "champion", "failures", "kind"),
    [
        (0.8, None, (), "promote_first"),
        (0.8, 0.7, (), "promote"),
        (0.7, 0.8, (), "keep_champion"),
        (0.8, 0.7, ("Too old.",), "rejected_by_gate"),
        (0.8, None, ("Too old.",), "rejected_by_gate"),
    ],
)
def test_every_decision_is_a_row_that_keeps_its_contract(
    challenger: float, champion: float | None, failures: tuple[str, ...], kind: str
) -> None:
    """With or without a champion; and it comes back from the warehouse as it went."""
    decision = _decision(challenger, champion, failures=failures)
    record = _record(decision, 4, None if champion is None else 3)
    assert find_violations(record, _CONTRACT).empty
    row = to_pandas(to_arrow(record, _CONTRACT)).iloc[0]
    assert row[["challenger_version", "decision", "reason"]].tolist() == [4, kind, decision.reason]
    assert row["champion_version"] is pd.NA if champion is None else row["champion_version"] == 3


def test_evidence_can_be_checked_by_hand() -> None:
    """A certainty of 0.8 has Brier 0.04, one of 0.7 has 0.09: an improvement of 0.05 on each of 1,000 rows."""
    row = _record(_decision(0.8, 0.7, metric=BRIER), 4, 3).iloc[0]
    assert (row["metric"], row["row_count"]) == ("brier", 1_000)
    assert row[["challenger_value", "champion_value"]].tolist() == pytest.approx([0.04, 0.09])
    assert row[["improvement_low", "improvement", "improvement_high"]].tolist() == pytest.approx([0.05, 0.05, 0.05])


def test_without_a_champion_the_comparison_is_empty() -> None:
    """Nothing was compared, and no number pretends otherwise."""
    row = _record(_decision(0.8, None), 1, None).iloc[0]
    compared = ["champion_version", "champion_value", "improvement", "improvement_low", "improvement_high"]
    assert row[compared].isna().all()
    assert row["challenger_value"] == pytest.approx(-np.log(0.8))


def test_records_of_several_decisions_are_one_table() -> None:
    """One row per challenger: the same challenger twice breaks the contract."""
    first, second = _record(_decision(0.7, None), 1, None), _record(_decision(0.8, 0.7), 2, 1)
    history = pd.concat([first, second], ignore_index=True)
    assert find_violations(history, _CONTRACT).empty
    assert not find_violations(pd.concat([history, second], ignore_index=True), _CONTRACT).empty
