"""From tracks to a model: nothing leaks, what is unknown stays unknown, and equal inputs give equal bundles."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mlops_assets.contracts.checking import find_violations
from mlops_assets.contracts.frames import empty_frame, rows_to_frame, to_arrow
from mlops_assets.errors import MissingPartitionError, NotEnoughDataError, SettingsError
from mlops_assets.song_popularity.contracts import HISTORY
from mlops_assets.song_popularity.model_contracts import MODEL_INPUT, TRAINING_SET
from mlops_assets.song_popularity.modelling.candidates import FAMILIES, popularity_candidates
from mlops_assets.song_popularity.modelling.evaluation import build_gate, draw_evaluation, evaluate_popularity_model
from mlops_assets.song_popularity.modelling.monitoring import is_retraining_due, measure_accuracy, measure_drift, score_events
from mlops_assets.song_popularity.modelling.promotion import decide_champion, failures_at_gate
from mlops_assets.song_popularity.modelling.splitting import split_tracks
from mlops_assets.song_popularity.modelling.training import train_popularity_model
from mlops_assets.song_popularity.modelling.training_set import build_training_set, draw_training_set, require_tracks
from mlops_assets_tests.song_popularity.tracks import END, START, some_events, some_tracks

if TYPE_CHECKING:
    from mlops_assets.ml.training import TrainedModel

GATE = build_gate(0.65, 0.6)


@pytest.fixture(scope="module")
def splits() -> tuple[pd.DataFrame, pd.DataFrame]:
    return split_tracks(some_tracks(900), 0.2)


@pytest.fixture(scope="module")
def trained(splits: tuple[pd.DataFrame, pd.DataFrame]) -> TrainedModel:
    return train(splits[0])


def train(tracks: pd.DataFrame) -> TrainedModel:
    return train_popularity_model(tracks, window=(START, END), tuning_trials=0, families=["logistic_regression"])


def test_training_set_has_each_track_once_by_its_newest_known_popularity() -> None:
    """A track without known popularity is in no row: unknown is not 0. Events outside of the window do not count."""
    events = some_events(30)
    events["track_id"] = ["same"] * 3 + ["unknown"] * 3 + [f"t{number}" for number in range(24)]
    events.loc[3:5, "popularity"] = pd.NA
    events.loc[6, "event_at"] = pd.Timestamp(END) + timedelta(seconds=1)
    rows = build_training_set(events, empty_frame(HISTORY), window=(START - timedelta(days=1), END))
    assert find_violations(rows, TRAINING_SET).empty
    to_arrow(rows, TRAINING_SET)
    assert "unknown" not in set(rows["track_id"])
    assert "t0" not in set(rows["track_id"])
    same = events[:3].sort_values("event_at").iloc[-1]
    assert rows.loc[rows["track_id"] == "same", "popularity"].tolist() == [same["popularity"]]


def test_history_adds_tracks_that_no_event_has() -> None:
    """Without a moment, so that they are for training alone."""
    named = {"track_id": "t1", "popularity": 99, "source_name": "a", "record_count": 1}
    history = rows_to_frame([named, {**named, "track_id": "old"}, {**named, "track_id": "unknown", "popularity": None}], HISTORY)
    rows = build_training_set(some_events(20), history, window=(START - timedelta(days=1), END))
    assert set(rows["track_id"]) & {"old", "unknown"} == {"old"}
    assert rows.loc[rows["track_id"] == "t1", "popularity"].item() != 99
    _, test = split_tracks(rows, 0.5)
    assert "old" not in set(test["track_id"])
    only = build_training_set(some_events(0), history, window=(START, END))
    assert sorted(only["track_id"]) == ["old", "t1"]
    to_arrow(only, TRAINING_SET)


def test_split_is_by_time_and_by_track() -> None:
    """Every test track is later than all train tracks; without any moment the split is by track all the same."""
    tracks = some_tracks(200)
    train_rows, test_rows = split_tracks(tracks, 0.25)
    assert len(test_rows) == round(0.25 * len(tracks))
    assert train_rows["event_at"].max() <= test_rows["event_at"].min()
    assert not set(train_rows["track_id"]) & set(test_rows["track_id"])
    timeless = tracks.assign(event_at=pd.Series(pd.NaT, tracks.index, "datetime64[us, UTC]"))
    parts = split_tracks(timeless, 0.25)
    assert sum(map(len, parts)) == len(tracks)
    assert len(parts[1]) == round(0.25 * len(tracks))


def test_too_few_tracks_or_a_class_without_any_are_refused() -> None:
    """The sentence says which."""
    tracks = some_tracks(100)
    with pytest.raises(NotEnoughDataError, match="at least 300 are needed"):
        require_tracks(tracks, 300)
    with pytest.raises(NotEnoughDataError, match="no track is of high popularity"):
        require_tracks(tracks[tracks["popularity_level"] != "high"], 10)
    require_tracks(tracks, 50)
    assert draw_training_set(tracks)["tracks_by_level"].startswith(b"\x89PNG")


def test_own_popularity_of_a_track_is_not_in_its_features() -> None:
    """Two sets that differ in the popularity of one track: its own features in training are the same, those of others are not."""
    from mlops_assets.song_popularity.modelling.preprocessing import encoded_outcomes, make_features

    tracks = some_tracks(200)
    changed = tracks.copy()
    changed.loc[17, "popularity"] = 100 - int(tracks["popularity"][17])
    values = [make_features(0).fit_transform(rows[MODEL_INPUT.column_names], encoded_outcomes(rows)) for rows in (tracks, changed)]
    assert np.array_equal(values[0][17], values[1][17], equal_nan=True)
    assert not np.array_equal(values[0], values[1], equal_nan=True)


def test_bundle_takes_a_raw_event_of_which_nearly_nothing_is_known(trained: TrainedModel) -> None:
    """Unknown artists, albums, countries and kinds, and empty values, get probabilities that add up to 1."""
    nothing = dict.fromkeys(MODEL_INPUT.column_names)
    strange = {
        **nothing,
        "track_name": "?",
        "artist": "nobody",
        "query": "no playlist",
        "country": "QQ",
        "event_type": "new_kind",
        "event_at": pd.Timestamp(END),
    }
    rows = rows_to_frame([nothing, strange], MODEL_INPUT)
    predicted = trained.bundle.predict(rows)
    assert np.allclose(predicted.filter(like="probability_").sum(axis=1), 1)
    assert trained.bundle.predict_records([nothing, strange]) == predicted.to_dict("records")


def test_equal_tracks_give_equal_bundles(splits: tuple[pd.DataFrame, pd.DataFrame], trained: TrainedModel) -> None:
    """To the byte."""
    assert train(splits[0]).bundle.predictor.dump() == trained.bundle.predictor.dump()


def test_model_beats_the_commonest_class_and_the_original_recipe(
    splits: tuple[pd.DataFrame, pd.DataFrame], trained: TrainedModel
) -> None:
    """On test tracks, with the figures of every class; the gate reads the same from the table."""
    evaluation = evaluate_popularity_model(trained.bundle, *splits, GATE, seed=1)
    overall = evaluation.table[evaluation.table["popularity_level"] == "all"].set_index(["predictor", "metric"])["value"]
    for baseline in ("majority_class", "original_recipe"):
        assert overall["model", "accuracy"] > overall[baseline, "accuracy"] + 0.1
        assert overall["model", "log_loss"] < overall[baseline, "log_loss"]
    assert evaluation.metrics["f1_score"] == overall["model", "macro_f1"]
    stored = evaluation.table.assign(model_version=4)
    assert failures_at_gate(stored, 4, GATE) == evaluation.failures == []
    assert "The accuracy is" in failures_at_gate(stored, 4, build_gate(0.999, 0.6))[0]
    with pytest.raises(MissingPartitionError):
        failures_at_gate(stored, 5, GATE)
    pictures = draw_evaluation(evaluation, splits[1])
    assert {"confusion_matrix", "calibration_of_high", "importance"} <= pictures.keys()
    assert set(evaluation.importance.index[:2]) & {"artist", "album_release_date"}


def test_champion_is_kept_unless_the_challenger_is_better_beyond_chance(
    splits: tuple[pd.DataFrame, pd.DataFrame], trained: TrainedModel
) -> None:
    """The first passes by the gate alone; an equal one changes nothing; a blocker stops any."""
    test = splits[1]
    weak = train(splits[0].assign(artist=pd.array([None] * len(splits[0]), "string[pyarrow]"))).bundle
    assert decide_champion(test, weak, None, []).decision == "promote_first"
    assert decide_champion(test, trained.bundle, weak, []).decision == "promote"
    assert decide_champion(test, trained.bundle, trained.bundle, []).decision == "keep_champion"
    assert decide_champion(test, trained.bundle, weak, ["too few"]).decision == "rejected_by_gate"


def test_truth_is_the_popularity_of_the_event_else_the_first_seen_in_the_week_after(trained: TrainedModel) -> None:
    """Not one that was seen before, and not one of another track; what is not known yet is counted as such."""
    events = some_events(4)
    events["track_id"] = ["own", "later", "later", "never"]
    events["event_at"] = pd.Timestamp(END) + pd.to_timedelta([0, 1, 2 * 86_400, 3], unit="s")
    events["popularity"] = pd.array([10, None, 90, None], "Int32")
    day = events.drop(index=2).reset_index(drop=True)
    scores = pd.DataFrame({"predicted_class": ["low", "high", "low"], "probability_low": [0.8, 0.1, 0.9],
                           "probability_medium": [0.1, 0.2, 0.05], "probability_high": [0.1, 0.7, 0.05]})  # fmt: skip
    predictions = pd.concat([day[["event_id", "event_at", "track_id"]], scores], axis=1).assign(model_version=2, model_run_id="r")
    found = measure_accuracy(predictions, events).set_index("truth")
    assert found["row_count"].to_dict() == {"all": 2, "with_event": 1, "later": 1}
    assert found.loc["all", "unknown_count"] == 1
    assert found["accuracy"].tolist() == [1, 1, 1]
    too_late = events.assign(event_at=events["event_at"].where(events.index != 2, pd.Timestamp(END) + timedelta(days=9)))
    assert measure_accuracy(predictions, too_late).set_index("truth").loc["later", "row_count"] == 0
    assert measure_accuracy(predictions.head(0), events).empty


def test_poor_day_makes_the_model_be_trained_again() -> None:
    """If enough of it is known; at the limit it is good enough."""
    day = pd.DataFrame({"truth": ["all"], "row_count": [80], "accuracy": [0.74], "model_version": [3]})
    assert is_retraining_due(day, 0.75) == ["74.0% of 80 predictions of version 3 were right, less than 75%."]
    assert is_retraining_due(day, 0.74) == []
    assert is_retraining_due(day.assign(row_count=10), 0.75) == []
    assert is_retraining_due(day.head(0), 0.75) == []


def test_drift_compares_tracks_with_tracks(trained: TrainedModel) -> None:
    """Tracks like those of training have not drifted; those of another world have; without any there is nothing to compare."""
    events = some_events(400, seed=5)
    calm = measure_drift(trained.bundle, events).set_index("feature")
    assert not calm.loc[["energy", "country", "score"], "is_over_limit"].any()
    other = measure_drift(trained.bundle, events.assign(country="BR", energy=events["energy"] / 4)).set_index("feature")
    assert other.loc[["energy", "country"], "is_over_limit"].all()
    with pytest.raises(NotEnoughDataError):
        measure_drift(trained.bundle, events.assign(popularity=pd.array([None] * len(events), "Int32")))


def test_every_event_is_scored(trained: TrainedModel) -> None:
    """On the events' own index, also none."""
    events = some_events(7).set_axis(range(10, 17))
    assert score_events(trained.bundle, events).index.tolist() == list(range(10, 17))
    assert score_events(trained.bundle, events.head(0)).empty


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_from_tracks_that_bear_no_time(family: str) -> None:
    """A recording says neither hour nor age, kind nor country; an event that does is predicted all the same."""
    rows = some_events(150).assign(source_name="a", record_count=1, energy=np.nan)
    tracks = build_training_set(some_events(0), rows.reindex(columns=HISTORY.column_names), window=(START, END))
    trained = train_popularity_model(tracks, window=None, tuning_trials=0, families=[family])
    assert [trial.labels["family"] for trial in trained.trials] == [family]
    assert set(trained.bundle.provenance.window.values()) == {None}
    assert len(trained.bundle.predict(some_events(3))) == 3


def test_soft_vote_draws_the_settings_of_each_voter() -> None:
    """They bear its name; the others keep the defaults of its kind."""
    vote = FAMILIES["soft_vote"].build({"random_forest__min_samples_leaf": 7}, 1)
    forest = dict(vote.estimators)["random_forest"]
    assert (forest.min_samples_leaf, forest.max_depth, forest.n_estimators) == (7, 15, 200)


def test_unknown_family_is_refused() -> None:
    """With those that are known."""
    with pytest.raises(SettingsError, match="known: logistic_regression, random_forest"):
        popularity_candidates(["svm"])
