"""What serving answered lands once from the event log, becomes rows or kept rejects by day, and is compared with training."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops_assets.build import build_definitions, build_domains
from mlops_assets.ml.drift import build_profile
from mlops_assets.ml.served_predictions import served_contracts
from mlops_assets.orchestration.lake_io import read_partition
from mlops_assets.partition import Partition
from mlops_assets.serving.prediction_log import TOPIC, PredictionEvent, PredictionLog
from mlops_assets.settings import Settings
from mlops_assets.song_preference import DOMAIN
from mlops_assets.song_preference.settings import SongPreferenceSettings
from mlops_assets.stores.events import Event
from mlops_assets.stores.landing.events_by_time import EventsByTime
from mlops_assets_tests.automatic import automatic, only
from mlops_assets_tests.chicago_crimes.tiny_crimes import raw_crimes, trained
from mlops_assets_tests.kills import FSYNC, IN_TRANSACTION, bytes_of, kill_stage
from mlops_assets_tests.platforms import Platform, failed_checks, with_registry
from mlops_assets_tests.services.kafka import MockControl
from mlops_assets_tests.song_preference.tiny_preference import LIKED, preference_bundle

MODULE = "mlops_assets_tests.orchestration.test_served_predictions"
DAY = "2025-06-02"
NOON = datetime(2025, 6, 2, 12, tzinfo=timezone.utc)
SERVED, REJECTED, DRIFT = served_contracts(DOMAIN)
JOB = f"read_served_{DOMAIN}"


def answer_of(number: int, at: datetime = NOON, **changes: Any) -> PredictionEvent:
    """Return an answer as serving notes it."""
    answer = PredictionEvent(
        prediction_id=f"{number:06d}",
        request_id="request",
        answered_at=at,
        domain=DOMAIN,
        model_name="preference_model",
        model_version=1,
        model_run_id="run",
        protocol="grpc",
        record={**LIKED, "energy": number / 1_000},
        prediction={"probability": 0.75, "is_predicted": True},
        duration_ms=0.5,
    )
    return replace(answer, **changes)


def answered(number: int, at: datetime = NOON, **changes: Any) -> Event:
    """Return the event that serving appends for an answer."""
    answer = answer_of(number, at, **changes)
    return Event(answer.to_json(), answer.answered_at, answer.prediction_id.encode())


def append(platform: Platform, *events: Event, domain: str = DOMAIN, is_there: bool = False) -> None:
    log = platform.stores.events(domain)
    if not is_there:
        log.create_topic(TOPIC, 1)
    log.append(TOPIC, list(events))


def rejects_of(platform: Platform, day: str = DAY) -> pd.DataFrame:
    return read_partition(platform.stores.lake(DOMAIN), REJECTED, Partition("day", day))


@pytest.fixture
def platform(tmp_path: Path, instance: dg.DagsterInstance) -> Platform:
    return Platform(tmp_path, instance)


def test_answers_of_a_day_are_its_rows(platform: Platform) -> None:
    """A day in UTC has what was answered from midnight to midnight, with question, answer, version and run."""
    midnight = NOON - timedelta(hours=12)
    moments = [midnight - timedelta(milliseconds=1), midnight, midnight + timedelta(days=1)]
    append(platform, *(answered(number, moment) for number, moment in enumerate(moments)))
    result = platform.run(JOB, day=DAY)
    (row,) = platform.table(SERVED).to_dict("records")
    assert failed_checks(result) == []
    assert (row["prediction_id"], row["answered_at"], row["model_version"], row["model_run_id"]) == ("000001", midnight, 1, "run")
    assert (row["protocol"], row["value"], row["probability"], row["duration_ms"]) == ("grpc", "true", 0.75, 0.5)
    assert row["record"] == '{"acousticness":0.05,"danceability":0.8,"energy":0.001,"speechiness":0.3}'
    assert rejects_of(platform).empty


def test_what_was_logged_twice_is_one_row(platform: Platform) -> None:
    """A producer that was not sure appends again; a rerun lands nothing again, and a later event only itself."""
    append(platform, answered(1), answered(2), answered(1))
    platform.run(JOB, day=DAY)
    assert platform.table(SERVED)["prediction_id"].tolist() == ["000001", "000002"]
    assert rejects_of(platform)[["log_offset", "reason_code"]].to_numpy().tolist() == [[2, "duplicate"]]
    append(platform, answered(3))
    platform.run(JOB, day=DAY)
    assert platform.metadata(SERVED.name, DAY, DOMAIN)["newly_landed_count"] == 1
    assert platform.metadata(SERVED.name, DAY, DOMAIN)["event_count"] == 4
    assert platform.table(SERVED)["prediction_id"].tolist() == ["000001", "000002", "000003"]


def test_malformed_events_are_kept_with_reasons(platform: Platform) -> None:
    """They stop no other; a warning says that they are many, and every event is a row or a reject."""
    broken = {
        b"{": "Invalid JSON",
        b"\xff\xfe\x00": "Invalid JSON",
        b"[]": "object",
        answered(2, protocol="telepathy").value: "protocol: Input should be",
        answered(3, domain="examples").value: "domain: it is 'examples', not 'song_preference'",
        answered(4, prediction={"probability": float("nan"), "is_predicted": True}).value: "no probability from 0 to 1",
        answered(5, prediction={"probability": 0.5}).value: "neither is_predicted nor predicted_class",
        answered(6, duration_ms=-1.0).value: "duration_ms",
    }
    append(platform, answered(1), *(Event(value, NOON) for value in broken))
    result = platform.run(JOB, day=DAY)
    rejects = rejects_of(platform)
    assert platform.table(SERVED)["prediction_id"].tolist() == ["000001"]
    assert len(rejects) == len(broken)
    for reason, expected in zip(rejects["reason"], broken.values(), strict=True):
        assert expected in reason
    assert failed_checks(result) == [f"{DOMAIN}/{REJECTED.name}:has_few_rejects"]


def test_odd_text_is_kept_as_stores_take_it(platform: Platform) -> None:
    """NUL is no text for some of them; numbers that are none in JSON are null."""
    append(platform, answered(1, record={"title": "a\0b", "energy": float("inf")}))
    platform.run(JOB, day=DAY)
    assert platform.table(SERVED)["record"].tolist() == ['{"energy":null,"title":"a\ufffdb"}']


def test_nothing_was_served(platform: Platform) -> None:
    """A domain that nobody asked has no topic, and empty days."""
    assert failed_checks(platform.run(JOB, days=(DAY, "2025-06-03"))) == []
    assert platform.table(SERVED).empty
    assert rejects_of(platform).empty


def test_days_are_found_in_a_long_log(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many landings, events out of order and clocks that are wrong: each day has its events, whatever was landed in between."""
    first = NOON - timedelta(days=20)
    expected: dict[str, list[str]] = {}
    for number in range(60):
        moment = first + timedelta(hours=12 * number) - timedelta(minutes=30 * (number % 2))
        append(platform, answered(number, moment))
        expected.setdefault(moment.date().isoformat(), []).append(f"{number:06d}")
        if number % 3 == 0:
            platform.run(JOB, day=DAY)
    platform.run(JOB, days=(min(expected), max(expected)))
    table = platform.table(SERVED)
    assert {str(day): rows["prediction_id"].tolist() for day, rows in table.groupby("answered_date")} == expected
    landing, read = platform.stores.landing(DOMAIN, TOPIC), list[str]()
    whole = landing.read

    def watched(names: list[str]) -> Any:
        read.extend(names)
        return whole(names)

    monkeypatch.setattr(landing, "read", watched)
    assert EventsByTime(landing, TOPIC).between(first, first + timedelta(days=1)).num_rows
    assert len(read) == 2


