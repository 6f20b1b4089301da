"""Jobs from the command line: which runs there are, what is said of them, and how the command ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from typer.testing import CliRunner, Result

from mlops_assets.cli import app
from mlops_assets.cli.bootstrap import require_alone
from mlops_assets.cli.jobs import takes_ranges
from mlops_assets.donostia_parking.definition import build_domain as build_donostia_parking
from mlops_assets.donostia_parking.settings import DonostiaParkingSettings
from mlops_assets.orchestration.instance import prepare_instance
from mlops_assets.orchestration.requests import REQUEST_TAG
from mlops_assets_tests.platforms import Platform
from mlops_assets_tests.test_cli import NO_SETTINGS, assert_is_readable

SIMULATED_UNTIL = {
    "MLOPS_CHICAGO_CRIMES_SAMPLE_CRIMES_PER_YEAR": "24000",
    "MLOPS_CHICAGO_CRIMES_SAMPLE_AS_OF": "2024-06-30T00:00:00Z",
    "MLOPS_DONOSTIA_PARKING_SAMPLE_AS_OF": "2024-06-30T00:00:00Z",
}


@pytest.fixture
def command(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Give a function that runs a command in this process, in a project of its own, on 80 columns."""
    before = dict(os.environ)
    for name, value in {**SIMULATED_UNTIL, "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    yield lambda *arguments, **options: CliRunner().invoke(app, arguments, **options)
    # A command hands its places down to processes that it starts.
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["read_parking"], "there is no job 'read_parking'; the jobs are "),
        (["read_chicago_crimes", "--partition", "1999-01"], "has no partition '1999-01'; it has 2001-01 to "),
        (
            ["train_arrest_model", "--partition", "2024-03", "--to", "2024-01"],
            "--to 2024-01 comes before --partition 2024-03; the earlier one goes first",
        ),
        (["train_arrest_model", "--to", "2024-01"], "say where it begins: --partition KEY --to 2024-01"),
        (["prepare_lakes", "--partition", "2024-01"], "job prepare_lakes has no partitions; leave --partition out"),
        (["train_arrest_model", "--config", "nowhere.yaml"], "--config nowhere.yaml cannot be read: "),
    ],
)
def test_what_cannot_be_meant_is_refused(command: Callable[..., Result], arguments: list[str], complaint: str) -> None:
    """Whoever mistypes need not look anything up; nothing is done, and the exit code tells it from a failure."""
    done = command("run", *arguments)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not Path("data").exists()


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("ops: [", "is not YAML: while parsing"),
        ("just words", "is not a mapping that begins with ops:"),
        ("op: {}", "'op' at the top is not known; did you mean ops?"),
        ("ops: {chicago_crimes__arrest_modl: {}}", "did you mean chicago_crimes__arrest_model?"),
        (
            "ops: {splits: {config: {strategy: best}}}",
            "splits:config:strategy not in enum type SplitStrategy got best; allowed: time, random",
        ),
        ("ops: {chicago_crimes__arrest_model: {config: {families: [oracle]}}}", "got oracle; allowed: logistic_regression, "),
        (
            "ops: {chicago_crimes__arrest_model: {config: {tuning_trials: -1}}, splits: {config: {test_share: 5}}}",
            "chicago_crimes__arrest_model: tuning_trials: Input should be greater than or equal to 0, not -1; "
            "splits: test_share: Input should be less than 1, not 5",
        ),
    ],
)
def test_configuration_that_does_not_fit_is_refused_before_the_run(
    command: Callable[..., Result], config: str, complaint: str
) -> None:
    """The sentence names each wrong option and what is allowed, and there is no run."""
    done = command("run", "train_arrest_model", "--config", "-", input=config)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert not Path("data").exists()


def test_configuration_reaches_the_run(command: Callable[..., Result], project: Path) -> None:
    """A file as the launchpad of the UI has it."""
    (project / "two.yaml").write_text("ops: {donostia_parking__snapshots: {config: {poll_seconds: 1, every_seconds: 0.9}}}")
    done = command("run", "poll_donostia_parking", "--config", "two.yaml")
    assert done.exit_code == 0, done.stderr
    assert len(list(Path("data/lake/donostia_parking").glob("snapshots/**/*.json"))) == 2


def test_partitions_are_run_one_by_one_and_the_failed_do_not_stop_the_others(command: Callable[..., Result]) -> None:
    """Assets that take one partition at a time get one run each, in order; a table says what became of each."""
    assert command("run", "read_donostia_parking", "--partition", "2024-06-29").exit_code == 0
    done = command("run", "follow_donostia_parking", "--partition", "2024-06-28", "--to", "2024-06-30")
    assert done.exit_code == 1
    assert "follow_donostia_parking: 0 of 3 partitions done" in done.stdout
    table = done.stdout.partition("partitions done")[2]
    assert table.index("2024-06-28") < table.index("2024-06-29") < table.index("2024-06-30")
    assert table.count("MissingModelError") == 3, "there is no champion"
    assert done.stderr.count("Failed: follow_donostia_parking for 2024-06-") == 3
    assert "Traceback" not in done.output
    assert_is_readable(table)
    assert len(list(Path("data/lake/donostia_parking").glob("hourly_free/day=2024-06-*/data.parquet"))) == 3


