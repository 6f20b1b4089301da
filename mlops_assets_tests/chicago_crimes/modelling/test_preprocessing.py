"""Features have fixed names and order, are learned from the rows they are fitted on alone, and are defined for every row."""

import pickle
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from mlops_assets.chicago_crimes.model_contracts import ENCODED_TRAIN
from mlops_assets.chicago_crimes.modelling.features import (
    CODE_COLUMNS,
    COLUMNS,
    ENCODED_COLUMNS,
    FEATURE_SETS,
    NATIVE_CATEGORIES,
    NATIVE_CODES,
    NATIVE_NUMBERS,
    categories_among,
    encoded_names,
)
from mlops_assets.chicago_crimes.modelling.preprocessing import derive_columns, fit_encoding, make_features
from mlops_assets.contracts.checking import find_violations
from mlops_assets_tests.chicago_crimes.tiny_crimes import enriched_crimes, learnable_crimes, prepared

_NOON = pd.Timestamp("2024-01-15 18:00", tz="UTC")
_UNSEEN = dict.fromkeys(CODE_COLUMNS, "999") | {
    "iucr_code": "999Z",
    "beat_code": "9999",
    "fbi_code": "99Z",
    **dict.fromkeys(["ward_code", "community_area_code"], "99"),
}
_NULLABLE = [name for name in CODE_COLUMNS if name not in ("iucr_code", "primary_type")]


@cache
def _fitted(feature_set: str) -> tuple[Pipeline, pd.DataFrame]:
    """Return the features of the learnable city, and their values for the rows that they were fitted on."""
    return _fit(feature_set, prepared().development)


def _fit(feature_set: str, crimes: pd.DataFrame) -> tuple[Pipeline, pd.DataFrame]:
    features = make_features(feature_set, COLUMNS)
    return features, features.fit_transform(crimes, crimes["is_arrest"].to_numpy(dtype=bool))


def _features(feature_set: str, **columns: Any) -> pd.DataFrame:
    """Return the features of made-up crimes."""
    return _fitted(feature_set)[0].transform(enriched_crimes(**columns))


def _hundred(seed: int) -> pd.DataFrame:
    return learnable_crimes(rows=100, seed=seed)


@pytest.mark.parametrize("feature_set", FEATURE_SETS)
class TestBothSets:
    def test_names_order_and_type_are_the_same_for_all_rows(self, feature_set: str) -> None:
        """An estimator gets its columns as it was fitted on them, as 32-bit floats."""
        features, fitted = _fitted(feature_set)
        transformed = features.transform(prepared().test)
        assert fitted.columns.tolist() == transformed.columns.tolist()
        assert {*fitted.dtypes, *transformed.dtypes} == {np.dtype(np.float32)}

    def test_columns_that_are_not_selected_give_no_features(self, feature_set: str) -> None:
        """What is left out is not computed, and does not even have to be told apart."""
        features = make_features(feature_set, ["iucr_code", "x_ft"]).fit_transform(_hundred(1), _hundred(1)["is_arrest"])
        expected = {"encoded": ["x_ft", "iucr_code_frequency", "iucr_code_target_rate"], "native": ["iucr_code", "x_ft"]}
        assert features.columns.tolist() == expected[feature_set]

    def test_unseen_codes_are_as_if_missing(self, feature_set: str) -> None:
        """A new code is no error and no secret: it stands for "nothing is known"."""
        crimes = enriched_crimes(**_UNSEEN, case_number=["A", "B"], occurred_at=_NOON)
        crimes.loc[1, _NULLABLE] = None
        features = _fitted(feature_set)[0].transform(crimes)
        pd.testing.assert_series_equal(features.iloc[0], features.iloc[1], check_names=False)

    def test_a_row_does_not_depend_on_the_rows_beside_it(self, feature_set: str) -> None:
        """Transforming learns nothing."""
        features, _ = _fit(feature_set, _hundred(1))
        before = pickle.dumps(features)
        test = _hundred(3)
        one_by_one = pd.concat([features.transform(test.iloc[[row]]) for row in range(0, 100, 10)])
        pd.testing.assert_frame_equal(features.transform(test).iloc[::10], one_by_one)
        pd.testing.assert_frame_equal(features.transform(test.iloc[::-1]).iloc[::-1], features.transform(test))
        assert pickle.dumps(features) == before

    def test_saved_features_are_the_same(self, feature_set: str) -> None:
        """What serving loads is what training used."""
        features, test = _fitted(feature_set)[0], prepared().test
        pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(features)).transform(test), features.transform(test))

    def test_a_window_without_any_position_keeps_all_features(self, feature_set: str) -> None:
        """The features of a model are the same in every month, even of an export without coordinates."""
        nowhere = dict.fromkeys(["x_ft", "y_ft", "latitude_deg", "longitude_deg", "distance_to_station_m"], np.nan)
        crimes = _hundred(1).assign(**nowhere, nearest_station_code=None, location_status="missing")
        features, fitted = _fit(feature_set, crimes)
        assert fitted.columns.tolist() == _fitted(feature_set)[1].columns.tolist()
        positions = features.transform(crimes)[["x_ft", "y_ft", "distance_to_station_m"]]
        assert positions.isna().to_numpy().all() == (feature_set == "native")


