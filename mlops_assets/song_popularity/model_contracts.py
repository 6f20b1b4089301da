"""The contracts of this domain's tables from the training set to drift."""

from dataclasses import replace

from mlops_assets.contracts import Column, TableContract
from mlops_assets.ml.promotion import promotion_contract
from mlops_assets.ml.served_predictions import served_contracts
from mlops_assets.song_popularity import DOMAIN
from mlops_assets.song_popularity.contracts import AUDIO_FEATURES, EVENTS, ORIGINAL_LEVELS, POPULARITY_LEVELS, SPOTIFY_EVENTS

MODEL_INPUT = TableContract(
    domain=DOMAIN,
    name="popularity_model_input",
    description="What the popularity model needs to know of an event. All but event type, country and moment may be unknown.",
    columns=(
        replace(EVENTS.column("event_at"), nullable=True),
        replace(EVENTS.column("event_type"), nullable=True),
        replace(EVENTS.column("country"), nullable=True),
        *(EVENTS.column(name) for name in ("track_name", "artist", "album", "query", "album_release_date", "genre")),
        *AUDIO_FEATURES,
    ),
)

TRAINING_SET = TableContract(
    domain=DOMAIN,
    name="training_set",
    description="One row per track with known popularity: its newest event of the ninety days before the day, or what a recording "
    "says. A track without known popularity is in no row.",
    columns=(
        EVENTS.column("track_id"),
        *MODEL_INPUT.columns,
        Column("popularity", "int32", "Popularity of the track at the event.", minimum=0, maximum=100),
        Column(
            "popularity_level", "string", "What the model predicts: below 40, below 70, or from 70 on.", allowed=POPULARITY_LEVELS
        ),
    ),
    key=("track_id",),
)

TRAIN_SPLIT = TRAINING_SET.derive(
    "train_split", "The tracks that a model learns from: those of recordings and the earlier 80 % of the others."
)
TEST_SPLIT = TRAINING_SET.derive(
    "test_split", "The tracks whose events are the latest 20 %: touched once, to say how good the model is."
)

_MODEL_DATE = Column("model_date", "date", "Day of the model: it has learned from the days before.")
_EVENT_DATE = SPOTIFY_EVENTS.column("event_date")
_MODEL_VERSION = Column("model_version", "int64", "Version of `popularity_model` in the registry.", minimum=1)
_MODEL_RUN_ID = Column("model_run_id", "string", "MLflow run that trained it.")


def _share(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, "float64", description, nullable=nullable, minimum=0, maximum=1)


