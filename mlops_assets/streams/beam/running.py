"""Running a pipeline: on which runner, with which of its options, and what it counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions

from mlops_assets.errors import PermanentError, PlatformError, SettingsError
from mlops_assets.streams.beam.writing import COUNTS

HERE = ("DirectRunner", "PrismRunner")
"""Runners that run on this machine, for as long as the command does."""

RUNNERS = (*HERE, "FlinkRunner", "SparkRunner", "DataflowRunner", "PortableRunner")


def run_pipeline(build: Callable[[beam.Pipeline], Any], runner: str, flags: Sequence[str], *, follows: bool) -> dict[str, int]:
    """Run a pipeline, and return what it counted. One that goes on reading elsewhere is left running there, and has told nothing.

    Args:
        build: adds the pipeline's steps.
        runner: one of `RUNNERS`.
        flags: options of Beam and of the runner, such as `--direct_num_workers=2`.
        follows: whether the pipeline goes on reading.

    Raises:
        SettingsError: the runner is unknown, or an option is.
        PermanentError: the pipeline failed.
    """
    if runner not in RUNNERS:
        raise SettingsError(f"there is no runner {runner}; there are {', '.join(RUNNERS)}")
    options = _options(runner, flags, follows=follows)
    try:
        pipeline = beam.Pipeline(options=options)
    except ValueError as error:
        raise SettingsError(f"{runner} cannot run with these options: {' '.join(str(error).split())}") from error
    build(pipeline)
    try:
        result = pipeline.run()
        if follows and runner not in HERE:
            return {}
        result.wait_until_finish()
    except PlatformError:
        raise
    except Exception as error:
        raise PermanentError(f"the pipeline failed on {runner}: {_first_cause(error)}") from error
    return _counted(result)


def _options(runner: str, flags: Sequence[str], *, follows: bool) -> PipelineOptions:
    try:
        options = PipelineOptions([f"--runner={runner}", *(["--streaming"] if follows else []), *flags])
        known = options.get_all_options()
    except SystemExit as error:
        raise SettingsError(f"Beam does not understand these options: {' '.join(flags)}") from error
    # The others ask a job server, which has options of its own.
    for flag in flags if runner in (*HERE, "DataflowRunner") else ():
        name = flag.split("=")[0].lstrip("-")
        if flag.startswith("--") and name not in known and f"no_{name}" not in known and name.removeprefix("no_") not in known:
            raise SettingsError(f"neither Beam nor {runner} has an option {flag.split('=')[0]}")
    # What the steps need is in the package, which every worker has.
    options.view_as(SetupOptions).save_main_session = False
    return options


def _first_cause(error: BaseException) -> str:
    """Return what went wrong in the words of the step that met it."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


def _counted(result: Any) -> dict[str, int]:
    found = result.metrics().query(MetricsFilter().with_namespace(COUNTS))["counters"]
    counts: dict[str, int] = {}
    for counter in found:
        # What a runner tried and what it committed are both there; an attempt that failed is in the former only.
        value = counter.committed if counter.committed is not None else counter.attempted
        counts[counter.key.metric.name] = counts.get(counter.key.metric.name, 0) + int(value)
    return counts
