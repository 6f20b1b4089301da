"""Failures, sorted by the one question that orchestration asks of them: may the same work succeed if it is tried again?

Every error of this package is either permanent (bad data, bad settings, a missing partition: a person must act first) or
transient (a busy server, a dropped connection: time alone may cure it). Only transient errors are retried.
"""

from mlops_assets.urls import redact_text


class PlatformError(Exception):
    """Base of every error that this package raises on purpose.

    Errors end up in logs, in Dagster's records, in alerts and on screens, and their messages quote clients and servers. So
    credentials are taken out of a message wherever it comes from.
    """

    def __init__(self, message: object = "") -> None:
        """Keep a message, without the credentials in it."""
        super().__init__(redact_text(str(message)))


class PermanentError(PlatformError):
    """A failure that trying again cannot cure."""


class TransientError(PlatformError):
    """A failure that may be gone at the next attempt: a timeout, a throttled request, a lock held by somebody else."""


class StoreUnavailableError(TransientError):
    """A store could not be reached, or was too busy to answer: refused or dropped connection, timeout, throttling, conflict."""


class StoreAccessError(PermanentError):
    """A store refuses the work until a person acts: wrong credentials, a missing bucket or database, no permission, a full disk."""


class ContractError(PermanentError):
    """A table does not have the columns or types that its contract promises."""


class SourceError(PermanentError):
    """A source answered with something that cannot be read as its documented format: HTML, a damaged file, a missing column."""


class NotEnoughDataError(PermanentError):
    """There is too little data for the work asked for: an empty month, one class only, a training window with too few rows."""


class MissingPartitionError(PermanentError):
    """A partition that is needed has not been materialized."""


class MissingModelError(PermanentError):
    """A model version or alias that is needed is not in the registry."""


class SettingsError(PermanentError):
    """A setting has a value that nothing understands."""