@pytest.mark.parametrize("wrong", [NOON - timedelta(days=20_000), NOON + timedelta(days=20_000)], ids=["behind", "ahead"])
def test_a_clock_that_is_wrong_takes_no_row_from_other_days(platform: Platform, wrong: datetime) -> None:
    """A day that is made again has what it had, whatever the log's order; so has one whose answers were appended late."""
    days = [NOON + timedelta(days=number) for number in range(4)]
    for number, moment in enumerate([days[0], wrong, wrong, days[1], days[2], days[0], days[3]]):
        append(platform, answered(number, moment))
        platform.run(JOB, day=DAY)
    platform.run(JOB, days=(DAY, days[-1].date().isoformat()))
    found = {str(day): rows["prediction_id"].tolist() for day, rows in platform.table(SERVED).groupby("answered_date")}
    expected = {0: ["000000", "000005"], 1: ["000003"], 2: ["000004"], 3: ["000006"]}
    assert found == {days[number].date().isoformat(): ids for number, ids in expected.items()}


@pytest.mark.services
def test_kafka_is_an_event_log_like_any_other(tmp_path: Path, instance: dg.DagsterInstance, own_cluster: MockControl) -> None:
    """What serving appends to it lands once, later answers by themselves, and each day in UTC has its own."""
    own_cluster("topic", TOPIC, 1)
    platform = Platform(tmp_path / "platform", instance, stores={"events_url": f"kafka://{own_cluster('bootstrap')}"})
    log = PredictionLog(platform.stores.events)
    log.start()
    moments = [NOON, NOON, NOON + timedelta(days=1)]
    for number, moment in enumerate(moments):
        log.put(answer_of(number, moment))
    log.stop(20)
    assert (log.written, log.lost) == (3, 0)
    platform.run(JOB, days=(DAY, "2025-06-03"))
    append(platform, answered(1), Event(b"?", NOON), answered(3), is_there=True)
    platform.run(JOB, days=(DAY, "2025-06-03"))
    table = platform.table(SERVED)
    found = {str(day): rows["prediction_id"].tolist() for day, rows in table.groupby("answered_date")}
    assert found == {DAY: ["000000", "000001", "000003"], "2025-06-03": ["000002"]}
    assert sorted(rejects_of(platform)["reason_code"]) == ["duplicate", "malformed_event"]
    assert platform.metadata(SERVED.name, DAY, DOMAIN)["newly_landed_count"] == 3


