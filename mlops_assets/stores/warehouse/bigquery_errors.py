"""What Google's libraries complain about, sorted by whether trying again may help, with what to do about it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlops_assets.errors import PermanentError, PlatformError, StoreAccessError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

# BigQuery's words for failures: https://cloud.google.com/bigquery/docs/error-messages
_TRANSIENT_REASONS = {"backendError", "internalError", "jobBackendError", "jobInternalError", "stopped", "timeout"}
_THROTTLED_REASONS = {"rateLimitExceeded", "jobRateLimitExceeded"}
# The second is what the emulator of the tests says.
_CONFLICT_WORDS = ("due to concurrent update", "Failed to commit DuckLake transaction")
_TRANSIENT_CODES = {408, 409, 412, 429}
_LOG_IN = "run `gcloud auth application-default login`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS"
_ADVICE_BY_REASON = {
    "billingNotEnabled": "link the project to a billing account",
    "quotaExceeded": "wait until the quota is renewed, or ask for a larger one",
}
_ADVICE_BY_CODE = {
    401: _LOG_IN,
    403: "the account needs the roles BigQuery Job User on the project and BigQuery Data Editor on its datasets",
    404: "check the project, the dataset and the location in the URL",
}


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn the errors of Google's libraries inside the block into those of this package; all name the place.

    Raises:
        StoreUnavailableError: BigQuery could not be reached, was too busy, or somebody else changed the table at the same time.
        StoreAccessError: there are no credentials, they do not suffice, or project or dataset are missing.
        PermanentError: BigQuery does not accept a statement or its data.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    # Those of the network are OSErrors, whichever library raises them.
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise _translated(error, place) from error


def is_conflict(error: BaseException) -> bool:
    """Tell whether BigQuery refuses only because of what others do: they change the same table, or there are too many."""
    reason, said = _reason_and_words(error)
    return reason in _THROTTLED_REASONS or any(words in said for words in _CONFLICT_WORDS)


def _translated(error: Exception, place: str) -> PlatformError:
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

    reason, said = _reason_and_words(error)
    if isinstance(error, DefaultCredentialsError):
        return StoreAccessError(f"{place}: there are no Google credentials; {_LOG_IN}")
    if _is_transient(error):
        return StoreUnavailableError(f"{place}: {said}; try again later")
    if isinstance(error, GoogleAuthError):
        return StoreAccessError(f"{place}: {said}; {_LOG_IN}")
    advice = _ADVICE_BY_REASON.get(reason) or _ADVICE_BY_CODE.get(getattr(error, "code", 0))
    return StoreAccessError(f"{place}: {said}; {advice}") if advice else PermanentError(f"{place}: {said}")


def _is_transient(error: Exception) -> bool:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(error, GoogleAuthError):
        return isinstance(error, TransportError) or error.retryable
    if not isinstance(error, GoogleAPICallError):
        # Not an answer of BigQuery's: the network failed, or patience with it ended.
        return True
    reason, _ = _reason_and_words(error)
    code = error.code or 0
    return code >= 500 or code in _TRANSIENT_CODES or reason in _TRANSIENT_REASONS or is_conflict(error)


def _reason_and_words(error: BaseException) -> tuple[str, str]:
    """Return BigQuery's word for a failure, or an empty text, and its sentence without links and SQL."""
    from google.api_core.exceptions import RetryError

    if isinstance(error, RetryError) and error.cause is not None:
        return _reason_and_words(error.cause)
    for details in getattr(error, "errors", None) or []:
        return details.get("reason", ""), details.get("message", str(error))
    return "", " ".join(str(error).split())
