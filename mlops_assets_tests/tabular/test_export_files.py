"""What became of the records of an export."""

from mlops_assets.contracts.frames import to_arrow
from mlops_assets.tabular.export_files import ExportFile, account_for_files, but_not, export_files_contract

CONTRACT = export_files_contract("weather", partition="month")
COUNTS = ["record_count", "kept_count", "rejected_count", "waiting_count", "missing_count"]
MONTHS = ["2024-01", "2024-02", "2024-03"]


def test_every_record_is_kept_rejected_waiting_or_missing() -> None:
    """The four add up to the records of the file, whatever the tables have; one file says nothing about another."""
    files = [
        ExportFile("b.csv", "read", None, {("2024-01", "b.csv"): 5, ("2024-03", "b.csv"): 2}),
        ExportFile("a.csv", "read", "odd", {("2024-01", "a.csv"): 3}),
        ExportFile("c.csv", "set_aside", "is another table"),
    ]
    kept = {("2024-01", "a.csv"): 2, ("2024-01", "b.csv"): 4, ("2024-01", "gone.csv"): 7}
    account = account_for_files(files, kept, {("2024-01", "a.csv"): 1}, {"2024-01", "2024-02"}, MONTHS)
    assert account["file_name"].tolist() == ["a.csv", "b.csv", "c.csv"]
    assert account[COUNTS].to_numpy().tolist() == [[3, 2, 1, 0, 0], [7, 4, 0, 2, 1], [0, 0, 0, 0, 0]]
    assert account[["first_partition", "last_partition"]].to_numpy().tolist()[1] == ["2024-01", "2024-03"]
    to_arrow(account, CONTRACT)


def test_records_of_what_is_no_partition_are_missing() -> None:
    """They wait for nothing: a month that will never be materialized has none of them."""
    account = account_for_files([ExportFile("a.csv", "read", None, {("2099-01", "a.csv"): 2})], {}, {}, {"2024-01"}, MONTHS)
    assert account[COUNTS].to_numpy().tolist() == [[2, 0, 0, 0, 2]]


def test_table_that_has_more_than_the_file_is_seen() -> None:
    """A file that was cut since it was read has less than nothing missing."""
    account = account_for_files([ExportFile("a.csv", "read", None, {("1", "a.csv"): 1})], {("1", "a.csv"): 3}, {}, {"1"}, {"1"})
    assert account["missing_count"].tolist() == [-2]


def test_no_files_give_no_rows() -> None:
    """A source that is no export has an account, too."""
    account = account_for_files([], {}, {}, (), ())
    assert list(account.columns) == CONTRACT.column_names
    assert to_arrow(account, CONTRACT).num_rows == 0


def test_long_lists_of_names_are_cut() -> None:
    """A folder full of other files is not recited."""
    assert but_not([]) == ""
    assert but_not(["a", "b"]) == ", but not a, b"
    assert but_not(list("abcdefgh")) == ", but not a, b, c, d, e and 3 more"
