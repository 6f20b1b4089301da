"""A client of BigQuery with limits: every request, retry and job ends in time.

google-cloud-bigquery is used directly: `dagster_gcp.BigQueryResource` takes no credentials object, so that it cannot speak to an
emulator without a key file and a server of tokens, and it would bring Dagster into the stores.
"""

from __future__ import annotations

import io
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from mlops_assets.stores.warehouse.bigquery_errors import is_conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from google.cloud import bigquery
    from google.cloud.bigquery.job import QueryJob
    from google.cloud.bigquery.job.base import _AsyncJob
    from google.cloud.bigquery.query import _AbstractQueryParameter
    from google.cloud.bigquery.table import RowIterator, Table, TableReference

Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """How long to be patient, in seconds.

    Attributes:
        request: for the answer to one request.
        retries: for sending a request again that was refused, throttled or cut off.
        job: for a job that BigQuery has accepted.
        conflicts: for others who change the same table.
    """

    request: float = 60
    retries: float = 30
    job: float = 600
    conflicts: float = 60


class BoundedClient:
    """The few things that a warehouse asks of BigQuery. Errors are those of Google's libraries."""

    def __init__(self, project: str, location: str | None, limits: Limits) -> None:
        """Speak for `project`; new datasets and queries are in `location`. Connects at the first request."""
        self._project = project
        self._location = location
        self._limits = limits

    def table(self, reference: TableReference) -> Table | None:
        """Return what BigQuery knows about a table, or None if the table or its dataset is missing."""
        from google.api_core.exceptions import NotFound

        try:
            return self._client.get_table(reference, **self._bounds)
        except NotFound as error:
            if "Not found: Project" in error.message:
                raise
            return None

    def make_table(self, table: Table) -> Table:
        """Make a table, and its dataset if that is missing; return the one that is there if somebody else was faster."""
        from google.api_core.exceptions import NotFound

        try:
            return self._despite_others(self._client.create_table, table, exists_ok=True, **self._bounds)
        except NotFound as error:
            if "Not found: Dataset" not in error.message:
                raise
        self._despite_others(self._client.create_dataset, table.dataset_id, exists_ok=True, **self._bounds)
        return self._despite_others(self._client.create_table, table, exists_ok=True, **self._bounds)

    def cluster(self, table: Table, columns: Sequence[str] | None) -> Table:
        """Let BigQuery sort the rows of a table by other columns, or by none; refused if somebody has changed it meanwhile."""
        table.clustering_fields = columns
        return self._client.update_table(table, ["clustering_fields"], **self._bounds)

    def drop_table(self, reference: TableReference) -> None:
        """Drop a table if it is there."""
        self._client.delete_table(reference, not_found_ok=True, **self._bounds)

    def drop_empty_dataset(self, dataset: str) -> None:
        """Drop a dataset if it is there and has no tables."""
        from google.api_core.exceptions import BadRequest

        with suppress(BadRequest):
            self._client.delete_dataset(dataset, not_found_ok=True, **self._bounds)

    def load(self, rows: pa.Table, table: Table) -> None:
        """Append rows to a table by a load job, which does all or nothing."""
        import pyarrow.parquet as pq
        from google.api_core.exceptions import Conflict
        from google.cloud import bigquery

        file = io.BytesIO()
        pq.write_table(rows, file)
        job_id = str(uuid4())
        try:
            job: _AsyncJob = self._client.load_table_from_file(
                file,
                table.reference,
                rewind=True,
                size=file.tell(),
                # Uploads are not told how long to retry but how often: n times, after pauses of 1, 2, 4 ... s.
                num_retries=int(math.log2(self._limits.retries + 1)),
                job_id=job_id,
                location=table.location,
                job_config=bigquery.LoadJobConfig(source_format="PARQUET", schema=table.schema, write_disposition="WRITE_APPEND"),
                timeout=self._limits.request,
            )
        except Conflict:
            # The answer to an upload was lost, and the next one met the job of the first.
            job = self._client.get_job(job_id, location=table.location, **self._bounds)
        self._finish(job)

    def query(
        self,
        sql: str,
        parameters: Sequence[_AbstractQueryParameter] = (),
        *,
        location: str | None = None,
        default_dataset: str | None = None,
    ) -> RowIterator:
        """Run a query and return its rows, which are fetched page by page as they are read."""
        return self._run(sql, parameters, location, default_dataset).result(**self._bounds, job_retry=None)

    def change(self, script: str, parameters: Sequence[_AbstractQueryParameter] = (), *, location: str) -> None:
        """Run a script, again and again while others change the same table and BigQuery lets them win."""
        self._despite_others(self._run, script, parameters, location)

    def _run(
        self,
        sql: str,
        parameters: Sequence[_AbstractQueryParameter],
        location: str | None,
        default_dataset: str | None = None,
    ) -> QueryJob:
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(query_parameters=parameters)
        if default_dataset is not None:
            config.default_dataset = f"{self._project}.{default_dataset}"
        # Without job_retry, which would add the client's patience of ten minutes to ours.
        job = self._client.query(sql, config, location=location, job_retry=None, **self._bounds)
        self._finish(job)
        return job

    def _despite_others(self, call: Callable[..., Result], *arguments: object, **options: object) -> Result:
        """Call again and again while BigQuery refuses only because of what others do at the same time."""
        import tenacity

        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_conflict),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=8),
            stop=tenacity.stop_after_delay(self._limits.conflicts),
            reraise=True,
        )
        return attempts(call, *arguments, **options)

    def _finish(self, job: _AsyncJob) -> None:
        """Wait until a job has ended, and raise what it failed of; one that takes too long is cancelled."""
        deadline = time.monotonic() + self._limits.job
        pause_seconds = 0.05
        while not job.done(**self._bounds):
            if time.monotonic() > deadline:
                job.cancel(retry=None, timeout=self._limits.request)
                raise TimeoutError(f"job {job.job_id} did not end within {self._limits.job:g} s and has been cancelled")
            time.sleep(pause_seconds)
            pause_seconds = min(2.0, pause_seconds * 1.5)
        error = job.exception()
        if error is not None:
            raise error

    @cached_property
    def _client(self) -> bigquery.Client:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        # The client finds an emulator by this variable, but would still want credentials of Google for it.
        credentials = AnonymousCredentials() if os.environ.get("BIGQUERY_EMULATOR_HOST") else None
        return bigquery.Client(self._project, credentials, location=self._location)

    @property
    def _bounds(self) -> dict[str, Any]:
        from google.cloud.bigquery.retry import DEFAULT_RETRY

        return {"retry": DEFAULT_RETRY.with_timeout(self._limits.retries), "timeout": self._limits.request}