def test_range_is_one_run_where_the_assets_take_it(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Only a job whose partitioned assets all take ranges is given one; one that takes single partitions would fail on it."""
    definitions = Platform(tmp_path, instance).definitions
    taken = {
        name: takes_ranges(definitions, definitions.resolve_job_def(name)) for name in ("read_chicago_crimes", "train_arrest_model")
    }
    assert taken == {"read_chicago_crimes": True, "train_arrest_model": False}


def test_failed_step_is_told_in_a_sentence(command: Callable[..., Result]) -> None:
    """Asset, reason and where to read more: no traceback, which `--debug` shows wherever it stands."""
    failed = command("run", "train_arrest_model", "--partition", "2024-01")
    assert failed.exit_code == 1
    lines = failed.stderr.splitlines()
    assert lines[0] == "Failed: train_arrest_model for 2024-01"
    assert lines[1].startswith("  chicago_crimes/training_window: NotEnoughDataError: month 2024-01: the training window needs ")
    assert lines[2].startswith("  Log and traceback: `mlops-assets dev`, run ")
    assert len(lines) == 3
    assert "Traceback" in command("run", "train_arrest_model", "--partition", "2024-01", "--debug").stderr


def test_failed_blocking_check_is_told_with_its_promise(command: Callable[..., Result], project: Path) -> None:
    """People read which check of which asset failed, what it found and what it promises."""
    export = project / "exports"
    months = ("--first", "2024-01", "--last", "2024-01")
    assert command("sample-export", str(export), *months, "--crimes-per-year", "24000").exit_code == 0
    (crimes,) = export.glob("*2024-01*.csv*")
    header, *rows = crimes.read_text().splitlines()
    spoiled = [row.replace("2024", "12024") if number % 2 else row for number, row in enumerate(rows)]
    crimes.write_text("\n".join([header, *spoiled]))
    os.environ |= {"MLOPS_CHICAGO_CRIMES_SOURCE": "export", "MLOPS_CHICAGO_CRIMES_EXPORT_PATH": str(export)}
    done = command("run", "read_chicago_crimes", "--partition", "2024-01")
    assert done.exit_code == 1, done.output
    assert "Check has_few_rejects of chicago_crimes/raw_crimes failed: " in done.stderr
    assert "It promises: In most sources and in all of them together, at most 5.0% of the records were rejected." in done.stderr
    assert "DagsterAssetCheckFailedError" not in done.stderr
    assert "Traceback" not in done.output


def test_run_of_the_command_line_is_not_announced_to_be_retried(command: Callable[..., Result]) -> None:
    """No daemon could start it again, and the records do not say that one will."""
    command("run", "train_arrest_model", "--partition", "2024-01")
    with dg.DagsterInstance.from_config("data/dagster") as instance:
        (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert run.tags["dagster/will_retry"] == "false"


def test_unexpected_error_is_a_sentence_too(command: Callable[..., Result], project: Path) -> None:
    """Whatever goes wrong, a traceback is shown to those who ask for it."""
    (project / "exports").write_text("a file, not a folder")
    done = command("sample-export", "exports", "--first", "2024-01", "--last", "2024-01")
    assert done.exit_code == 1
    assert done.stderr.startswith("FileExistsError: ")
    assert "--debug shows where it comes from" in done.stderr
    assert "Traceback" not in done.output


def test_data_directory_that_is_a_file_is_told_what_to_do_about(command: Callable[..., Result], project: Path) -> None:
    """A run needs a folder for Dagster's records."""
    (project / "data").write_text("a file, not a folder")
    done = command("run", "read_donostia_parking")
    assert done.exit_code == 1
    assert done.stderr.startswith("StoreAccessError: cannot prepare Dagster's records in ")
    assert "move away the file or folder that is in its place" in done.stderr
    assert "Traceback" not in done.output


def test_jobs_are_listed_for_a_terminal(command: Callable[..., Result]) -> None:
    """Each job with what it does, what it is partitioned by and its latest partition."""
    done = command("jobs")
    assert done.exit_code == 0, done.output
    for words in ("read_chicago_crimes", "month, ranges", "train_forecast_model", "day", "Make the previous champion"):
        assert words in done.stdout
    assert_is_readable(done.stdout)


def test_status_of_an_empty_platform_says_what_to_run(command: Callable[..., Result]) -> None:
    """Nothing is made by asking."""
    done = command("status")
    assert done.exit_code == 0, done.output
    assert "Nothing has been made yet. Begin with: mlops-assets bootstrap chicago_crimes" in done.stdout
    assert not Path("data").exists()


def test_bootstrap_of_an_unknown_domain_does_nothing(command: Callable[..., Result]) -> None:
    """The sentence names those that there are; nothing else is printed, and no folder is made."""
    done = command("bootstrap", "nope")
    assert done.exit_code == 2
    assert done.stderr == (
        "SettingsError: there is no domain 'nope' to bootstrap; there are chicago_crimes, donostia_parking, song_preference, "
        "song_popularity\n"
    )
    assert done.stdout == ""
    assert not Path("data").exists()


@dataclass(frozen=True)
class Begun:
    """Records in which a run of a bootstrap has begun."""

    instance: dg.DagsterInstance
    run: dg.DagsterRun

    def works_in(self, process_id: int) -> None:
        """Note a process in the run's log, as a run does."""
        self.instance.report_engine_event("Executing steps.", self.run, EngineEventData.in_process(process_id))


@pytest.fixture
def begun(project: Path) -> Iterator[Begun]:
    """Give a run that reads the first history of readings."""
    with dg.DagsterInstance.from_config(str(prepare_instance(project / "data"))) as instance:
        tags = {REQUEST_TAG: "bootstrap donostia_parking hourly_free 2024-06-29"}
        run = dg.DagsterRun(job_name="read_donostia_parking", tags=tags, status=dg.DagsterRunStatus.STARTED)
        yield Begun(instance, instance.add_run(run))


def test_bootstrap_leaves_a_step_to_the_run_that_takes_it(command: Callable[..., Result], begun: Begun) -> None:
    """With the automation on, the sensor may have asked for it: nothing is read twice."""
    begun.works_in(os.getpid())
    done = command("bootstrap", "donostia_parking")
    assert done.exit_code == 1
    assert f"Already under way: run {begun.run.run_id[:8]} of read_donostia_parking takes a step" in done.stderr
    assert [run.run_id for run in begun.instance.get_runs()] == [begun.run.run_id]


def test_bootstrap_goes_on_after_a_run_that_was_killed(begun: Begun, tmp_path: Path) -> None:
    """The run is shown as running although its process is gone; it is ended, and holds nobody up."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    begun.works_in(process.pid)
    own = DonostiaParkingSettings(_env_file=None)
    bootstrap = build_donostia_parking(own, cache=tmp_path, automation_enabled=False).bootstrap
    assert bootstrap is not None
    require_alone(begun.instance, bootstrap)
    assert [run.status for run in begun.instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


def test_status_tells_what_is_there_what_failed_and_what_comes_next(command: Callable[..., Result]) -> None:
    """A domain whose day has been read and whose training failed, beside one of which there is nothing."""
    assert command("run", "read_donostia_parking", "--partition", "2024-06-29").exit_code == 0
    assert command("run", "train_arrest_model", "--partition", "2024-01").exit_code == 1
    done = command("status")
    assert done.exit_code == 0, done.output
    crimes, parking = done.stdout.split("donostia_parking ─")
    assert "Failed: train_arrest_model for 2024-01" in crimes
    assert "NotEnoughDataError" in crimes
    assert "Champion of arrest_model: none" in crimes
    assert "schedules and sensors are on; nothing starts by itself" in crimes
    assert "Next: mlops-assets bootstrap chicago_crimes" in crimes
    assert " hourly_free         2024-06-29" in parking
    assert " forecast_model      not made yet" in parking
    assert "Failed" not in parking


@dataclass(frozen=True)
class Stopped:
    """How a command ended that was asked to stop."""

    code: int
    printed: str
    complaint: str


def stopped_by(numbers: Sequence[signal.Signals], folder: Path) -> Stopped:
    """Begin a poll of snapshots, which takes a minute, and send signals to it and its group once the first has landed."""
    (folder / ".env").write_text("MLOPS_DONOSTIA_PARKING_SAMPLE_AS_OF=2024-06-30T00:00:00Z\n")
    (folder / "minute.yaml").write_text("ops: {donostia_parking__snapshots: {config: {poll_seconds: 60, every_seconds: 1}}}")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlops_assets.cli", "run", "poll_donostia_parking", "--config", "minute.yaml"],
        cwd=folder,
        env={**NO_SETTINGS, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    killer = threading.Timer(120, process.kill)
    killer.start()
    while process.poll() is None and not list(folder.glob("data/lake/donostia_parking/snapshots/**/*.json")):
        time.sleep(0.1)
    for number in numbers:
        # As a terminal and `timeout` do, which signals the program first.
        process.send_signal(number)
        time.sleep(0.02)
        os.killpg(process.pid, number)
    printed, complaint = process.communicate()
    killer.cancel()
    return Stopped(process.returncode, printed, complaint)


@pytest.mark.parametrize(("numbers", "code"), [([signal.SIGINT], 130), ([signal.SIGTERM, signal.SIGINT], 143)])
def test_stopped_command_says_so_in_a_sentence(numbers: list[signal.Signals], code: int, tmp_path: Path) -> None:
    """Signals to all processes end a run in its step, without a traceback, with the first one's exit code; the run has failed."""
    stopped = stopped_by(numbers, tmp_path)
    assert stopped.code == code, stopped
    assert stopped.complaint == "Interrupted: every finished write is whole; the same command again takes up the rest\n"
    with dg.DagsterInstance.from_config(str(tmp_path / "data" / "dagster")) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