def run_stage(stage: str, folder: Path) -> None:
    """Run the job on a folder's platform, for tests that kill it."""
    with dg.DagsterInstance.ephemeral() as instance:
        Platform(folder, instance).run(stage, day=DAY)


@pytest.mark.parametrize(("target", "call"), [(FSYNC, 1), (IN_TRANSACTION, 1), (FSYNC, 2)])
def test_killed_run_is_repeated_to_the_same_bytes(tmp_path: Path, target: str, call: int) -> None:
    """Killed while it lands, writes rows or writes rejects: the next run gives what an undisturbed one gives."""

    def platform_in(name: str, instance: dg.DagsterInstance) -> Platform:
        (tmp_path / name).mkdir()
        platform = Platform(tmp_path / name, instance)
        append(platform, *map(answered, range(20)), Event(b"?", NOON))
        return platform

    with dg.DagsterInstance.ephemeral() as instance:
        quiet, killed = platform_in("quiet", instance), platform_in("killed", instance)
        quiet.run(JOB, day=DAY)
        kill_stage(MODULE, JOB, tmp_path / "killed", target, call)
        killed.run(JOB, day=DAY)
        assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "quiet")
        pd.testing.assert_frame_equal(killed.table(SERVED), quiet.table(SERVED))


def test_drift_is_measured_for_each_version(tmp_path: Path, instance: dg.DagsterInstance, mlflow_database: Path) -> None:
    """Louder songs than in training are drift; a version that is gone, or a bundle from a folder, stops no other."""
    platform = Platform(with_registry(tmp_path, mlflow_database), instance)
    names = list(LIKED)
    training = pd.DataFrame({name: [index / 1_000 for index in range(1_000)] for name in names} | {"like_probability": 0.75})
    bundle = replace(preference_bundle(names), reference=build_profile(training, [*names, "like_probability"], []))
    registry = platform.stores.models()
    version = registry.save(
        bundle, model_name=f"{DOMAIN}.preference_model", asset=f"{DOMAIN}/preference_model", partition=None, now=NOON
    )
    own: dict[str, Any] = {"model_version": version.version, "model_run_id": version.run_id}
    usual = [answered(n, record=dict.fromkeys(names, n / 1_000), **own) for n in range(1_000)]
    loud = [answered(1_000 + n, record={**dict.fromkeys(names, n / 1_000), "energy": 0.99}, **own) for n in range(1_000)]
    odd = [answered(5_000, record={"energy": "loud"}, **own), answered(5_001, model_version=99)]
    append(platform, *usual, *loud, *odd, answered(5_002, model_version=None, model_run_id=None))
    assert failed_checks(platform.run(JOB, day=DAY)) == []
    drift = platform.table(DRIFT).set_index("feature")
    assert set(drift["model_version"]) == {version.version}
    assert set(drift["row_count"]) == {2_000}
    assert drift.index[drift["is_over_limit"]].tolist() == ["energy"]
    metadata = platform.metadata(DRIFT.name, DAY, DOMAIN)
    assert metadata["drifted"] == "energy"
    assert "version 99" in metadata["not_measured"]
    assert f"psi_of_version_{version.version}" in metadata


