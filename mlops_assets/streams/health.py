"""How well a stream is followed: what its log holds, what has landed of it, and what did not become a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.contracts import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pandas as pd

    from mlops_assets.stores.events.base import OffsetRange


def stream_health_contract(domain: str) -> TableContract:
    """Return the contract of the table in which a domain's stream is looked at again and again."""
    return TableContract(
        domain,
        "stream_health",
        "One row per look at a partition of the stream's topic: how far landing is behind, and how many dead letters it has.",
        columns=(
            Column("looked_at", "timestamp", "When the log was looked at."),
            Column("topic", "string", "Topic of the log."),
            Column("log_partition", "int32", "Partition of the topic.", minimum=0),
            Column("first_offset", "int64", "Oldest offset that the log still holds.", minimum=0),
            Column("end_offset", "int64", "Offset that the log writes next.", minimum=0),
            Column("next_offset", "int64", "Offset that lands next.", minimum=0),
            Column("lag_count", "int64", "Offsets that the log holds and that have not landed yet.", minimum=0),
            Column("lost_count", "int64", "Offsets that the log dropped before they landed.", minimum=0),
            Column("dead_letter_count", "int64", "Messages of the partition that became dead letters, up to now.", minimum=0),
            Column(
                "newest_landed_at", "timestamp", "When a message of the partition last landed; empty if none has.", nullable=True
            ),
        ),
        key=("looked_at", "topic", "log_partition"),
    )


def measure_stream_health(
    contract: TableContract,
    topic: str,
    watermarks: Mapping[int, OffsetRange],
    next_offsets: Mapping[int, int],
    dead_letter_counts: Mapping[int, int],
    newest_landed_at: Mapping[int, datetime],
    looked_at: datetime,
) -> pd.DataFrame:
    """Return one look at a stream as rows of `stream_health`, by partition.

    Args:
        contract: of the domain's table.
        topic: that was looked at.
        watermarks: by partition, what the log holds, as `EventLog.watermarks` gives it.
        next_offsets: by partition, the offset that lands next; a partition that is not in it has not landed anything. Ask for them
            before the watermarks, so that they are never ahead.
        dead_letter_counts: by partition, the number of dead letters; none where a partition is not in it.
        newest_landed_at: by partition, when a message last landed.
        looked_at: when the log was asked.
    """
    from mlops_assets.contracts.frames import rows_to_frame

    rows = []
    for partition, kept in sorted(watermarks.items()):
        # Where nothing has landed, what retention dropped was never this platform's to lose.
        upcoming = next_offsets.get(partition, kept.start)
        rows.append(
            {
                "looked_at": looked_at,
                "topic": topic,
                "log_partition": partition,
                "first_offset": kept.start,
                "end_offset": kept.end,
                "next_offset": upcoming,
                "lag_count": max(0, kept.end - max(upcoming, kept.start)),
                "lost_count": max(0, kept.start - upcoming),
                "dead_letter_count": dead_letter_counts.get(partition, 0),
                "newest_landed_at": newest_landed_at.get(partition),
            }
        )
    return rows_to_frame(rows, contract)
