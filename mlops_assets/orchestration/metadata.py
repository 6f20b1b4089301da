"""What the UI shows of a table: its schema before it exists, and its size and first rows after each write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mlops_assets.contracts import TableContract

_SAMPLE_ROWS = 5


def column_schema(contract: TableContract) -> dg.TableSchema:
    """Return a contract as the table schema that the UI shows."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                description=f"{column.description} Unit: {column.unit}." if column.unit else column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, other=column.rules()),
            )
            for column in contract.columns
        ]
    )


def size_metadata(row_count: int) -> dict[str, Any]:
    """Return the row count under the name by which Dagster plots it over time."""
    return {"dagster/row_count": row_count}


def sample_metadata(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the first rows of a frame as a table for the UI."""
    head = frame.head(_SAMPLE_ROWS)
    records = [dg.TableRecord({str(name): _displayable(value) for name, value in row.items()}) for row in head.to_dict("records")]
    columns = [dg.TableColumn(str(name)) for name in head.columns]
    return {"sample_rows": dg.MetadataValue.table(records, schema=dg.TableSchema(columns))}


def frame_metadata(frame: pd.DataFrame) -> dg.MetadataValue:
    """Return a small frame, for example scores or metrics, as a table for the UI."""
    return dg.MetadataValue.md(frame.to_markdown(index=False, floatfmt=".4f"))


def add_stored_metadata(context: dg.OutputContext, metadata: Mapping[str, Any]) -> None:
    """Add what a store says of an output behind what its asset has said.

    The UI shows metadata in the order in which it comes, so that an asset's outcome, plots and links belong before its figures, and
    all of that before places, sizes and sample rows. `add_output_metadata` would put these first.
    """
    context.step_context.add_asset_metadata(metadata, context.asset_key)


def _displayable(value: Any) -> str | int | float | bool | None:
    import pandas as pd

    if pd.isna(value):
        return None
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return round(value, 6)
    return str(value)


def image_metadata(figures: Mapping[str, bytes]) -> dict[str, dg.MetadataValue]:
    """Return PNG pictures, by name, as metadata that the UI renders."""
    import base64

    return {
        name: dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")
        for name, png in figures.items()
    }
