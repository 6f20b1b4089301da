"""Whether a new model becomes champion: the quality gate, the promotion rule, and the table that keeps each decision.

All three work on mappings of metrics and on which way each is better, and know no kind of model.
Importing them loads no heavy library.
"""

from mlops_assets.ml.promotion.classifiers import decide_between_classifiers, measure_classifier
from mlops_assets.ml.promotion.gate import BaselineLimit, Limit, QualityGate
from mlops_assets.ml.promotion.record import decision_columns, promotion_contract
from mlops_assets.ml.promotion.rule import PromotionDecision, PromotionPolicy, decide_promotion

__all__ = [
    "BaselineLimit",
    "Limit",
    "PromotionDecision",
    "PromotionPolicy",
    "QualityGate",
    "decide_between_classifiers",
    "decide_promotion",
    "decision_columns",
    "measure_classifier",
    "promotion_contract",
]
