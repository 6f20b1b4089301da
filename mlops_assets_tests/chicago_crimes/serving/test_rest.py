"""The contract of the original, about crimes as the portal gives them: what it answers is what batch scoring says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes
from mlops_assets.chicago_crimes.modelling.monitoring import score_crimes
from mlops_assets.chicago_crimes.serving import SERVING
from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource
from mlops_assets.chicago_crimes.sources.sample import SampleCrimeSource
from mlops_assets.months import Month
from mlops_assets.serving.champions import ModelName
from mlops_assets_tests.chicago_crimes.portal_records import crime, raw_records
from mlops_assets_tests.chicago_crimes.tiny_crimes import trained
from mlops_assets_tests.platforms import AS_OF
from mlops_assets_tests.serving.rest_client import Client, build_service, client_of, error_of
from mlops_assets_tests.serving.servers import Registry
from mlops_assets_tests.shared_data import shared_data

MODEL = ModelName("chicago_crimes", "arrest_model")
ADMIN = "an-admin-key-that-is-long"


@cache
def client() -> Client:
    """Return a client of a service with a champion that has learned from a small city."""
    return client_of(build_service(Registry({MODEL: {7: trained().bundle}}, {MODEL: 7}), admin_key=ADMIN), [SERVING])


def predict(**fields: Any) -> dict[str, Any]:
    response = client().post("/predict", asked(**fields))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def asked(**fields: Any) -> dict[str, Any]:
    """Return a crime as somebody asks about it who knows neither its identifier nor its outcome."""
    record = {**crime(), **fields}
    return {name: value for name, value in record.items() if name not in ("id", "arrest", "updated_on") or name in fields}


def in_batch(*records: dict[str, Any]) -> pd.DataFrame:
    """Return what batch scoring says of records of January 2018."""
    complete = [{**record, "id": str(number), "arrest": "false"} for number, record in enumerate(records, 1)]
    month = Month.of(pd.Timestamp(str(records[0]["date"]), tz="UTC"), "UTC")
    parsed = parse_crimes(raw_records(*[{**crime(), **record} for record in complete]), month)
    return score_crimes(trained().bundle, parsed.crimes)


@pytest.mark.parametrize("kind", ["simulated", "recorded"])
def test_a_month_is_answered_as_batch_scores_it(kind: str, tmp_path: Path) -> None:
    """Row by row and to the last bit; what batch rejects is refused with the portal's names, and nothing else is."""
    month = Month(2024, 3) if kind == "simulated" else Month(2018, 1)
    source = (
        SampleCrimeSource(3, 40_000, as_of=AS_OF)
        if kind == "simulated"
        else ExportCrimeSource(shared_data("crimes/crimes_2018-01.csv.gz"), tmp_path)
    )
    records = source.read_month(month)
    parsed = parse_crimes(records, month)
    scores = score_crimes(trained().bundle, parsed.crimes).set_index("crime_id")
    expected = dict(zip(scores.index, scores[["arrest_probability", "is_arrest_predicted"]].itertuples(index=False), strict=True))
    rejected = {json.loads(text).get("id") for text in parsed.rejects["raw_text"]}
    rows = records.table.drop_columns(["source_name"]).to_pylist()
    answers: list[dict[str, Any]] = []
    for start in range(0, len(rows), 1_000):
        answers += client().post("/predict/batch", {"instances": rows[start : start + 1_000]}).json()["predictions"]
    assert len(answers) == len(rows) > 2_000
    for row, answer in zip(rows, answers, strict=True):
        if "error" in answer:
            assert row["id"] in rejected
            assert answer["error"]["fields"]
        else:
            assert (answer["probability"], answer["prediction"]) == expected[int(row["id"])]


def test_the_body_has_the_fields_of_the_original() -> None:
    """A flag, a probability, the version as text, and when it was answered."""
    answer = predict()
    assert list(answer) == ["prediction", "probability", "model_version", "timestamp"]
    assert (answer["prediction"], answer["model_version"]) == (answer["probability"] >= trained().bundle.predictor.threshold, "7")
    assert answer["timestamp"].endswith("Z")
    batch = client().post("/predict/batch", {"instances": [asked(), {}, asked()]}).json()
    assert list(batch) == ["predictions", "model_version", "timestamp", "count"]
    assert batch["predictions"][0] == batch["predictions"][2] == {name: answer[name] for name in ("prediction", "probability")}
    assert {each["field"] for each in batch["predictions"][1]["error"]["fields"]} == {"date", "iucr", "primary_type", "domestic"}
    assert batch["count"] == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"iucr": "9999", "fbi_code": "99"},
        {"x_coordinate": None, "y_coordinate": None, "latitude": None, "longitude": None},
        {"x_coordinate": "0", "y_coordinate": "0", "latitude": "36.619446395", "longitude": "-91.686565684"},
        {"date": "2018-03-11T02:30:00.000"},
        {"date": "2018-11-04T01:30:00.000"},
        {"ward": "North", "beat": "111", "district": "1.0", "location_description": " "},
    ],
    ids=["unseen code", "no position", "placeholder", "spring", "autumn", "odd values"],
)
def test_hard_records_are_answered_as_in_batch(fields: dict[str, Any]) -> None:
    """Unseen codes, missing positions, local times that do not exist or occur twice: to the last bit."""
    assert predict(**fields)["probability"] == in_batch(asked(**fields))["arrest_probability"].iloc[0]