def test_crimes_drift_by_what_is_made_of_them(tmp_path: Path, instance: dg.DagsterInstance, mlflow_database: Path) -> None:
    """Columns of `enriched_crimes`, such as the hour in Chicago, are made of the raw records by the version that answered."""
    platform, domain = Platform(with_registry(tmp_path, mlflow_database), instance), "chicago_crimes"
    bundle, registry = trained().bundle, platform.stores.models()
    version = registry.save(
        bundle, model_name=f"{domain}.arrest_model", asset=f"{domain}/arrest_model", partition="2024-01", now=NOON
    )
    crimes = raw_crimes(occurred_at=[pd.Timestamp("2024-01-15 18:00", tz="UTC")] * 600)[bundle.input_contract.column_names]
    changes: dict[str, Any] = {
        "domain": domain,
        "model_name": "arrest_model",
        "model_version": version.version,
        "model_run_id": version.run_id,
    }
    records = [{name: None if pd.isna(value) else value for name, value in row.items()} for row in crimes.to_dict("records")]
    append(platform, *(answered(n, record=record, **changes) for n, record in enumerate(records)), domain=domain)
    assert failed_checks(platform.run(f"read_served_{domain}", day=DAY)) == []
    drift = platform.table(served_contracts(domain)[2]).set_index("feature")
    assert drift.loc["local_hour", "is_over_limit"]
    assert drift["psi"].notna().all()


@pytest.mark.slow
def test_days_that_are_over_are_made_by_themselves(tmp_path: Path, mlflow_database: Path) -> None:
    """Shortly after midnight, once; today waits, and a day that was missed while the daemon was stopped is made up for."""
    own = SongPreferenceSettings(source="inbox", _env_file=None)
    settings = Settings(
        data_dir=with_registry(tmp_path / "data", mlflow_database), automation="on", domains={DOMAIN: own}, _env_file=None
    )
    domain = next(domain for domain in build_domains(settings) if domain.name == DOMAIN)
    log = settings.build_stores().events(DOMAIN)
    log.create_topic(TOPIC, 1)
    log.append(TOPIC, [answered(1), answered(2, NOON + timedelta(days=1)), answered(3, NOON + timedelta(days=2))])

    def days() -> list[str]:
        return [str(day) for day in settings.build_stores().warehouse(DOMAIN).read(SERVED)["answered_date"]]

    with automatic(only(build_definitions(settings), domain), tmp_path / "home", NOON + timedelta(days=1)) as automation:
        automation.settle()
        runs = automation.wait_until(NOON + timedelta(days=1, hours=1))
        assert runs == ["rejected_served_predictions+served_drift+served_predictions 2025-05-27..2025-06-02"]
        assert days() == [DAY]
        assert automation.wait_until(NOON + timedelta(days=1, hours=2)) == []
        runs = automation.wait_until(NOON + timedelta(days=3, minutes=-1))
        assert runs == ["rejected_served_predictions+served_drift+served_predictions 2025-06-03..2025-06-04"]
        assert days() == [DAY, "2025-06-03", "2025-06-04"]
