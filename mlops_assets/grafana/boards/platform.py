"""The platform's health: streams that fall behind, dead letters, assets that get old, and runs that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.grafana.dashboard import Dashboard
from mlops_assets.grafana.panels import NONE_WANTED, Query, at_most, stat, table, time_series
from mlops_assets.song_popularity.contracts import STREAM_HEALTH

if TYPE_CHECKING:
    from mlops_assets.grafana.panels import Panel
    from mlops_assets.grafana.warehouses import GrafanaWarehouse

_STREAMS = (STREAM_HEALTH,)
"""The tables of all domains that follow a stream."""

_HOUR, _DAY = 3_600, 86_400


def dashboard(warehouse: GrafanaWarehouse) -> Dashboard:
    """Return the dashboard of a warehouse, which asks Dagster's records, too."""
    health = _all_streams(warehouse)
    return Dashboard(
        "platform",
        "Platform health",
        "Whether streams are followed, messages are read, assets are fresh and runs succeed. Start here if something seems wrong.",
        since="now-24h",
        panels=(*_key_figures(health), _lag(health), _dead_letters(health), *_runs(), _partitions(health), _freshness()),
    )


def _all_streams(warehouse: GrafanaWarehouse) -> str:
    """Return what stands after FROM: every look at every stream."""
    columns = "looked_at, topic, log_partition, next_offset, end_offset, lag_count, lost_count, dead_letter_count, newest_landed_at"
    looks = [f"SELECT {columns} FROM {warehouse.table(contract)}" for contract in _STREAMS]
    return f"({' UNION ALL '.join(looks)}) AS looks"


def _newest(health: str) -> str:
    """Return what stands after FROM: the latest look at each partition in the chosen time."""
    rank = "ROW_NUMBER() OVER (PARTITION BY topic, log_partition ORDER BY looked_at DESC) AS age"
    return f"(\n  SELECT looks.*, {rank}\n  FROM {health}\n  WHERE $__timeFilter(looked_at)\n) AS newest\nWHERE age = 1"


def _key_figures(health: str) -> tuple[Panel, ...]:
    newest = _newest(health)
    return (
        stat(
            "Messages waiting",
            "Messages that the log holds and that have not landed, at the latest look. It should go down between bursts.",
            Query(f"SELECT SUM(lag_count) AS lag_count\nFROM {newest}"),
            labels={"lag_count": "waiting"},
            thresholds=at_most(10_000, 1_000_000),
            no_value="No stream was looked at in this time",
        ),
        stat(
            "Messages lost",
            "Messages that the log dropped before they landed: retention is too short, or a topic was made anew. It should be 0.",
            Query(f"SELECT SUM(lost_count) AS lost_count\nFROM {newest}"),
            labels={"lost_count": "lost"},
            thresholds=NONE_WANTED,
            no_value="No stream was looked at in this time",
        ),
        stat(
            "Failed runs",
            "Runs of Dagster that failed in the chosen time. The table below names them.",
            Query(
                "SELECT COUNT(*) AS failed_count\nFROM runs\nWHERE status = 'FAILURE' AND $__unixEpochFilter(end_time)",
                is_of_dagster=True,
            ),
            labels={"failed_count": "failed"},
            thresholds=at_most(1, 5),
        ),
        stat(
            "Longest running",
            "For how long the oldest run that has not ended has been running. Runs of hours hang, or are backfills.",
            Query(
                "SELECT MAX(EXTRACT(EPOCH FROM NOW()) - start_time) AS seconds\nFROM runs\nWHERE status = 'STARTED'",
                is_of_dagster=True,
            ),
            labels={"seconds": "longest"},
            unit="s",
            decimals=0,
            thresholds=at_most(_HOUR, 6 * _HOUR),
            no_value="Nothing is running",
        ),
    )


def _lag(health: str) -> Panel:
    return time_series(
        "Messages waiting, by topic",
        "Messages that the log holds and that have not landed. A line that only rises means that landing is slower than the "
        "producers, or stands still.",
        Query(
            f"SELECT looked_at AS time, topic, SUM(lag_count) AS lag_count\nFROM {health}\nWHERE $__timeFilter(looked_at)\n"
            "GROUP BY 1, 2\nORDER BY 1, 2"
        ),
        display_name="${__field.labels.topic}",
        minimum=0,
    )