class TestTimePrecision:
    @pytest.mark.parametrize(
        ("time", "minutes"),
        [("12:00", 60), ("12:30", 30), ("12:15", 15), ("12:45", 15), ("12:20", 10), ("12:05", 5), ("12:01", 1), ("12:59", 1)],
    )
    def test_is_the_largest_round_number_of_minutes(self, time: str, minutes: int) -> None:
        """A full hour says less than any other minute."""
        crimes = enriched_crimes(occurred_at=pd.Timestamp(f"2024-01-15 {time}", tz="UTC"))
        assert derive_columns(crimes)["time_precision_min"].tolist() == [minutes]

    def test_seconds_are_exact(self) -> None:
        """Whoever knows the second does not round to the hour."""
        crimes = enriched_crimes(occurred_at=pd.Timestamp("2024-01-15 12:00:07", tz="UTC"))
        assert derive_columns(crimes)["time_precision_min"].tolist() == [1]


class TestNative:
    def test_features_are_the_columns_themselves(self) -> None:
        """Codes as whole numbers, of which four columns are categories; the rest as they are."""
        features, fitted = _fitted("native")
        assert fitted.columns.tolist() == [*NATIVE_CODES, *NATIVE_NUMBERS]
        marked = dict(zip(fitted.columns, categories_among("native", COLUMNS), strict=True))
        assert [name for name, is_category in marked.items() if is_category] == list(NATIVE_CATEGORIES)
        codes = fitted["iucr_code"]
        assert set(codes) == set(range(prepared().development["iucr_code"].nunique()))
        row = features.transform(enriched_crimes(local_hour=6, x_ft=1_170_000.0, y_ft=1_890_000.0)).iloc[0]
        assert row[["local_hour", "x_ft", "y_ft", "is_domestic"]].tolist() == [6, 1_170_000, 1_890_000, 0]

    def test_unseen_and_missing_values_are_missing(self) -> None:
        """The model decides where they go."""
        row = _features("native", **_UNSEEN, x_ft=np.nan, y_ft=np.nan, latitude_deg=np.nan, longitude_deg=np.nan).iloc[0]
        assert row.index[row.isna()].tolist() == [*NATIVE_CODES, "x_ft", "y_ft", "distance_to_station_m"]

    def test_the_rarest_of_too_many_codes_share_one_category(self) -> None:
        """Gradient boosting takes 255; a year has some 350 codes, the rarest of them once."""
        codes = [f"{number:04d}" for number in range(300)]
        crimes = learnable_crimes(rows=560).assign(
            location_description=np.array([*codes[:254] * 2, *codes[254:], *[None] * 6], dtype=object)
        )
        places = _fit("native", crimes)[1]["location_description"]
        assert (places.nunique(), places.max()) == (255, 254)
        assert set(places[508:554]) == {254}
        assert places[554:].isna().all()


