"""The contracts of this domain's tables from the splits to drift."""

from dataclasses import replace

from mlops_assets.contracts import Column, TableContract
from mlops_assets.ml.promotion import promotion_contract
from mlops_assets.ml.served_predictions import served_contracts
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.contracts import DATASET, PLAYLIST_KEY, SONGS

TRAIN_SPLIT = DATASET.derive(
    "train_split", "70 % of the dataset, stratified by label: what a model learns from. Near-duplicates are in one of the splits."
)

TEST_SPLIT = DATASET.derive("test_split", "The other 30 % of the dataset: touched once, to say how good the chosen model is.")

_MODEL_VERSION = Column("model_version", "int64", "Version of `preference_model` in the registry.", minimum=1)
_MODEL_RUN_ID = Column("model_run_id", "string", "MLflow run that trained it.")

PREFERENCE_EVALUATION = TableContract(
    domain=DOMAIN,
    name="preference_evaluation",
    description="How good each model version is on its test split, beside baselines: a row per metric, with its interval.",
    columns=(
        _MODEL_VERSION,
        Column(
            "predictor",
            "string",
            "What the metric is of: the model, liking every song, or the original system's model (an SVC on four features).",
            allowed=("model", "always_like", "original_svc"),
        ),
        Column(
            "metric",
            "string",
            "What is measured. Of `brier` and `log_loss` (in nats) less is better, of the others more.",
            allowed=("auc", "f1", "accuracy", "balanced_accuracy", "brier", "log_loss"),
        ),
        Column("value", "float64", "The metric on the test songs.", nullable=True, minimum=0),
        Column("value_low", "float64", "Lower end of its 95 % bootstrap interval.", nullable=True, minimum=0),
        Column("value_high", "float64", "Upper end of its 95 % bootstrap interval.", nullable=True, minimum=0),
        Column("threshold", "float64", "Probability from which a song counts as liked.", minimum=0, maximum=1),
        Column("row_count", "int64", "Number of test songs.", minimum=1),
        Column("positive_count", "int64", "Number of liked test songs.", minimum=0),
        _MODEL_RUN_ID,
    ),
    key=("model_version", "predictor", "metric"),
)

PREFERENCE_CHAMPION = promotion_contract(DOMAIN, "preference_champion")

PREFERENCE_PREDICTIONS = TableContract(
    domain=DOMAIN,
    name="preference_predictions",
    description="One row per song of a playlist that nobody has labelled, with the probability that it is liked, by the champion.",
    columns=(
        PLAYLIST_KEY,
        *(SONGS.column(name) for name in ("position", "listener", "song_key", "title", "artist")),
        Column("like_probability", "float64", "Probability that the song is liked.", minimum=0, maximum=1),
        Column("is_like_predicted", "bool", "Whether the probability reaches the model's threshold."),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("playlist_key", "position"),
    partition_column="playlist_key",
)

_SHARE = Column("", "float64", "", nullable=True, minimum=0, maximum=1)

PREFERENCE_DRIFT = TableContract(
    domain=DOMAIN,
    name="preference_drift",
    description="How far the songs of a playlist are from those that the champion learned from, feature by feature.",
    columns=(
        PLAYLIST_KEY,
        Column("feature", "string", "An audio feature, or `like_probability`, what the champion says of the songs."),
        Column(
            "psi",
            "float64",
            "Population stability index between training songs and playlist; of a hundred songs, 0.1 is chance.",
            nullable=True,
            minimum=0,
        ),
        replace(
            _SHARE,
            name="ks",
            description="Kolmogorov-Smirnov statistic: largest distance between the two cumulative distributions.",
        ),
        replace(_SHARE, name="missing_share_reference", description="Share of training songs without a value."),
        replace(_SHARE, name="missing_share_current", description="Share of the playlist's songs without a value."),
        Column("row_count", "int64", "Number of the playlist's songs.", minimum=0),
        Column("is_over_limit", "bool", "Whether the feature counts as drifted."),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("playlist_key", "feature"),
    partition_column="playlist_key",
)

MODEL_CONTRACTS = (
    TRAIN_SPLIT,
    TEST_SPLIT,
    PREFERENCE_EVALUATION,
    PREFERENCE_CHAMPION,
    PREFERENCE_PREDICTIONS,
    PREFERENCE_DRIFT,
    *served_contracts(DOMAIN),
)
