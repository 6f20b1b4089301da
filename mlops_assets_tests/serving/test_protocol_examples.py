"""The examples of the guide are run against real servers."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from mlops_assets.song_preference.serving import SERVING
from mlops_assets_tests.serving.servers import Serving, serving
from mlops_assets_tests.song_preference.tiny_preference import registry

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "serving_protocols.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(registry(), [SERVING]) as found:
        yield found


def blocks(language: str, start: str = "") -> list[str]:
    return [code for kind, code in BLOCKS if kind == language and code.startswith(start)]


def here(running: Serving, code: str) -> str:
    return code.replace("http://127.0.0.1:8803", running.url).replace("127.0.0.1:50051", running.target)


def test_all_examples_are_known() -> None:
    """No example is left out by the tests below."""
    assert len(BLOCKS) == len(blocks("graphql")) + len(blocks("python")) + len(blocks("bash", "curl")) + len(
        blocks("bash", "grpcurl")
    )


@pytest.mark.parametrize("query", blocks("graphql"), ids=["record", "original"])
def test_graphql_examples_are_answered(running: Serving, query: str) -> None:
    """Each asks a champion, which likes the song."""
    found = running.graphql(query)
    liked = found.get("songPreferencePreferenceModel", {}).get("isPredicted") or found["predict"]["intOutput"]
    assert liked is True


@pytest.mark.parametrize("command", blocks("bash", "curl"), ids=["graphql", "original"])
def test_curl_examples_are_answered(running: Serving, command: str) -> None:
    """A shell and curl are all that is needed."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    answer = subprocess.run(["bash", "-c", here(running, command)], check=True, capture_output=True, text=True).stdout
    assert json.loads(answer) == {"int_output": True, "str_output": "Successful"} or '"isPredicted":true' in answer


def test_the_python_client_prints_answers_outcomes_and_an_error(running: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a whole program."""
    (code,) = blocks("python")
    exec(compile(here(running, code), str(GUIDE), "exec"), {})
    first, *stream, error = capsys.readouterr().out.splitlines()
    assert first.startswith("True 0.")
    assert first.endswith("tempo time_signature valence")
    assert stream == ["True", "unknown_model", "True"]
    assert error == "INVALID_ARGUMENT the record is not what the model takes; energy: Input should be less than or equal to 1"


@pytest.mark.parametrize("command", [line for code in blocks("bash", "grpcurl") for line in code.splitlines()])
def test_grpcurl_examples_are_answered(running: Serving, command: str) -> None:
    """What grpcurl does by reflection: find the method, make a message of JSON, and call it."""
    arguments = shlex.split(command)
    assert arguments[:2] == ["grpcurl", "-plaintext"]
    database = ProtoReflectionDescriptorDatabase(running.channel)
    pool = DescriptorPool(database)
    if "-d" not in arguments:
        assert arguments[3] == "list" or pool.FindServiceByName(arguments[4])
        assert "mlops_assets.v1.Predictions" in database.get_services()
        return
    _, _, _, content, _, path = arguments
    service, method = path.split("/")
    found = pool.FindServiceByName(service).FindMethodByName(method)
    request = ParseDict(json.loads(content), GetMessageClass(found.input_type)())
    answer = running.channel.unary_unary(
        f"/{path}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(found.output_type).FromString,
    )(request, timeout=30)
    told = MessageToDict(answer)
    assert told.get("status") == "SERVING" or told.get("intOutput") or "model" in told
