"""What CSV files hold, told by their columns."""

import pytest

from mlops_assets.errors import SourceError
from mlops_assets.tabular.kinds import OtherTable, Table, TableKind, continue_sibling, field_name, recognize
from mlops_assets.tabular.layout import CsvLayout

CITIES = TableKind("cities", ("name", "country", "people"), frozenset({"name", "people"}), lambda row: row["people"].isdecimal())
RIVERS = TableKind("rivers", ("name", "length_km", "mouth"), frozenset({"name", "length_km"}), lambda row: "0" in row["length_km"])
HEADLESS = CsvLayout((), has_header=False)


def table(*titles: str) -> Table:
    """Return what a file with these titles holds."""
    found = recognize("x.csv", CsvLayout(titles), [CITIES, RIVERS])
    assert isinstance(found, Table)
    return found


def test_kind_is_that_with_most_columns_in_common() -> None:
    """Titles count as fields whatever their spelling; columns that nobody asked for do not matter."""
    found = table("", "Length km", "NAME", "Mouth", "note")
    assert found.kind is RIVERS
    assert found.titles == {"name": "NAME", "length_km": "Length km", "mouth": "Mouth"}
    assert found.note is None


def test_missing_optional_column_is_noted() -> None:
    """Only a column that the records cannot do without is an error, which names all that are missing."""
    without_country = table("name", "people")
    without_country.require_columns("x.csv")
    assert without_country.note == "columns missing, and therefore empty: country"
    with pytest.raises(SourceError, match=r"x\.csv: columns missing: people\. It has: name, country"):
        table("name", "country").require_columns("x.csv")


@pytest.mark.parametrize("titles", [("iucr", "description"), ("name", "a", "b", "c")])
def test_table_of_something_else_is_told(titles: tuple[str, ...]) -> None:
    """A file with less than half of the columns, and most of its own of another kind, is none of these."""
    found = recognize("x.csv", CsvLayout(titles), [CITIES, RIVERS])
    assert isinstance(found, OtherTable)
    assert found.reason == f"is another table: its columns are {', '.join(titles)}"


def test_weak_evidence_is_no_evidence() -> None:
    """A file of few columns that are all ours is no other table, and neither is one with a single column."""
    with pytest.raises(SourceError, match="columns missing: country, people"):
        table("name").require_columns("x.csv")
    with pytest.raises(SourceError, match=r"columns missing: name, country, people.*separated by something else"):
        table("whatever").require_columns("x.csv")


def test_repeated_column_is_an_error() -> None:
    """Of two columns of one name, nobody knows which one counts; two without a name do not matter."""
    with pytest.raises(SourceError, match=r"x\.csv: two columns are named 'NAME'"):
        table("name", "people", "NAME")
    assert table("", "", "name", "people").missing == ["country"]


def test_part_without_header_has_the_columns_of_the_sibling_that_its_rows_fit() -> None:
    """Not those of one with another number of columns, or whose values look otherwise."""
    siblings = [
        ("rivers.csv", table("name", "length_km")),
        ("cities.csv", table("people", "name")),
        ("c.csv", table(*CITIES.fields)),
    ]
    found = continue_sibling("x.csv", HEADLESS, [["71", "Vitoria"], ["19", "Ir"]], siblings)
    assert (found.kind, found.continues, found.layout.titles) == (CITIES, "cities.csv", ("people", "name"))
    assert found.note == "has no header; read as a continuation of cities.csv; columns missing, and therefore empty: country"


def test_part_that_fits_nothing_or_too_much_is_an_error() -> None:
    """A file is neither read in somebody else's columns nor passed over."""
    with pytest.raises(SourceError, match=r"x\.csv: has no header, and its rows fit no other file's columns"):
        continue_sibling("x.csv", HEADLESS, [["a", "b"]], [("cities.csv", table("people", "name"))])
    siblings = [("a.csv", table("people", "name")), ("b.csv", table("people", "country", "name"))]
    rows = [["1", "2", "3"]]
    either = [*siblings[1:], ("c.csv", table("people", "name", "country"))]
    with pytest.raises(SourceError, match=r"its rows fit those of b\.csv and of c\.csv"):
        continue_sibling("x.csv", HEADLESS, rows, either)
    assert continue_sibling("x.csv", HEADLESS, rows, siblings).continues == "b.csv"


def test_rows_cut_in_two_do_not_hide_whose_they_are() -> None:
    """A file that was split by size begins and ends in the middle of a row."""
    rows = [["oria"], *[["1", "a"]] * 3, ["2"]]
    assert continue_sibling("x.csv", HEADLESS, rows, [("cities.csv", table("people", "name"))]).continues == "cities.csv"


@pytest.mark.parametrize("title", ["Case Number", "CASE NUMBER", " case_number ", "case-number"])
def test_spellings_of_a_title_are_one_field(title: str) -> None:
    """Spreadsheets, web APIs and people spell titles differently."""
    assert field_name(title) == "case_number"
