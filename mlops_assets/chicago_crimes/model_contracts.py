"""The contracts of this domain's tables from the training window to drift."""

from dataclasses import replace

from mlops_assets.chicago_crimes import DOMAIN
from mlops_assets.chicago_crimes.contracts import ENRICHED_CRIMES, RAW_CRIMES
from mlops_assets.chicago_crimes.modelling.features import ENCODED_COLUMNS
from mlops_assets.contracts import Column, TableContract
from mlops_assets.ml.promotion import promotion_contract
from mlops_assets.ml.served_predictions import served_contracts

_UNUSED_IN_TRAINING = ("case_number", "block", "description")

TRAINING_WINDOW = ENRICHED_CRIMES.derive(
    "training_window",
    "One row per crime of the twelve months before the partition: all that the month's model may learn from or be tested on.",
    dropped=_UNUSED_IN_TRAINING,
)

_IS_VALIDATION = Column(
    "is_validation",
    "bool",
    "Whether the row is for comparing candidates and setting the threshold; the selected one is then fitted on it, too.",
)

DEVELOPMENT_SPLIT = TRAINING_WINDOW.derive(
    "development_split",
    "The earlier 80 % of the training window, by time. Its own last 20 % are validation rows, the others training rows.",
    added=(_IS_VALIDATION,),
)

TEST_SPLIT = TRAINING_WINDOW.derive(
    "test_split", "The latest 20 % of the training window: touched once, to say how good the chosen model is."
)

_CRIME_ID = RAW_CRIMES.column("crime_id")

ENCODED_TRAIN = TableContract(
    domain=DOMAIN,
    name="encoded_train",
    description="The encoded features of the training rows. Rates are cross-fitted: a row's own outcome is not in them.",
    columns=(_CRIME_ID, RAW_CRIMES.column("is_arrest"), *ENCODED_COLUMNS),
    key=("crime_id",),
)

SELECTED_FEATURES = TableContract(
    domain=DOMAIN,
    name="selected_features",
    description="One row per column of which features can be made: how much it says about arrests, and whether the model uses it.",
    columns=(
        Column("feature", "string", "Column of `enriched_crimes`, or one that is derived from it."),
        Column("mutual_information", "float64", "Mutual information with `is_arrest` on training rows.", "nat", minimum=0),
        Column("is_selected", "bool", "Whether it carries enough for features to be made of it."),
    ),
    key=("feature",),
)

_MONTH = Column("month", "date", "First day of the partition's month.")
_MODEL_VERSION = Column("model_version", "int64", "Version of `arrest_model` in the registry.", minimum=1)
_MODEL_RUN_ID = Column("model_run_id", "string", "MLflow run that trained it.")


def _share(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, "float64", description, nullable=nullable, minimum=0, maximum=1)


ARREST_EVALUATION = TableContract(
    domain=DOMAIN,
    name="arrest_evaluation",
    description="How good a month's model is on its test split, beside baselines, overall and by district and type of crime.",
    columns=(
        _MONTH,
        Column(
            "predictor",
            "string",
            "What the metrics are of: the model, or a baseline (never an arrest; arrest rate of the crime type).",
            allowed=("model", "majority_class", "base_rate_by_type"),
        ),
        Column(
            "slice_kind",
            "string",
            "How test rows are grouped: all of them, by police district, or by type of crime.",
            allowed=("all", "district_code", "primary_type"),
        ),
        Column("slice", "string", "Group within `slice_kind`: a district code or a crime type; `all` for all rows."),
        Column("row_count", "int64", "Number of test rows in the group.", minimum=1),
        Column("positive_count", "int64", "Number of test rows in the group with an arrest.", minimum=0),
        _share("auc", "Area under the ROC curve: 0.5 is chance, 1 is perfect ranking; empty if only one class occurs."),
        _share(
            "average_precision",
            "Area under the precision-recall curve; compare with the share of arrests. Empty if only one class occurs.",
        ),
        _share("brier", "Mean squared error of the probability; smaller is better."),
        Column("log_loss", "float64", "Mean log loss of the probability; smaller is better.", "nat", nullable=True, minimum=0),
        _share("calibration_error", "Mean gap between predicted and observed rates over equally filled bins."),
        _share("threshold", "Probability from which an arrest is predicted, chosen on validation rows."),
        Column(
            "mcc",
            "float64",
            "Matthews correlation coefficient of predicted and actual classes: 0 is chance, 1 is perfect.",
            nullable=True,
            minimum=-1,
            maximum=1,
        ),
        _share("accuracy", "Share of rows classified correctly; compare with `no_information_rate`."),
        _share("precision", "Share of predicted arrests that were arrests."),
        _share("recall", "Share of arrests that were predicted."),
        _share("f1", "Harmonic mean of precision and recall."),
        replace(_share("no_information_rate", "Accuracy of never predicting an arrest."), former_name="always_no_accuracy"),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("month", "predictor", "slice_kind", "slice"),
    partition_column="month",
)

ARREST_CHAMPION = promotion_contract(DOMAIN, "arrest_champion")

ARREST_PREDICTIONS = TableContract(
    domain=DOMAIN,
    name="arrest_predictions",
    description="One row per crime of the month with the arrest probability by the champion that knew only earlier months.",
    columns=(
        _MONTH,
        _CRIME_ID,
        RAW_CRIMES.column("occurred_at"),
        _share("arrest_probability", "Probability that the crime leads to an arrest.", nullable=False),
        Column("is_arrest_predicted", "bool", "Whether the probability reaches the model's threshold."),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("crime_id",),
    partition_column="month",
)

ARREST_DRIFT = TableContract(
    domain=DOMAIN,
    name="arrest_drift",
    description="How far a month is from what its model was trained on, column by column, and how good the model was that month.",
    columns=(
        _MONTH,
        Column("feature", "string", "Column of `enriched_crimes`, `arrest_probability`, or a quality metric."),
        Column(
            "kind",
            "string",
            "What the row compares: a numeric column, a categorical column, or a quality metric of the model.",
            allowed=("numeric", "categorical", "quality"),
        ),
        Column(
            "psi",
            "float64",
            "Population stability index between training and month: below 0.1 is stable, above 0.2 is drift.",
            nullable=True,
            minimum=0,
        ),
        Column(
            "ks",
            "float64",
            "Kolmogorov-Smirnov statistic: largest distance between the two cumulative distributions.",
            nullable=True,
            minimum=0,
            maximum=1,
        ),
        Column(
            "missing_share_reference", "float64", "Share of training rows without a value.", nullable=True, minimum=0, maximum=1
        ),
        Column(
            "missing_share_current", "float64", "Share of the month's rows without a value.", nullable=True, minimum=0, maximum=1
        ),
        Column("reference_value", "float64", "For quality: the metric on validation rows at training time.", nullable=True),
        Column("current_value", "float64", "For quality: the metric on the month's rows whose outcomes are known.", nullable=True),
        Column("row_count", "int64", "Number of the month's rows that were compared.", minimum=0),
        Column("is_over_limit", "bool", "Whether the difference exceeds the limit from which retraining is considered."),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("month", "kind", "feature"),
    partition_column="month",
)

MODEL_CONTRACTS = (
    TRAINING_WINDOW,
    DEVELOPMENT_SPLIT,
    TEST_SPLIT,
    ENCODED_TRAIN,
    SELECTED_FEATURES,
    ARREST_EVALUATION,
    ARREST_CHAMPION,
    ARREST_PREDICTIONS,
    ARREST_DRIFT,
    *served_contracts(DOMAIN),
)
