"""The contracts of the original system, byte for byte, in all three protocols."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from mlops_assets.song_preference.contracts import AUDIO_FEATURES
from mlops_assets.song_preference.modelling.features import ORIGINAL_FEATURES
from mlops_assets.song_preference.serving import SERVING
from mlops_assets.song_preference.serving import predict_pb2 as pb
from mlops_assets.song_preference.serving.predict_pb2_grpc import PredictorStub
from mlops_assets_tests.serving.servers import PROTOCOLS, RefusedError, Registry, Serving, refusal_in, refusal_of, serving
from mlops_assets_tests.song_preference.tiny_preference import DISLIKED, LIKED, MODEL, registry

OTHERS = sorted(column.name for column in AUDIO_FEATURES if column.name not in ORIGINAL_FEATURES)

protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(registry(), [SERVING]) as found:
        yield found


def ask(running: Serving, protocol: str, features: dict[str, Any]) -> tuple[bool, str, dict[str, str]]:
    """Return the original's answer, and what the headers or metadata say beside it."""
    if protocol == "grpc":
        try:
            answer, call = PredictorStub(running.channel).Predict.with_call(pb.PredictRequest(**features), timeout=30)
        except grpc.RpcError as error:
            raise refusal_of(error) from error
        return answer.int_output, answer.str_output, _told(dict(call.trailing_metadata()))
    if protocol == "rest":
        response = running.http.post(
            "/predict/", content=json.dumps({"features": features}), headers={"content-type": "application/json"}
        )
        body = response.json()
        if "error" in body:
            raise refusal_in(body["error"], body["request_id"])
        return body["int_output"], body["str_output"], _told(response.headers)
    arguments = ", ".join(f"{name}: ${name}" for name in features)
    variables = ", ".join(f"${name}: Float!" for name in features)
    query = f"query({variables}) {{ predict({arguments}) {{ intOutput strOutput }} }}"
    running.graphql(query, features)
    response = running.http.post("/graphql", json={"query": query, "variables": features})
    found = response.json()["data"]["predict"]
    return found["intOutput"], found["strOutput"], _told(response.headers)


def _told(headers: Any) -> dict[str, str]:
    return {name: headers[name] for name in ("x-unknown-inputs", "x-model-version") if name in headers}


@protocols
def test_a_song_is_liked_or_not(running: Serving, protocol: str) -> None:
    """Four shares give the original's answer; headers or metadata name what else the champion would like to know."""
    told = {"x-unknown-inputs": ",".join(OTHERS), "x-model-version": "13"}
    assert ask(running, protocol, LIKED) == (True, "Successful", told)
    assert ask(running, protocol, DISLIKED) == (False, "Not Successful", told)


def test_a_champion_of_the_four_features_misses_nothing() -> None:
    """All that it takes is told."""
    models = registry()
    models.champions[MODEL] = 4
    with serving(models, [SERVING]) as running:
        for protocol in PROTOCOLS:
            assert ask(running, protocol, LIKED) == (True, "Successful", {"x-model-version": "4"})


def test_rest_is_the_original_byte_for_byte(running: Serving) -> None:
    """The body has the original's two fields and nothing else."""
    response = running.http.post("/predict/", json={"features": LIKED})
    assert (response.status_code, response.content) == (200, b'{"int_output":true,"str_output":"Successful"}')
    assert response.headers["content-type"] == "application/json"


def test_graphql_is_the_original_field_by_field(running: Serving) -> None:
    """Four floats that must be there, and two fields in camelCase."""
    given = ", ".join(f"{name}: {value}" for name, value in LIKED.items())
    assert running.graphql(f"{{ predict({given}) {{ intOutput strOutput }} }}") == {
        "predict": {"intOutput": True, "strOutput": "Successful"}
    }
    described = running.graphql('{ __type(name: "Query") { fields { name args { name type { kind ofType { name } } } } } }')
    (predict,) = (each for each in described["__type"]["fields"] if each["name"] == "predict")
    required = {"kind": "NON_NULL", "ofType": {"name": "Float"}}
    assert predict["args"] == [{"name": name, "type": required} for name in ORIGINAL_FEATURES]


def test_grpc_is_the_original_on_the_wire(running: Serving) -> None:
    """The service has no package; the numbers of the fields are the original's."""
    request = b"".join(bytes([8 * number + 1]) + struct.pack("<d", LIKED[name]) for number, name in enumerate(ORIGINAL_FEATURES, 1))
    assert running.channel.unary_unary("/Predictor/Predict")(request) == b"\x08\x01\x12\x0aSuccessful"
    assert "Predictor" in running.server.services


@protocols
@pytest.mark.parametrize("value", [-0.001, 1.001, float("nan"), float("inf"), 1e308])
def test_a_share_outside_of_0_to_1_is_refused_everywhere(running: Serving, protocol: str, value: float) -> None:
    """The original checked ranges in REST only."""
    with pytest.raises(RefusedError) as found:
        ask(running, protocol, {**LIKED, "energy": value})
    assert (found.value.code, found.value.fields.keys()) == ("invalid_record", {"energy"})


@pytest.mark.parametrize("protocol", ["rest", "graphql"])
@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"energy": "0.9"}, {"energy": "it must be a number, not text, true, false or null"}),
        ({"energy": None}, {"energy": "it must be a number, not text, true, false or null"}),
        ({"energy": True, "speechiness": 2}, {"speechiness": "Input should be less than or equal to 1", "energy": ""}),
        ({"tempo": 120.0}, {"tempo": "there is no such field"}),
    ],
)
def test_what_is_no_share_is_refused(running: Serving, protocol: str, changes: dict[str, Any], fields: dict[str, str]) -> None:
    """GRPC's four numbers are always there, and always numbers."""
    with pytest.raises(RefusedError) as found:
        ask(running, protocol, {**LIKED, **changes})
    assert found.value.code == "invalid_record"
    assert found.value.fields.keys() == fields.keys()
    assert all(message in found.value.fields[name] for name, message in fields.items())


@pytest.mark.parametrize("protocol", ["rest", "graphql"])
def test_all_four_must_be_there(running: Serving, protocol: str) -> None:
    """What is missing is named."""
    with pytest.raises(RefusedError) as found:
        ask(running, protocol, {"energy": 0.5})
    assert found.value.fields == dict.fromkeys(("speechiness", "danceability", "acousticness"), "it is missing")


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ("{", "malformed_request", set()),
        ("[]", "invalid_record", {"body"}),
        ("{}", "invalid_record", {"features"}),
        ('{"features": 1}', "invalid_record", {"record"}),
        ('{"features": {}, "größe": 1}', "invalid_record", {"größe"}),
    ],
)
def test_bodies_that_are_none_are_refused(running: Serving, body: str, code: str, fields: set[str]) -> None:
    """The error names what is wrong, and is never one of the service."""
    response = running.http.post("/predict/", content=body.encode(), headers={"content-type": "application/json"})
    error = response.json()["error"]
    assert (error["code"], {each["field"] for each in error["fields"]}) == (code, fields)


def test_without_a_champion_all_protocols_say_so() -> None:
    """Nothing guesses while no model is there."""
    with serving(Registry({MODEL: {}}, {}), [SERVING]) as running:
        for protocol in PROTOCOLS:
            with pytest.raises(RefusedError, match=r"no_champion: .*mlops-assets bootstrap song_preference"):
                ask(running, protocol, LIKED)
