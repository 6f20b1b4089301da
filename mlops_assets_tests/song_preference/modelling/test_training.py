"""The preference model: chosen on songs left out of the fits, one bundle, and whatever is missing of a song is unknown."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_assets.errors import SettingsError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.training import TrainedModel
from mlops_assets.song_preference.contracts import FEATURE_NAMES
from mlops_assets.song_preference.modelling.candidates import FAMILIES, build_pipeline, installed_families
from mlops_assets.song_preference.modelling.cross_validation import OutOfFold, choose_threshold
from mlops_assets.song_preference.modelling.evaluation import evaluate_preference_model
from mlops_assets.song_preference.modelling.features import FEATURE_SETS, ORIGINAL_FEATURES
from mlops_assets.song_preference.modelling.monitoring import measure_playlist, score_songs
from mlops_assets.song_preference.modelling.promotion import decide_champion, failures_at_gate
from mlops_assets.song_preference.modelling.splitting import repeated_folds, split_songs
from mlops_assets.song_preference.modelling.training import train_preference_model
from mlops_assets_tests.song_preference.labelled import dataset_of, without_labels
from mlops_assets_tests.song_preference.playlists import as_csv, parsed

SONGS = dataset_of(240)
TRAIN, TEST = split_songs(SONGS, 0.3, seed=1)
LARGEST = float(np.finfo(np.float64).max)


def quick(songs: pd.DataFrame = TRAIN, feature_set: str = "all", family: str = "logistic_regression") -> TrainedModel:
    return train_preference_model(songs, tuning_trials=0, repeats=1, families=[family], feature_sets=[feature_set])


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return quick()


def test_same_songs_give_the_same_bytes(trained: TrainedModel, tmp_path: Path) -> None:
    """A rerun is the same model, which the registry does not keep twice."""
    for name, model in (("first", trained), ("second", quick())):
        model.bundle.save(tmp_path / name)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second")]
    assert files[0] == files[1]
    assert quick(TRAIN.iloc[1:]).bundle.provenance.fingerprint != trained.bundle.provenance.fingerprint


def test_songs_bear_no_time(trained: TrainedModel) -> None:
    """Nothing is said of a window."""
    assert set(trained.bundle.provenance.window.values()) == {None}


def test_missing_features_count_as_unknown(trained: TrainedModel) -> None:
    """The bundle takes a song of which nothing is known, and says what it says of a song in the middle of all."""
    unknown = pd.DataFrame([dict.fromkeys(FEATURE_NAMES, np.nan)], dtype="float64")
    middle = TRAIN[list(FEATURE_NAMES)].median().to_frame().T
    assert trained.bundle.predict(unknown)["probability"].tolist() == trained.bundle.predict(middle)["probability"].tolist()


def test_every_song_that_the_contract_allows_gets_a_probability() -> None:
    """Also at the ends of all ranges, by trees, which refuse what single precision does not hold: one song would stop a batch."""
    bundle = quick(family="decision_tree").bundle
    columns = bundle.input_contract.columns
    lowest = {each.name: -LARGEST if each.minimum is None else each.minimum for each in columns}
    highest = {each.name: LARGEST if each.maximum is None else each.maximum for each in columns}
    ends = pd.DataFrame([lowest, highest], dtype="float64")
    probability = bundle.predict(ends)["probability"]
    assert probability.between(0, 1).all()
    records = [{str(name): value for name, value in row.items()} for row in ends.to_dict("records")]
    assert [bundle.predict_record(record)["probability"] for record in records] == probability.tolist()


def test_model_of_four_features_asks_for_four(tmp_path: Path) -> None:
    """As the original's interface does."""
    quick(feature_set="original").bundle.save(tmp_path)
    bundle = Bundle.load(tmp_path)
    assert sorted(bundle.input_contract.column_names) == sorted(ORIGINAL_FEATURES)
    assert len(bundle.predict(TEST[list(ORIGINAL_FEATURES)])) == len(TEST)


def test_candidates_are_measured_on_songs_left_out() -> None:
    """A model that knows songs by heart says nothing useful of others: at random labels it is no better than chance."""
    songs = TRAIN.assign(is_liked=np.random.default_rng(0).random(len(TRAIN)) < 0.5)
    metrics = train_preference_model(
        songs, tuning_trials=0, repeats=1, families=["random_forest"], feature_sets=["original"]
    ).bundle.provenance.metrics
    assert metrics["auc"] is not None
    assert 0.35 < metrics["auc"] < 0.65


