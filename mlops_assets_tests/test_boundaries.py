"""The boundaries between modules that import-linter checks hold what they say: each is broken here, and sees it."""

from copy import deepcopy
from pathlib import Path

import grimp
import pytest
from importlinter.application.use_cases import _register_contract_types, read_user_options
from importlinter.application.user_options import UserOptions
from importlinter.configuration import configure
from importlinter.domain.contract import registry

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def options() -> UserOptions:
    """Give the contracts of the project."""
    configure()
    read = read_user_options(str(PROJECT / "pyproject.toml"))
    _register_contract_types(read)
    return read


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Give who imports whom."""
    return grimp.build_graph("mlops_assets", include_external_packages=True, cache_dir=None)


def broken_by(options: UserOptions, graph: grimp.ImportGraph) -> set[str]:
    """Return the contracts that a graph breaks."""
    contracts = {
        contract["id"]: registry.get_contract_class(contract["type"])(contract["name"], options.session_options, contract)
        for contract in options.contracts_options
    }
    return {name for name, contract in contracts.items() if not contract.check(deepcopy(graph), verbose=False).kept}


def test_boundaries_hold(options: UserOptions, graph: grimp.ImportGraph) -> None:
    """As `lint-imports` says."""
    assert broken_by(options, graph) == set()


@pytest.mark.parametrize(
    ("importer", "imported", "contract"),
    [
        ("chicago_crimes.crimes.parsing", "donostia_parking.readings.parsing", "layers"),
        ("donostia_parking.assets.model", "chicago_crimes.defaults", "layers"),
        ("orchestration.checks", "chicago_crimes.contracts", "layers"),
        ("stores.lake", "orchestration.failures", "layers"),
        ("ml.bundle", "stores.registry", "layers"),
        ("ml.promotion.gate", "chicago_crimes.defaults", "layers"),
        ("contracts.frames", "ml.metrics", "layers"),
        ("contracts.frames", "stores.lake", "layers"),
        ("errors", "partition", "layers"),
        ("errors", "http", "layers"),
        ("chicago_crimes.sources.live", "chicago_crimes.crimes.parsing", "wings"),
        ("chicago_crimes.crimes.parsing", "chicago_crimes.modelling.features", "wings"),
        ("donostia_parking.modelling.training", "donostia_parking.assets.model", "wings"),
        ("donostia_parking.assets.model", "donostia_parking.definition", "wings"),
        ("chicago_crimes.crimes.parsing", "dagster", "dagster"),
        ("donostia_parking.readings.daily", "orchestration.failures", "dagster"),
        ("ml.bundle", "dagster", "dagster"),
        ("stores.lake", "dagster", "dagster"),
        ("ml.bundle", "mlflow", "mlflow"),
        ("orchestration.model_io", "mlflow", "mlflow"),
        ("chicago_crimes.sources.export", "boto3", "services"),
        ("donostia_parking.readings.daily", "duckdb", "services"),
        ("orchestration.warehouse_io", "google", "services"),
        ("cli.stores", "adbc_driver_postgresql", "services"),
        ("song_popularity.assets.model", "google", "services"),
        ("song_popularity.assets.model", "kfp", "vertex"),
        ("cli.vertex", "dagster_pipes", "vertex"),
        ("chicago_crimes.crimes.parsing", "requests", "web"),
        ("donostia_parking.readings.parsing", "requests", "web"),
        ("orchestration.checks", "requests", "web"),
        ("ml.bundle", "sodapy", "web"),
        ("cli.serve", "uvicorn", "servers"),
        ("ml.bundle", "fastapi", "servers"),
        ("stores.registry", "starlette", "servers"),
        ("orchestration.checks", "grpc", "grpc"),
        ("song_preference.assets.model", "strawberry", "servers"),
        ("serving.champions", "orchestration.failures", "layers"),
        ("serving.champions", "dagster", "dagster"),
        ("serving.sources", "mlflow", "mlflow"),
        ("dashboard.tables.songs", "requests", "web"),
        ("dashboard.tables.songs", "build", "layers"),
        ("dashboard.app", "definitions", "layers"),
        ("dashboard.app", "cli.servers", "layers"),
        ("serving.service", "dashboard.theme", "layers"),
        ("dashboard.views.models", "dagster", "dagster"),
        ("dashboard.tables.models", "orchestration.model_io", "dagster"),
        ("dashboard.tables.models", "mlflow", "mlflow"),
        ("dashboard.tables.donostia", "duckdb", "services"),
        ("ml.plots", "streamlit", "streamlit"),
        ("cli.dashboard", "streamlit", "streamlit"),
        ("serving.service", "altair", "streamlit"),
        ("cli.stream", "apache_beam", "beam"),
        ("streams.batches", "apache_beam", "beam"),
        ("song_popularity.events.parsing", "apache_beam", "beam"),
        ("dashboard.charts.songs", "streamlit", "charts"),
        ("dashboard.tables.songs", "streamlit", "charts"),
        ("dashboard.clients.rest", "streamlit", "charts"),
    ],
)
def test_each_boundary_sees_that_it_is_broken(
    options: UserOptions, graph: grimp.ImportGraph, importer: str, imported: str, contract: str
) -> None:
    """One import in the wrong place is enough."""
    module = f"mlops_assets.{imported}"
    target = module if module in graph.modules else imported
    assert target in graph.modules, f"nothing imports {target}: the case proves nothing"
    assert f"mlops_assets.{importer}" in graph.modules
    changed = deepcopy(graph)
    changed.add_import(importer=f"mlops_assets.{importer}", imported=target)
    assert contract in broken_by(options, changed)
