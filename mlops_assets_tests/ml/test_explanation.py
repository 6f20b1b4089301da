"""Explanations: which inputs moved a score, by how much, against a typical record."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path

import pandas as pd
import pytest

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.frames import rows_to_frame
from mlops_assets.errors import PermanentError
from mlops_assets.ml.bundle import Bundle
from mlops_assets.ml.explanation import explain_record, typical_record
from mlops_assets.ml.predictors import MulticlassClassifier
from mlops_assets_tests.format_1 import write_format_1
from mlops_assets_tests.tiny_bundle import THINGS, things, tiny_bundle, tiny_pipeline, tiny_provenance

TYPICAL = {"kind": "ball", "size_m": 1.0, "is_new": False, "seen_at": "2024-01-01T04:00:00+00:00"}
MOMENT = datetime(2024, 1, 1, 4, tzinfo=timezone.utc)


def test_typical_is_the_median_or_the_most_frequent_value() -> None:
    """Of values that are equally frequent the first; what is never known is None; all of it can be written as JSON."""
    assert typical_record(things(), THINGS) == TYPICAL
    assert typical_record(things().assign(size_m=float("nan")), THINGS)["size_m"] is None


def test_whole_numbers_and_days_are_typical_by_their_median() -> None:
    """One of them, never something between two; the most frequent would be 1 and the 31st."""
    contract = TableContract(
        "examples", "visits", "A visit.", (Column("guests", "int64", "How many."), Column("visit_date", "date", "When."))
    )
    rows = [(1, 31), (1, 31), (5, 2), (7, 3), (9, 4)]
    visits = rows_to_frame([{"guests": count, "visit_date": date(2024, 1, day)} for count, day in rows], contract)
    assert typical_record(visits, contract) == {"guests": 5, "visit_date": "2024-01-04"}


def test_of_several_classes_the_predicted_one_is_explained() -> None:
    """A large thing is blue, and less so if its size is a middling one."""
    colours = MulticlassClassifier(tiny_pipeline([0, 0, 1, 1, 1, 2, 2, 2]), ("red", "green", "blue"))
    bundle = Bundle(colours, tiny_provenance(), THINGS, typical=TYPICAL)
    record = {"kind": "ball", "size_m": 1.9, "is_new": True, "seen_at": MOMENT}
    table = bundle.predict(pd.DataFrame([record, {**record, "size_m": 1.0}]))
    assert table["predicted_class"].tolist()[0] == "blue"
    strongest = explain_record(bundle, record)[0]
    assert (strongest.name, strongest.effect) == ("size_m", table["probability_blue"][0] - table["probability_blue"][1])


def test_effect_is_what_the_score_loses_with_the_typical_value() -> None:
    """An input that the model ignores, or that is typical, has none; the strongest comes first."""
    bundle = replace(tiny_bundle(), typical=TYPICAL)
    record = {"kind": "ball", "size_m": 1.9, "is_new": True, "seen_at": MOMENT}
    found = explain_record(bundle, record)
    assert [(each.name, each.value, each.typical) for each in found] == [
        ("size_m", 1.9, 1.0), ("kind", "ball", "ball"), ("is_new", True, False), ("seen_at", MOMENT, MOMENT),
    ]  # fmt: skip
    scores = bundle.predict(pd.DataFrame([record, {**record, "size_m": 1.0}]))["probability"]
    assert found[0].effect == scores[0] - scores[1]
    assert found[0].effect > 0.1
    assert [each.effect for each in found[1:]] == [0, 0, 0]
    assert found[3].as_dict() == {"input": "seen_at", "value": TYPICAL["seen_at"], "typical": TYPICAL["seen_at"], "effect": 0.0}


def test_an_unknown_input_is_compared_as_well(tmp_path: Path) -> None:
    """What was not given moved the score by what the model assumes instead."""
    record = {"kind": "box", "size_m": None, "is_new": True, "seen_at": MOMENT}
    bundle = replace(tiny_bundle(pipeline=_imputing()), typical=TYPICAL)
    assert {each.name for each in explain_record(bundle, record) if each.effect != 0} == {"kind", "size_m"}


def _imputing() -> object:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = make_column_transformer((OneHotEncoder(), ["kind"]), (SimpleImputer(strategy="constant", fill_value=0), ["size_m"]))
    return make_pipeline(encode, LogisticRegression()).fit(things(), [0, 1, 0, 0, 1, 1, 1, 1])


def test_a_typical_record_is_saved_with_the_bundle(tmp_path: Path) -> None:
    """Serving explains with what training saw; a bundle without one says so."""
    replace(tiny_bundle(), typical=TYPICAL).save(tmp_path)
    assert Bundle.load(tmp_path).typical_values() == {**TYPICAL, "seen_at": MOMENT}
    with pytest.raises(PermanentError, match="colour_model was saved without a typical record"):
        explain_record(tiny_bundle(), {})


def test_bundles_of_before_have_no_typical_record(tmp_path: Path) -> None:
    """They load, of both formats, and answer; they cannot explain themselves."""
    bundle = tiny_bundle()
    write_format_1(tmp_path / "1", bundle.predictor.pipeline, 0.5, bundle.provenance, THINGS)
    bundle.save(tmp_path / "2")
    description = json.loads((tmp_path / "2" / "bundle.json").read_text())
    del description["typical"]
    (tmp_path / "2" / "bundle.json").write_text(json.dumps(description))
    record = {"kind": "ball", "size_m": 1.9, "is_new": True, "seen_at": MOMENT}
    for loaded in (Bundle.load(tmp_path / "1"), Bundle.load(tmp_path / "2")):
        loaded.warm_up()
        assert (loaded.typical, loaded.predict_record(record)) == (None, bundle.predict_record(record))
