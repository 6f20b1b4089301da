"""What a step says about its work: to its log, and to Dagster, if that has started it by Dagster Pipes."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from mlops_assets.errors import SettingsError

if TYPE_CHECKING:
    from dagster_pipes import PipesContext, PipesContextLoader, PipesMessageWriter

CONTEXT, MESSAGES = "DAGSTER_PIPES_CONTEXT", "DAGSTER_PIPES_MESSAGES"
_logger = logging.getLogger(__name__)


class Report(Protocol):
    """Takes what a step says."""

    def __call__(self, values: Mapping[str, Any]) -> None:
        """Log values, and give them to Dagster as metadata of the asset, if it is about one."""


def pipes_of(step: str, sessions: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of Dagster Pipes for a step; none if Dagster did not start it.

    Args:
        step: its name.
        sessions: JSON with the variables of a session for each step that has one: the parameter `pipes` of the pipeline. Steps
            cannot share a session, since each numbers its messages from 1.
        environment: where the variables are if the step was started by itself.

    Raises:
        SettingsError: it is no such JSON.
    """
    try:
        found = json.loads(sessions or "{}").get(step, {})
        given = {name: str(found[name]) for name in (CONTEXT, MESSAGES)} if found else {}
    except (ValueError, AttributeError, KeyError, TypeError):
        raise SettingsError(f'--pipes is JSON such as {{"train": {{"{CONTEXT}": "…", "{MESSAGES}": "…"}}}}') from None
    return given or {name: environment[name] for name in (CONTEXT, MESSAGES) if name in environment}


@contextmanager
def reporting(step: str, pipes: Mapping[str, str]) -> Iterator[Report]:
    """Give the function by which a step says what it has done.

    Args:
        step: its name.
        pipes: the variables of Dagster Pipes, from `pipes_of`; empty without Dagster.
    """
    if not pipes:
        yield lambda values: _logger.info("%s: %s", step, _sentence(values))
        return
    from dagster_pipes import PipesMappingParamsLoader, open_dagster_pipes

    loader = PipesMappingParamsLoader(pipes)
    with open_dagster_pipes(
        context_loader=_context_loader(loader.load_context_params()),
        message_writer=_message_writer(loader.load_messages_params()),
        params_loader=loader,
    ) as context:
        context.log.info(f"{step} begins")
        yield lambda values: _tell(context, step, values)


def _tell(context: PipesContext, step: str, values: Mapping[str, Any]) -> None:
    context.log.info(f"{step}: {_sentence(values)}")
    if context.is_asset_step and len(context.asset_keys) == 1:
        context.report_asset_materialization(metadata={f"{step}_{name}": value for name, value in values.items()})


def _sentence(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _context_loader(params: Mapping[str, Any]) -> PipesContextLoader:
    """Return what reads the context: from a bucket if Dagster has put it there."""
    from dagster_pipes import PipesDefaultContextLoader, PipesGCSContextLoader

    return PipesGCSContextLoader(client=_storage_client()) if "bucket" in params else PipesDefaultContextLoader()


def _message_writer(params: Mapping[str, Any]) -> PipesMessageWriter[Any]:
    """Return what writes messages: into a bucket if Dagster reads them there."""
    from dagster_pipes import PipesDefaultMessageWriter, PipesGCSMessageWriter

    return PipesGCSMessageWriter(client=_storage_client(), interval=2.0) if "bucket" in params else PipesDefaultMessageWriter()


def _storage_client() -> Any:
    from mlops_assets.stores.objects.gcs_client import shared_client

    return shared_client(os.environ.get("STORAGE_EMULATOR_HOST"))