def _dead_letters(health: str) -> Panel:
    return time_series(
        "Dead letters, by topic",
        "Messages so far that did not become rows; `rejected_events` has each with its reason. A jump: a producer changed.",
        Query(
            f"SELECT looked_at AS time, topic, SUM(dead_letter_count) AS dead_letter_count\nFROM {health}\n"
            "WHERE $__timeFilter(looked_at)\nGROUP BY 1, 2\nORDER BY 1, 2"
        ),
        display_name="${__field.labels.topic}",
        minimum=0,
    )


def _partitions(health: str) -> Panel:
    return table(
        "Streams, by partition",
        "The latest look at each partition of each topic: how far the log is written and landed, and when something last landed.",
        Query(
            "SELECT topic, log_partition, end_offset, next_offset, lag_count, lost_count, dead_letter_count,\n"
            f"  newest_landed_at, looked_at\nFROM {_newest(health)}\nORDER BY topic, log_partition"
        ),
        labels={
            "log_partition": "partition",
            "end_offset": "written to",
            "next_offset": "landed to",
            "lag_count": "waiting",
            "lost_count": "lost",
            "dead_letter_count": "dead letters",
            "newest_landed_at": "landed last",
            "looked_at": "looked at",
        },
        unit="none",
        units={"newest_landed_at": "dateTimeFromNow", "looked_at": "dateTimeFromNow"},
        width=24,
    )


def _runs() -> tuple[Panel, Panel]:
    return (
        time_series(
            "Runs that ended, by hour",
            "Runs of Dagster by how they ended.",
            Query(
                "SELECT $__unixEpochGroup(end_time, '1h') AS time, LOWER(status) AS status, COUNT(*) AS run_count\nFROM runs\n"
                "WHERE end_time IS NOT NULL AND $__unixEpochFilter(end_time)\nGROUP BY 1, 2\nORDER BY 1, 2",
                is_of_dagster=True,
            ),
            is_bars=True,
            display_name="${__field.labels.status}",
            minimum=0,
        ),
        table(
            "Latest failed runs",
            "The latest runs that failed. Open one in Dagster under Runs by the beginning of its id.",
            Query(
                "SELECT TO_TIMESTAMP(end_time) AS ended_at, pipeline_name AS job, partition, LEFT(run_id, 8) AS run,\n"
                "  end_time - start_time AS seconds\nFROM runs\nWHERE status = 'FAILURE' AND $__unixEpochFilter(end_time)\n"
                "ORDER BY end_time DESC\nLIMIT 50",
                is_of_dagster=True,
            ),
            labels={"ended_at": "ended at", "seconds": "took"},
            units={"seconds": "s", "ended_at": "dateTimeAsIso"},
            no_value="No run failed in this time",
        ),
    )


def _freshness() -> Panel:
    return table(
        "Freshness of assets",
        "When each asset was last materialized, oldest first. What rarely changes, such as a list of stations, may be old.",
        Query(
            # Not `last_materialization_timestamp` of the asset, which moves when a run only plans to make it.
            "SELECT REPLACE(REPLACE(REPLACE(asset_keys.asset_key, '[\"', ''), '\"]', ''), '\", \"', '/') AS asset,\n"
            "  EXTRACT(EPOCH FROM NOW() - made.timestamp AT TIME ZONE 'UTC') AS age_seconds, LEFT(made.run_id, 8) AS run\n"
            "FROM asset_keys CROSS JOIN LATERAL (\n  SELECT timestamp, run_id FROM event_logs\n"
            "  WHERE asset_key = asset_keys.asset_key AND dagster_event_type = 'ASSET_MATERIALIZATION'\n"
            "  ORDER BY id DESC\n  LIMIT 1\n"
            ") AS made\nORDER BY made.timestamp, asset",
            is_of_dagster=True,
        ),
        labels={"age_seconds": "age"},
        units={"age_seconds": "s"},
        field_custom={"age_seconds": {"cellOptions": {"type": "color-text"}}},
        thresholds=at_most(_DAY, 7 * _DAY),
        decimals=0,
        width=24,
        height=12,
    )