def test_the_example_of_the_guide_is_answered() -> None:
    """With the fields that it shows."""
    guide = (Path(__file__).resolve().parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")
    ((path, body),) = re.findall(r"8803(/predict) .*?--data '(\{.*?\})'", guide, re.DOTALL)
    assert client().post(path, json.loads(body)).json().keys() == {"prediction", "probability", "model_version", "timestamp"}


def test_values_may_be_numbers_and_flags() -> None:
    """As programs write them that have read the portal's text; fields of the portal that no model uses are passed over."""
    portal = {"year": "2018", "location": {"type": "Point", "coordinates": [-87.6, 41.9]}, ":@computed_region_awaf_s7ux": "36"}
    typed = {"domestic": True, "beat": 111, "ward": 42.0, "x_coordinate": 1176352, "latitude": 41.883500187}
    assert predict(**portal, **typed)["probability"] == predict()["probability"]


def test_what_is_not_known_is_named() -> None:
    """In a header, for the body is the original's."""
    response = client().post("/predict", asked(ward=None, beat="no beat"))
    assert response.headers["x-unknown-inputs"] == "beat_code,ward_code"
    assert "x-unknown-inputs" not in client().post("/predict", asked()).headers


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (lambda: asked(iucr="what"), {"iucr": "it is not a code that matches [0-9]{3}[0-9A-Z]"}),
        (
            lambda: asked(date="02/30/2018 25:61:00 PM", domestic="perhaps"),
            {"date": "it is not a date", "domestic": "it is not true"},
        ),
        (lambda: asked(primary_type=" "), {"primary_type": "it is missing"}),
        (lambda: asked(id="x"), {"id": "it is not a whole number"}),
        (lambda: asked(arrest="pending"), {"arrest": "it is not true or false"}),
        (lambda: asked(Beat="0111"), {"Beat": "there is no such field"}),
        (lambda: asked(iucr=["0460"]), {"iucr": "it must be text"}),
        (lambda: asked(iucr="0" * 10_001), {"iucr": "it has more than 10,000 characters"}),
        (lambda: asked(ward=10**400), None),
        (lambda: asked(block="\ud800\0"), None),
        (lambda: asked(latitude=float("nan")), None),
        (list, {"record": "a crime is an object"}),
        (lambda: None, {"record": "a crime is an object"}),
    ],
)
def test_what_batch_rejects_is_refused(record: Callable[[], Any], fields: dict[str, str] | None) -> None:
    """The field has the portal's name; odd optional values are unknown, and nothing is an error of the service."""
    response = client().post("/predict", record())
    if fields is None:
        assert response.status_code in (200, 400)
        return
    errors = error_of(response, 422, "invalid_record")
    assert errors.keys() == fields.keys()
    for name, message in fields.items():
        assert message in errors[name]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_request"),
        (b"[]", 422, "invalid_record"),
        (b'{"instances": 1, "more": 2}', 422, "invalid_record"),
        (b'{"instances": [' + b",".join([b"{}"] * 1_001) + b"]}", 413, "too_large"),
    ],
)
def test_batches_that_are_none_are_refused(body: bytes, status: int, code: str) -> None:
    """The error says what is wrong."""
    error_of(client().post("/predict/batch", body), status, code)


def test_an_empty_batch_has_no_answers() -> None:
    """And is no error."""
    body = client().post("/predict/batch", {"instances": []}).json()
    assert (body["predictions"], body["count"]) == ([], 0)


def test_the_champion_is_described_and_looked_up() -> None:
    """With the fields of the original; looking up needs the admin key."""
    info = client().get("/model/info").json()
    assert list(info) == ["name", "version", "alias", "run_id", "status", "metrics", "description"]
    assert (info["name"], info["version"], info["alias"]) == ("arrest_model", "7", "champion")
    assert info["metrics"] == trained().bundle.provenance.to_dict()["metrics"]
    error_of(client().post("/model/reload"), 401, "unauthorized")
    response = client().post("/model/reload", headers={"x-api-key": ADMIN})
    assert response.json() == {"status": "success", "message": "Model reloaded: chicago_crimes/arrest_model v7"}


def test_without_a_champion_routes_say_so() -> None:
    """503 with the job to run."""
    nobody = client_of(build_service(Registry({MODEL: {}}, {})), [SERVING])
    for response in (nobody.post("/predict", asked()), nobody.get("/model/info")):
        error_of(response, 503, "no_champion")


def test_the_platforms_route_takes_typed_columns() -> None:
    """The model's input contract stays what `/v1/models` takes."""
    record = {"occurred_at": "2018-01-16T05:53:00Z", "iucr_code": "0460", "primary_type": "BATTERY", "is_domestic": True}
    response = client().post("/v1/models/chicago_crimes/arrest_model/predict", {"record": record})
    assert response.status_code == 200, response.text