POPULARITY_EVALUATION = TableContract(
    domain=DOMAIN,
    name="popularity_evaluation",
    description="How good a day's model is on its test split, beside baselines: a row per metric, with its interval.",
    columns=(
        _MODEL_DATE,
        Column(
            "predictor",
            "string",
            "What the metric is of: the model, the commonest class, or the original's recipe (a forest on hour, type, country).",
            allowed=("model", "majority_class", "original_recipe"),
        ),
        Column("metric", "string", "What is measured. Of `log_loss` (in nats) less is better, of the others more."),
        Column("popularity_level", "string", "The class that a metric is of; `all` for all.", allowed=("all", *POPULARITY_LEVELS)),
        Column("value", "float64", "The metric on the test tracks; empty where it is not defined.", nullable=True, minimum=0),
        Column("value_low", "float64", "Lower end of its 95 % bootstrap interval.", nullable=True, minimum=0),
        Column("value_high", "float64", "Upper end of its 95 % bootstrap interval.", nullable=True, minimum=0),
        Column("row_count", "int64", "Number of test tracks that the metric is of.", minimum=0),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("model_date", "predictor", "metric", "popularity_level"),
    partition_column="model_date",
)

SPOTIFY_MODEL_METRICS = TableContract(
    domain=DOMAIN,
    name="spotify_model_metrics",
    description="One row per evaluated model, as the original's table names it: the figures that its dashboard shows.",
    columns=(
        _MODEL_DATE,
        Column("run_time", "timestamp", "When the model was registered."),
        _share("accuracy", "Share of test tracks whose class was predicted.", nullable=False),
        _share("f1_score", "Mean F1 of the three classes (macro-F1), as in the original.", nullable=False),
        Column("log_loss", "float64", "Mean log loss of the probabilities; smaller is better.", "nat", minimum=0),
        _share("majority_accuracy", "Accuracy of always saying the commonest class.", nullable=False),
        Column("is_gate_passed", "bool", "Whether the model may challenge the champion."),
        Column("gate_failures", "string", "What keeps it from that, in sentences; empty if nothing does.", nullable=True),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("model_date",),
    partition_column="model_date",
)

POPULARITY_CHAMPION = promotion_contract(DOMAIN, "popularity_champion")

PROBABILITIES = tuple(_share(f"probability_{level}", f"Probability of {level}.", nullable=False) for level in POPULARITY_LEVELS)

POPULARITY_PREDICTIONS = TableContract(
    domain=DOMAIN,
    name="popularity_predictions",
    description="One row per event of the day with the class that the champion gives it, which had learned from earlier days only.",
    columns=(
        *(EVENTS.column(name) for name in ("event_id", "event_at", "track_id", "event_type", "country")),
        Column("predicted_at", "timestamp", "When the event landed and could be predicted."),
        Column("predicted_class", "string", "The likeliest class.", allowed=POPULARITY_LEVELS),
        *PROBABILITIES,
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("event_id",),
)

COUNTRY_COLUMNS = ("CO", "ES", "MX", "US")
"""The countries of which the original's table has a column each; another country is zero in all."""


def _flag(name: str, description: str) -> Column:
    return Column(name, "int32", description, minimum=0, maximum=1)


SPOTIFY_PREDICTIONS = TableContract(
    domain=DOMAIN,
    name="spotify_predictions",
    description="The predictions as the original's table names them, for dashboards and SQL: one row per event.",
    columns=(
        _EVENT_DATE,
        EVENTS.column("event_id"),
        Column("prediction_timestamp", "timestamp", "When the event landed and could be predicted."),
        SPOTIFY_EVENTS.column("hour_of_day"),
        _flag("event_type_search_result", "1 for a search result, else 0."),
        *(_flag(f"country_{code.lower()}", f"1 for an event of {code}, else 0.") for code in COUNTRY_COLUMNS),
        EVENTS.column("country"),
        EVENTS.column("track_id"),
        Column(
            "popularity_level", "string", "The likeliest class, as the original calls it.", allowed=tuple(ORIGINAL_LEVELS.values())
        ),
        *PROBABILITIES,
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("event_date", "event_id"),
    partition_column="event_date",
)

POPULARITY_ACCURACY = TableContract(
    domain=DOMAIN,
    name="popularity_accuracy",
    description="How right the predictions of a day were, by the popularity that was seen with the event or in the week after it.",
    columns=(
        _EVENT_DATE,
        Column("truth", "string", "Which events: those that brought their popularity, those seen later, or both.",
               allowed=("all", "with_event", "later")),
        Column("row_count", "int64", "Number of predictions whose truth is known.", minimum=0),
        Column("unknown_count", "int64", "Number of predictions whose truth is not known yet.", minimum=0),
        _share("accuracy", "Share of them that were right; empty if none is known."),
        _share("f1_score", "Mean F1 of the three classes; empty if none is known."),
        Column("log_loss", "float64", "Mean log loss of the probabilities.", "nat", nullable=True, minimum=0),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("event_date", "truth", "model_version"),
    partition_column="event_date",
)  # fmt: skip

POPULARITY_DRIFT = TableContract(
    domain=DOMAIN,
    name="popularity_drift",
    description="How far the tracks of a day, each by its newest event with known popularity, are from those of training.",
    columns=(
        _EVENT_DATE,
        Column("feature", "string", "An input of the model, or `score`, the probability of the likeliest class."),
        Column("kind", "string", "Whether it is a number.", allowed=("numeric", "categorical")),
        Column("psi", "float64", "Population stability index: below 0.1 is stable, above 0.2 is drift.", nullable=True, minimum=0),
        _share("ks", "Kolmogorov-Smirnov statistic: largest distance between the two cumulative distributions."),
        _share("missing_share_reference", "Share of training tracks without a value."),
        _share("missing_share_current", "Share of the day's tracks without a value."),
        Column("row_count", "int64", "Number of the day's tracks.", minimum=0),
        Column("is_over_limit", "bool", "Whether the feature counts as drifted."),
        _MODEL_VERSION,
        _MODEL_RUN_ID,
    ),
    key=("event_date", "feature"),
    partition_column="event_date",
)

MODEL_CONTRACTS = (
    TRAINING_SET,
    TRAIN_SPLIT,
    TEST_SPLIT,
    POPULARITY_EVALUATION,
    SPOTIFY_MODEL_METRICS,
    POPULARITY_CHAMPION,
    POPULARITY_PREDICTIONS,
    SPOTIFY_PREDICTIONS,
    POPULARITY_ACCURACY,
    POPULARITY_DRIFT,
    *served_contracts(DOMAIN),
)
