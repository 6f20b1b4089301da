"""Whatever the OpenAPI description lets people send is answered as it says."""

from pathlib import Path

from mlops_assets.domains import serving_extensions
from mlops_assets_tests.serving.api_cases import run_cases
from mlops_assets_tests.serving.rest_client import COLOURS, SHAPES
from mlops_assets_tests.serving.servers import Registry, colour_bundle, serving


def test_requests_made_from_the_description_are_answered_as_described(tmp_path: Path) -> None:
    """Good and bad ones, also of methods and fields that are not there; none is an error of the service."""
    registry = Registry({COLOURS: {1: colour_bundle()}, SHAPES: {}}, {COLOURS: 1, SHAPES: None})
    with serving(registry, tuple(serving_extensions())) as running:
        count, report = run_cases(running.url, 15, tmp_path, "--generation-deterministic")
    assert not report, report
    assert count > 100
