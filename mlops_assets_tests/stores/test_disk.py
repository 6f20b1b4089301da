"""What a disk refuses is found behind other errors."""

import errno

from mlops_assets.stores.disk import refusal_behind


def test_refusal_is_found_behind_other_errors() -> None:
    """A library wraps what the operating system says."""
    wrapped = ValueError("cannot write")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert refusal_behind(wrapped) is not None
    assert refusal_behind(wrapped) == refusal_behind(wrapped.__cause__)


def test_chain_that_leads_back_to_itself_ends() -> None:
    """Libraries have raised errors that name each other as causes."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert refusal_behind(one) is None
