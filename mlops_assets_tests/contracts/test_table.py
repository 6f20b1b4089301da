"""A contract is checked when it is written down, and another contract can be made from it."""

from dataclasses import replace

import dagster as dg
import pytest

from mlops_assets.contracts import Column, TableContract
from mlops_assets.errors import ContractError
from mlops_assets.orchestration.metadata import column_schema
from mlops_assets_tests.tables import READINGS, RENAMED_READINGS, renamed

ID = Column("reading_id", "int64", "Identifier.")


def test_repeated_column_is_refused() -> None:
    """Two columns of one name cannot be told apart; the error names them."""
    with pytest.raises(ContractError, match=r"weather/twice: columns declared more than once: reading_id"):
        TableContract("weather", "twice", "", (ID, ID))


@pytest.mark.parametrize("options", [{"key": ("reading_id", "nowhere")}, {"partition_column": "nowhere"}])
def test_key_and_partition_name_columns_of_the_table(options: dict[str, str]) -> None:
    """A slip of the pen in a key fails when the contract is imported, not when rows arrive."""
    with pytest.raises(ContractError, match="unknown columns: nowhere"):
        TableContract("weather", "readings", "", (ID,), **options)  # type: ignore[arg-type]


def test_unknown_column_error_lists_the_known_ones() -> None:
    """Asking for a column that is not there says which are."""
    with pytest.raises(ContractError, match="weather/readings has no column 'humidity'; it has month, reading_id"):
        READINGS.column("humidity")


def test_derived_contract_drops_and_adds_columns() -> None:
    """A table made from another keeps its columns and key except where it says otherwise."""
    flagged = READINGS.derive(
        "flagged", "Readings with a flag.", added=[Column("is_odd", "bool", "Odd.")], dropped=["month"], key=()
    )
    assert flagged.label == "weather/flagged"
    assert flagged.column_names == ["reading_id", "station_code", "temperature_c", "is_odd"]
    assert flagged.key == ()
    assert READINGS.derive("copy", "A copy.").key == READINGS.key


def test_dropping_the_partition_column_drops_the_partitioning() -> None:
    """A derived table without the column of its partition is a lake table; it does not fail for naming a column it lost."""
    assert READINGS.derive("flagged", "", dropped=["month"]).partition_column is None


@pytest.mark.parametrize("former_name", ["reading_id", "station"])
def test_former_name_means_one_column(former_name: str) -> None:
    """A former name that another column has, or had, would mix the values of two columns."""
    columns = (ID, Column("station_code", "string", "Code.", former_name="station"))
    with pytest.raises(ContractError, match=f"former names that mean more than one column: {former_name}"):
        TableContract("weather", "readings", "", (*columns, Column("degrees", "float64", "", former_name=former_name)))


def test_partition_column_keeps_its_name() -> None:
    """Stores keep partitions by the name of their column, which cannot be changed where they stand."""
    with pytest.raises(ContractError, match="weather/readings: the partition column 'month_date' cannot be renamed"):
        replace(renamed(replace(READINGS, partition_column=None), month_date="month"), partition_column="month_date")


def test_stored_data_tell_which_columns_were_renamed_since() -> None:
    """Data of an earlier release have former names, those of today have none, and those with both are refused."""
    assert RENAMED_READINGS.renamed_since(["temperature_c", "unknown"]) == {"temperature_c": "air_temperature_c"}
    assert RENAMED_READINGS.renamed_since(RENAMED_READINGS.column_names) == {}
    with pytest.raises(ContractError, match="'temperature_c' was renamed to 'air_temperature_c', but there are both"):
        RENAMED_READINGS.renamed_since(["temperature_c", "air_temperature_c"])


def test_rules_are_phrases_for_people() -> None:
    """Every rule of a column can be read without knowing the code."""
    column = Column("share_pct", "float64", "Share.", nullable=True, minimum=0, maximum=100)
    assert column.rules() == ["at least 0", "at most 100"]
    assert Column("code", "string", "Code.", allowed=("a", "b"), pattern="[ab]").rules() == [
        "one of a, b",
        "matches [ab]",
    ]


def test_schema_for_the_ui_has_types_units_and_rules() -> None:
    """The schema shown beside an asset says what the contract says."""
    columns = {column.name: column for column in column_schema(READINGS).columns}
    assert list(columns) == READINGS.column_names
    assert columns["temperature_c"] == dg.TableColumn(
        "temperature_c",
        "float64",
        description="Temperature; empty if unreadable. Unit: degree Celsius.",
        constraints=dg.TableColumnConstraints(nullable=True),
    )
    assert columns["station_code"].constraints.other == ["matches [A-Z]{3}"]