def test_out_of_fold_probabilities_are_of_the_fitted_songs_alone() -> None:
    """Other songs have none."""
    folds = repeated_folds(TRAIN, 3, 1, seed=1)
    features, is_liked = TRAIN[list(FEATURE_NAMES)], TRAIN["is_liked"].to_numpy(dtype=bool)
    defaults = FAMILIES["decision_tree"].defaults
    estimator = OutOfFold(lambda: build_pipeline("decision_tree", defaults, 1), folds).fit(features, is_liked)
    training, validation = folds[0]
    alone = build_pipeline("decision_tree", defaults, 1).fit(features.iloc[training], is_liked[training])
    np.testing.assert_array_equal(
        estimator.predict_proba(features)[validation, 1], alone.predict_proba(features.iloc[validation])[:, 1]
    )
    with pytest.raises(ValueError, match="songs of the fit alone"):
        estimator.predict_proba(features.iloc[:3])


def test_threshold_lies_half_way_between_the_best_for_f1_and_one_half() -> None:
    """Here all cuts between 0.2 and 0.4 are the best."""
    assert choose_threshold([False, True, True], [0.2, 0.4, 0.9]) == pytest.approx(0.4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("family", installed_families())
def test_every_family_learns_what_energy_says(family: str) -> None:
    """Without a warning, on a fold of the smallest dataset, too."""
    small, names = TRAIN.head(34), list(FEATURE_SETS["all"])
    model = build_pipeline(family, FAMILIES[family].defaults, 1)
    model.fit(small[names], small["is_liked"].to_numpy(dtype=bool))
    loud = TEST["energy"] > 0.5
    probability = model.predict_proba(TEST[names])[:, 1]
    assert probability[loud].mean() > probability[~loud].mean()


def test_unknown_family_is_named() -> None:
    """With those that there are."""
    with pytest.raises(SettingsError, match="unknown family: perceptron; known: logistic_regression"):
        quick(family="perceptron")


def test_evaluation_stands_beside_the_original_and_always_like(trained: TrainedModel) -> None:
    """Each metric with its interval; the gate is about the model and always-like."""
    evaluation = evaluate_preference_model(trained.bundle, TRAIN, TEST, seed=1)
    table = evaluation.table.set_index(["predictor", "metric"])
    assert set(evaluation.table["predictor"]) == {"model", "always_like", "original_svc"}
    assert table.loc[("always_like", "accuracy"), "value"] == pytest.approx(TEST["is_liked"].mean())
    assert table.loc[("always_like", "auc"), "value"] == 0.5
    assert (table["value_low"] <= table["value"]).all()
    assert (table["value"] <= table["value_high"]).all()
    assert evaluation.failures == []
    assert failures_at_gate(evaluation.table.assign(model_version=3), 3) == []


def test_model_of_random_labels_fails_the_gate() -> None:
    """It may not challenge anybody."""
    random = np.random.default_rng(3)
    train, test = (part.assign(is_liked=random.random(len(part)) < 0.5) for part in (TRAIN, TEST))
    evaluation = evaluate_preference_model(quick(train).bundle, train, test, seed=1)
    assert any("AUC" in sentence for sentence in evaluation.failures)
    assert decide_champion(test, quick(train).bundle, None, evaluation.failures).decision == "rejected_by_gate"


def test_better_model_becomes_champion(trained: TrainedModel) -> None:
    """On the same test songs, beyond chance; a copy of the champion does not."""
    blind = quick(TRAIN.assign(is_liked=np.random.default_rng(3).random(len(TRAIN)) < 0.5))
    assert decide_champion(TEST, trained.bundle, blind.bundle, []).decision == "promote"
    assert decide_champion(TEST, trained.bundle, trained.bundle, []).decision == "keep_champion"


def test_songs_without_label_are_scored(trained: TrainedModel) -> None:
    """Those with one are not: of them the answer is known."""
    rows = parsed(as_csv(*without_labels(5))).songs
    rows.loc[0, "is_liked"] = True
    scores = score_songs(trained.bundle, rows)
    assert scores["position"].tolist() == [1, 2, 3, 4]
    assert scores["like_probability"].between(0, 1).all()


def test_playlist_of_another_kind_of_songs_drifts(trained: TrainedModel) -> None:
    """Training songs themselves do not."""
    drift = measure_playlist(trained.bundle, TRAIN).set_index("feature")
    assert not drift["is_over_limit"].any()
    drift = measure_playlist(trained.bundle, TRAIN.assign(energy=TRAIN["energy"] / 4)).set_index("feature")
    assert drift["is_over_limit"]["energy"]
    assert not drift["is_over_limit"]["valence"]
