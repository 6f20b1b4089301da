"""The data dictionary says of every table what its contract says."""

from mlops_assets.contracts import Column, TableContract
from mlops_assets.contracts.dictionary import render_dictionary
from mlops_assets_tests.tables import EVERY_TYPE, READINGS


def test_table_has_its_columns_units_and_rules() -> None:
    """A reader finds meaning, key, partitioning and one line per column."""
    page = render_dictionary([READINGS])
    assert page.startswith("# Data dictionary\n")
    assert page[page.index("## ") :] == (
        "## weather/readings\n"
        "\n"
        "One row per reading of a thermometer.\n"
        "\n"
        "One row per: `reading_id`.\n"
        "\n"
        "Partitioned by: `month`.\n"
        "\n"
        "| column | type | unit | description | rules |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| `month` | date |  | Month of the reading. | never empty |\n"
        "| `reading_id` | int64 |  | Identifier of the reading. | never empty; at least 1 |\n"
        "| `station_code` | string |  | Where it was read. | never empty; matches [A-Z]{3} |\n"
        "| `temperature_c` | float64 | degree Celsius | Temperature; empty if unreadable. | may be empty |\n"
    )


def test_tables_keep_their_order() -> None:
    """The page tells the tables in the order of the graph, not of the alphabet."""
    page = render_dictionary([READINGS, EVERY_TYPE])
    assert page.index("## weather/readings") < page.index("## weather/every_type")


def test_alternatives_in_a_pattern_do_not_split_the_row() -> None:
    """A `|` in a rule or a sentence is escaped, for it would begin another cell."""
    contract = TableContract("weather", "codes", "Codes.", (Column("code", "string", "Either a|b.", pattern="a|b"),))
    assert r"| `code` | string |  | Either a\|b. | never empty; matches a\|b |" in render_dictionary([contract])


def test_table_without_key_or_partition_says_neither() -> None:
    """Nothing is claimed that the contract does not promise."""
    page = render_dictionary([TableContract("weather", "codes", "Codes.", (Column("code", "string", "Code."),))])
    assert "One row per" not in page
    assert "Partitioned by" not in page
