"""What pages have in common: stores, reads that are remembered for a minute, and sections that say why they are empty."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import altair as alt
import streamlit as st

from mlops_assets.dashboard.errors import NothingToShowError
from mlops_assets.errors import PlatformError
from mlops_assets.settings import load_settings
from mlops_assets.stores.registry import Stores

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_REMEMBERED_SECONDS = 60
_REMEMBERED_READS = 100
_logger = logging.getLogger(__name__)
_Found = TypeVar("_Found")
_Option = TypeVar("_Option")


@st.cache_resource(show_spinner=False)
def stores() -> Stores:
    """Return the stores of the settings."""
    return load_settings().build_stores()


def read(reader: Callable[..., _Found], *arguments: Any) -> _Found:
    """Return what `reader(stores, *arguments)` reads; for a minute, the same question is answered from memory."""
    found: _Found = _read(reader, f"{reader.__module__}.{reader.__qualname__}", arguments)
    return found


@st.cache_data(ttl=_REMEMBERED_SECONDS, max_entries=_REMEMBERED_READS, show_spinner="Reading ...")
def _read(_reader: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> Any:
    return _reader(stores(), *arguments)


@contextmanager
def section(title: str = "") -> Iterator[None]:
    """Show a part of a page. Whatever keeps it from being shown is said in its place, and other parts are shown all the same."""
    if title:
        st.subheader(title, anchor=False)
    try:
        yield
    except NothingToShowError as error:
        st.info(str(error))
        st.code(error.command, language="sh")
    except PlatformError as error:
        st.warning(str(error))
    except Exception:
        _logger.exception("a part of a page cannot be shown: %s", title)
        st.error("This part cannot be shown: an unexpected error, which the dashboard's log tells.")


def choose(label: str, options: Sequence[_Option], index: int = 0, *, where: DeltaGenerator | None = None, **how: Any) -> _Option:
    """Let people choose one of some options, and return it.

    Args:
        label: what it is.
        options: at least one.
        index: of the one that is chosen at first.
        where: a column of the page; the page itself by default.
        **how: whatever else `st.selectbox` takes.
    """
    chosen = (where or st).selectbox(label, options, index, **how)
    assert chosen is not None, "a box with an index is never empty"
    return chosen


def show_chart(chart: alt.Chart | alt.LayerChart) -> None:
    """Show a chart as wide as the page is."""
    st.altair_chart(chart, width="stretch")
