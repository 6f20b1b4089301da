"""The work of the original system on one simulated year: as plain functions, and as Dagster jobs."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Laps
from mlops_assets.contracts import TableContract
from mlops_assets.months import Month, months_from

if TYPE_CHECKING:
    import pandas as pd

FIRST, LAST = Month(2023, 1), Month(2023, 12)
MODEL_MONTH = LAST.plus(1)
CRIMES_PER_YEAR = 260_000

ONE_GRADIENT_BOOSTING = {"tuning_trials": 0, "families": ["hist_gradient_boosting"], "feature_sets": ["native"]}
"""One configuration instead of a search, as the original's figure has it; it is fitted twice, the second time on all development
rows."""


def write_year(_laps: Laps, folder: Path) -> None:
    """Write the simulated year as portal CSV files."""
    from mlops_assets.chicago_crimes.sources.sample import write_export

    write_export(folder, FIRST, LAST, crimes_per_year=CRIMES_PER_YEAR)


def plain_functions(laps: Laps, export: Path, cache: Path) -> float:
    """Do the whole work as plain function calls, from CSV files to figures; return the AUC.

    The functions are those that the assets and their checks call: contracts are held, figures drawn and the promotion rule applied.
    Nothing is stored or recorded.
    """
    import pandas as pd

    from mlops_assets.chicago_crimes import TIME_ZONE, contracts, defaults, model_contracts
    from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
    from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes, parse_stations
    from mlops_assets.chicago_crimes.modelling.evaluation import draw_evaluation, evaluate_arrest_model, measure_importance
    from mlops_assets.chicago_crimes.modelling.preprocessing import fit_encoding
    from mlops_assets.chicago_crimes.modelling.promotion import decide_champion
    from mlops_assets.chicago_crimes.modelling.selection import draw_selection, select_features
    from mlops_assets.chicago_crimes.modelling.training import train_arrest_model
    from mlops_assets.chicago_crimes.modelling.training_window import (
        build_training_window,
        draw_training_window,
        split_training_window,
    )
    from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource

    laps.lap("import libraries")
    source = ExportCrimeSource(export, cache)
    stations = parse_stations(source.read_stations())
    months = list(months_from(FIRST, LAST))
    kept = []
    for month in months:
        parsed = parse_crimes(source.read_month(month), month)
        laps.lap("read and parse CSV")
        enriched = enrich_crimes(parsed.crimes, stations)
        laps.lap("enrich")
        _hold(parsed.crimes, contracts.RAW_CRIMES)
        _hold(parsed.rejects, contracts.REJECTED_CRIMES)
        _hold(enriched, contracts.ENRICHED_CRIMES)
        laps.lap("hold contracts")
        kept.append(enriched[model_contracts.TRAINING_WINDOW.column_names])
    del parsed, enriched
    crimes = pd.concat(kept, ignore_index=True)
    del kept
    window = build_training_window(crimes, [month.key for month in months], defaults.MINIMUM_MONTHS, defaults.MINIMUM_ROWS)
    del crimes
    draw_training_window(window)
    _hold(window, model_contracts.TRAINING_WINDOW)
    development, test = split_training_window(window, defaults.SPLIT_STRATEGY, defaults.TEST_SHARE, defaults.VALIDATION_SHARE)
    del window
    laps.lap("window and split")
    selected = select_features(development, defaults.MINIMUM_INFORMATION, defaults.SEED)
    draw_selection(selected, defaults.MINIMUM_INFORMATION)
    laps.lap("select features")
    encoding, encoded_train = fit_encoding(development)
    laps.lap("encode")
    _hold(encoded_train, model_contracts.ENCODED_TRAIN)
    _hold(development, model_contracts.DEVELOPMENT_SPLIT)
    _hold(test, model_contracts.TEST_SPLIT)
    laps.lap("hold contracts")
    model = train_arrest_model(
        development,
        encoding,
        encoded_train,
        selected,
        stations,
        window=(FIRST.window(TIME_ZONE)[0], LAST.window(TIME_ZONE)[1]),
        time_budget_seconds=defaults.TIME_BUDGET_SECONDS,
        seed=defaults.SEED,
        **ONE_GRADIENT_BOOSTING,
    )
    laps.lap("fit gradient boosting twice")
    evaluation = evaluate_arrest_model(model.bundle, development, test)
    importance = measure_importance(model.bundle, test, defaults.SEED)
    draw_evaluation(evaluation, test["is_arrest"].to_numpy(dtype=bool), importance)
    laps.lap("evaluate and draw")
    decide_champion(test, model.bundle, None, evaluation.failures)
    laps.lap("decide on promotion")
    return float(evaluation.model.auc or 0)


def _hold(frame: "pd.DataFrame", contract: TableContract) -> None:
    """Hold a table against its contract, as its asset check does."""
    from mlops_assets.contracts.checking import find_violations

    violations = find_violations(frame, contract)
    assert violations.empty, violations


def dagster_jobs(laps: Laps, export: Path, data: Path, records: str) -> dict[str, float]:
    """Do the same work as Dagster jobs with all stores and checks; return the seconds of each step, and of all around the steps.

    Args:
        laps: gets the phases; the first, loading and preparing, is not part of the jobs.
        export: the CSV files.
        data: folder of the stores.
        records: whether Dagster keeps its own records in `memory`, as when a job is called from Python, or on `disk`.
    """
    import os

    os.environ |= {
        "MLOPS_DATA_DIR": str(data),
        "MLOPS_CHICAGO_CRIMES_SOURCE": "export",
        "MLOPS_CHICAGO_CRIMES_EXPORT_PATH": str(export),
    }
    import dagster as dg

    from mlops_assets.build import build_definitions
    from mlops_assets.cli.servers import use_instance
    from mlops_assets.orchestration.partitions import range_tags
    from mlops_assets.settings import Settings

    settings = Settings()
    use_instance(settings)
    settings.build_stores().models().prepare()
    definitions = build_definitions(settings)
    config = {"ops": {"chicago_crimes__arrest_model": {"config": ONE_GRADIENT_BOOSTING}}}
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    laps.lap("load definitions, prepare instance")
    with dg.DagsterInstance.get() if records == "disk" else dg.DagsterInstance.ephemeral() as instance:
        read = definitions.resolve_job_def("read_chicago_crimes").execute_in_process(
            instance=instance,
            run_config=quiet,
            tags=range_tags(FIRST.key, LAST.key),
        )
        laps.lap("read job")
        train = definitions.resolve_job_def("train_arrest_model").execute_in_process(
            instance=instance, partition_key=MODEL_MONTH.key, run_config={**config, **quiet}
        )
        laps.lap("train job")
    steps = {
        event.step_key or "": event.event_specific_data.duration_ms / 1000
        for result in (read, train)
        for event in result.all_events
        if event.event_type_value == "STEP_SUCCESS"
    }
    around = laps.steps["read job"] + laps.steps["train job"] - sum(steps.values())
    return {**steps, "around the steps": around}


def raw_to_enriched(laps: Laps, export: Path, cache: Path) -> int:
    """Parse and enrich the year, one month after the other; return the number of rows."""
    from mlops_assets.chicago_crimes.crimes.enrichment import enrich_crimes
    from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes, parse_stations
    from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource

    source = ExportCrimeSource(export, cache)
    stations = parse_stations(source.read_stations())
    enrich_crimes(parse_crimes(source.read_month(FIRST), FIRST).crimes, stations)
    laps.lap("import libraries, warm up")
    rows = 0
    for month in months_from(FIRST, LAST):
        rows += len(enrich_crimes(parse_crimes(source.read_month(month), month).crimes, stations))
    laps.lap("raw to enriched")
    return rows


def nearest_stations(laps: Laps, export: Path, cache: Path) -> None:
    """Find the nearest station of a year's crimes, at once and by month; beside it, what a bare tree and projection take."""
    import pandas as pd
    from pyproj import Transformer
    from scipy.spatial import cKDTree

    from mlops_assets.chicago_crimes.crimes.enrichment import clean_positions
    from mlops_assets.chicago_crimes.crimes.parsing import parse_crimes, parse_stations
    from mlops_assets.chicago_crimes.crimes.positions import COORDINATES, find_nearest
    from mlops_assets.chicago_crimes.sources.export import ExportCrimeSource

    source = ExportCrimeSource(export, cache)
    stations = parse_stations(source.read_stations())
    positions = [clean_positions(parse_crimes(source.read_month(month), month).crimes) for month in months_from(FIRST, LAST)]
    months = [month[COORDINATES].dropna() for month in positions]
    year = pd.concat(months)
    find_nearest(stations, months[0])
    project = Transformer.from_crs(4326, 3435, always_xy=True)
    laps.lap("prepare")
    project.transform(year["longitude_deg"].to_numpy(), year["latitude_deg"].to_numpy())
    laps.lap("bare projection")
    for month in months:
        cKDTree(stations[["x_ft", "y_ft"]].to_numpy()).query(month[["x_ft", "y_ft"]].to_numpy())
    laps.lap("bare tree")
    for month in months:
        find_nearest(stations, month)
    laps.lap("geopandas, by month")
    find_nearest(stations, year)
    laps.lap("geopandas, at once")


def backfill(laps: Laps, months: int, data: Path) -> int:
    """Backfill many months of the simulated city in one run, from raw to enriched; return the number of partitions."""
    import os

    first = Month(2001, 1)
    os.environ |= {"MLOPS_DATA_DIR": str(data), "MLOPS_CHICAGO_CRIMES_SAMPLE_CRIMES_PER_YEAR": str(CRIMES_PER_YEAR)}
    import dagster as dg

    from mlops_assets.build import build_definitions
    from mlops_assets.orchestration.partitions import range_tags
    from mlops_assets.settings import Settings

    job = build_definitions(Settings()).resolve_job_def("read_chicago_crimes")
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
            tags=range_tags(first.key, first.plus(months - 1).key),
        )
        laps.lap("backfill")
        return len(instance.get_materialized_partitions(dg.AssetKey(["chicago_crimes", "enriched_crimes"])))
