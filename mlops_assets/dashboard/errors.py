"""What stands in the place of a part of a page that cannot be shown."""

from __future__ import annotations

from mlops_assets.errors import PlatformError


class NothingToShowError(PlatformError):
    """A part of a page has nothing to show until somebody runs a command.

    Attributes:
        command: what to run.
    """

    def __init__(self, message: str, command: str) -> None:
        """Say what is not there, and which command brings it."""
        super().__init__(message)
        self.command = command


def not_made_yet(what: str, domain: str) -> NothingToShowError:
    """Return the error for tables or models that a domain does not have yet."""
    return NothingToShowError(f"There is no {what} yet. To make it:", f"mlops-assets bootstrap {domain}")
