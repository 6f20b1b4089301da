"""Configuration of runs: refused before anything is done if a value cannot be meant.

Dagster knows names and types of options when a run is launched, but their ranges only when the step begins to which they belong,
behind those that come before it. So the first configured step of a run looks at the configuration of all of them.
"""

import difflib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Annotated, Any

import dagster as dg
from dagster._config import DagsterEvaluationErrorReason
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.errors import DagsterInvariantViolationError
from pydantic import Field, ValidationError

from mlops_assets.errors import SettingsError

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Of random choices, as far as NumPy can take it."""

Share = Annotated[float, Field(gt=0, lt=1)]
"""A part of rows that leaves some for the other part."""

_is_looking_at_all = ContextVar("_is_looking_at_all", default=False)


class StepConfig(dg.Config):
    """Configuration of an asset. A value that is not allowed, of this step or another one of the run, ends the run at once."""

    def __init__(self, **values: Any) -> None:
        """Check the values.

        Raises:
            SettingsError: one is not allowed, here or elsewhere in the run's configuration.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError("; ".join(_sentences(error))) from None
        context = None if _is_looking_at_all.get() else _step_context()
        if context is not None:
            require_allowed_values(context.job_def, context.run.run_config)


def require_valid(job: dg.JobDefinition, run_config: Mapping[str, Any]) -> None:
    """Refuse a configuration that a run of a job could not use.

    Raises:
        SettingsError: a name, a type or a value in it is not allowed; the message names each with what is.
    """
    try:
        dg.validate_run_config(job, dict(run_config))
    except dg.DagsterInvalidConfigError as error:
        raise SettingsError(
            f"the configuration does not fit job {job.name}: {'; '.join(_misfit(job, entry) for entry in error.errors)}"
        ) from None
    require_allowed_values(job, run_config)


def require_allowed_values(job: dg.JobDefinition, run_config: Mapping[str, Any]) -> None:
    """Refuse values that are outside of what an option allows.

    Raises:
        SettingsError: there are some; the message names each with what is allowed.
    """
    sentences: list[str] = []
    token = _is_looking_at_all.set(True)
    try:
        for node in sorted(job.graph.node_defs, key=lambda node: node.name):
            values = (run_config.get("ops", {}).get(node.name) or {}).get("config")
            config_class = _config_class(node)
            if values and config_class is not None:
                try:
                    config_class(**_given_here(values))
                except SettingsError as error:
                    sentences.append(f"{node.name}: {error}")
    finally:
        _is_looking_at_all.reset(token)
    if sentences:
        raise SettingsError("; ".join(sentences))


def _config_class(node: Any) -> type[StepConfig] | None:
    compute = getattr(node, "compute_fn", None)
    if not isinstance(compute, DecoratedOpFunction) or not compute.has_config_arg():
        return None
    annotation = compute.get_config_arg().annotation
    return annotation if issubclass(annotation, StepConfig) else None


def _given_here(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what only the environment of the step says, which may be another machine's."""
    return {name: value for name, value in values.items() if not (isinstance(value, Mapping) and value.keys() == {"env"})}


def _step_context() -> dg.OpExecutionContext | None:
    try:
        return dg.OpExecutionContext.get()
    except DagsterInvariantViolationError:
        return None


def _sentences(error: ValidationError) -> Iterator[str]:
    for entry in error.errors(include_url=False, include_context=False):
        message, place = str(entry["msg"]).removeprefix("Value error, "), ".".join(map(str, entry["loc"]))
        yield f"{place}: {message}, not {entry['input']!r}" if place else message


def _misfit(job: dg.JobDefinition, error: Any) -> str:
    """Say what does not fit: Dagster's own sentence repeats the whole schema."""
    if error.reason is not DagsterEvaluationErrorReason.FIELD_NOT_DEFINED:
        said = str(error.message).partition(" Expected: ")[0].partition("\n")[0]
        allowed = getattr(getattr(error.error_data, "config_type_snap", None), "enum_values", None)
        values = f"; allowed: {', '.join(value.value for value in allowed)}" if allowed else ""
        return said.replace(" at path root:", " at ").rstrip(".:") + values
    name, path = error.error_data.field_name, [entry.field_name for entry in error.stack.entries if hasattr(entry, "field_name")]
    known: Any = job.run_config_schema.config_type
    for step in path:
        known = known.fields[step].config_type
    near = difflib.get_close_matches(name, known.fields, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known.fields)}"
    return f"{name!r} at {':'.join(path) or 'the top'} is not known; {hint}"