class TestEncoded:
    def test_names_are_those_of_the_contract_and_each_column_has_its_own(self) -> None:
        """What is stored has a contract, and leaving a column out leaves out its features and no others."""
        assert _fitted("encoded")[1].columns.tolist() == [column.name for column in ENCODED_COLUMNS] == encoded_names(COLUMNS)
        few = make_features("encoded", ["local_hour", "season", "x_ft", "beat_code"])
        values = few.fit_transform(_hundred(1), _hundred(1)["is_arrest"])
        assert values.columns.tolist() == encoded_names(["local_hour", "season", "x_ft", "beat_code"])
        whole = _fit("encoded", _hundred(1))[1]
        pd.testing.assert_frame_equal(values, whole[values.columns])

    def test_encoding_learns_from_training_rows_alone(self) -> None:
        """Whatever validation rows hold, the encoding and the encoded training rows are the same."""
        development = prepared().development
        is_validation = development["is_validation"]
        strange = development.assign(
            is_arrest=development["is_arrest"] ^ is_validation,
            iucr_code=development["iucr_code"].mask(is_validation, "999Z"),
            x_ft=development["x_ft"].mask(is_validation, 0.0),
        )
        encoding, encoded = fit_encoding(strange)
        pd.testing.assert_frame_equal(encoded, prepared().encoded)
        pd.testing.assert_frame_equal(encoding.transform(prepared().test), prepared().encoding.transform(prepared().test))
        assert find_violations(encoded, ENCODED_TRAIN).empty
        assert encoded["crime_id"].tolist() == development.loc[~is_validation, "crime_id"].tolist()

    def test_fitted_rows_are_standardized(self) -> None:
        """On the rows that were learned from, numbers and codes have mean 0 and deviation 1."""
        _, fitted = _fitted("encoded")
        standardized = fitted.filter(regex="(_ft|_m|_frequency|_rate)$").astype(float)
        assert standardized.mean().abs().max() < 1e-4
        deviation = standardized.std(ddof=0)
        assert deviation[deviation > 0].to_numpy() == pytest.approx(1, abs=1e-3)
        assert deviation.index[deviation == 0].tolist() == ["fbi_code_frequency", "beat_code_frequency", "ward_code_frequency"]

    def test_flags_and_levels_can_be_read(self) -> None:
        """They are 0 and 1."""
        features = _features(
            "encoded", is_domestic=[True, False], x_ft=[1_170_000.0, 0.0], y_ft=[1_890_000.0, 0.0], occurred_at=_NOON
        )
        assert features["is_domestic"].tolist() == [1, 0]
        assert features["is_location_known"].tolist() == [1, 0]
        one_hot = features.filter(regex="^(season|time_of_day|time_precision_min)_")
        assert one_hot.columns[(one_hot == 1).all()].tolist() == [
            "season_winter",
            "time_of_day_afternoon",
            "time_precision_min_60",
        ]
        assert (one_hot.sum(axis=1) == 3).all()

    def test_hours_and_weekdays_lie_on_circles(self) -> None:
        """6:00 is a quarter turn of the day; Monday is a seventh of a week."""
        features = _features("encoded", local_hour=6, local_weekday=1).iloc[0]
        assert features[["local_hour_sin", "local_hour_cos"]].tolist() == pytest.approx([1, 0], abs=1e-6)
        angle = 2 * np.pi / 7
        circle = [np.sin(angle), np.cos(angle)]
        assert features[["local_weekday_sin", "local_weekday_cos"]].tolist() == pytest.approx(circle, abs=1e-6)

    def test_unseen_codes_have_frequency_0_and_the_overall_rate(self) -> None:
        """Whatever the scale makes of these two numbers."""
        encoded = _features("encoded", **_UNSEEN).filter(regex="_(frequency|target_rate)$")
        scale = _fitted("encoded")[0]["encode"].named_transformers_["codes"]["scale"]
        expected = np.tile([0.0, prepared().development["is_arrest"].mean()], len(CODE_COLUMNS))
        assert np.ravel(scale.inverse_transform(encoded)) == pytest.approx(expected, abs=1e-6)

    def test_missing_position_stands_at_the_median(self) -> None:
        """A crime without a position gets features all the same, and a flag that says so."""
        missing = _features("encoded", x_ft=np.nan, y_ft=np.nan, latitude_deg=np.nan, longitude_deg=np.nan).iloc[0]
        fitted = _fitted("encoded")[1]
        for name in ("x_ft", "y_ft", "distance_to_station_m"):
            known = fitted.loc[fitted["is_location_known"] == 1, name]
            assert missing[name] == pytest.approx(known.median(), abs=1e-2)
        assert missing["is_location_known"] == 0

    def test_extreme_distances_are_pulled_in_and_their_rows_kept(self) -> None:
        """A crime at the end of the state counts as one at the 99.9 % quantile; test rows are never dropped."""
        limit_m = prepared().development["distance_to_station_m"].quantile(0.999)
        far = _features("encoded", distance_to_station_m=[limit_m, 10 * limit_m, 1e6])["distance_to_station_m"]
        assert far.tolist() == [far[0]] * 3
        assert far[0] >= _fitted("encoded")[1]["distance_to_station_m"].max() - 1e-6

    def test_distance_is_on_a_logarithmic_scale(self) -> None:
        """From 0.9 to 1.9 km is as far as from 1.9 to 3.9 km: each doubles one plus the distance."""
        steps = _features("encoded", distance_to_station_m=[899.0, 1_799.0, 3_599.0])["distance_to_station_m"].diff()
        assert steps.iloc[1] == pytest.approx(steps.iloc[2], rel=1e-4)

    def test_an_arrest_does_not_reach_the_rate_of_its_own_row(self) -> None:
        """Turning one outcome over leaves that row's features; the same code's other rows see it."""
        crimes = _hundred(1).assign(iucr_code="0486")
        turned = crimes.assign(is_arrest=crimes["is_arrest"].where(crimes.index != 7, ~crimes["is_arrest"]))
        one, other = (_unscaled_rates(rows) for rows in (crimes, turned))
        assert one[7] == other[7]
        assert (one != other).sum() == 80

    def test_features_do_not_depend_on_the_order_in_which_values_appear(self) -> None:
        """The same rows in another order teach the same, whichever season or code comes first."""
        crimes, new = _hundred(1), _hundred(9)
        one, other = _fit("encoded", crimes)[0], _fit("encoded", crimes.sample(frac=1, random_state=0))[0]
        # The scale of rates comes from folds that are drawn by position.
        stable = [name for name in one.transform(new) if not name.endswith("_target_rate")]
        pd.testing.assert_frame_equal(one.transform(new)[stable], other.transform(new)[stable], rtol=1e-4, atol=1e-5)


def _unscaled_rates(crimes: pd.DataFrame) -> np.ndarray:
    features, fitted = _fit("encoded", crimes)
    codes = fitted.filter(regex="_(frequency|target_rate)$")
    unscaled = features["encode"].named_transformers_["codes"]["scale"].inverse_transform(codes)
    return np.round(unscaled[:, list(codes.columns).index("iucr_code_target_rate")], 6)
