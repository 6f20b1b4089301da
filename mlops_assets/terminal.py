"""Tables for terminals: every figure is readable at 80 columns, and more width is used where there is more."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_UNLIMITED = 10_000


def new_table(title: str, *columns: str, texts: int = 1) -> Table:
    """Return an empty table.

    Args:
        title: above it.
        columns: their names.
        texts: how many of the first columns hold text; the others hold figures, which are never broken.
    """
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for number, name in enumerate(columns):
        is_text = number < texts
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    return table


def fits(console: Console, table: Table) -> bool:
    """Tell whether a table can be printed without breaking or cutting anything."""
    # By itself, a measurement is never wider than its console.
    unlimited = console.options.update_width(_UNLIMITED)
    return console.measure(table, options=unlimited).maximum <= console.width
