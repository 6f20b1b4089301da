"""Dead letters: messages that did not become rows, each with where it is in the log, the reason, and its bytes."""

from __future__ import annotations

from mlops_assets.contracts import Column, TableContract

LONGEST_KEPT_BYTES = 65_536
"""Of a message in the table of dead letters. The whole message stays where it landed, at its offsets."""

MESSAGE_REASONS = ("too_large", "not_json", "not_an_object")
"""Kinds of reasons that every stream has, in the order in which a message is looked at."""


def dead_letters_contract(domain: str, name: str, reasons: tuple[str, ...], rows: str) -> TableContract:
    """Return the contract of a stream's dead letters.

    Args:
        domain: of the stream.
        name: of the table.
        reasons: kinds of reasons beyond `MESSAGE_REASONS`.
        rows: the table of the messages that became rows.
    """
    return TableContract(
        domain,
        name,
        f"One row per message of the log that did not become a row of `{rows}`, with the reason and the bytes as they came.",
        columns=(
            Column("topic", "string", "Topic of the log that holds the message."),
            Column("log_partition", "int32", "Partition of the topic.", minimum=0),
            Column("log_offset", "int64", "Offset in the partition.", minimum=0),
            Column(
                "logged_at", "timestamp", "When the message was sent, by its log; empty where the log has no time.", nullable=True
            ),
            Column("landed_at", "timestamp", "When it landed."),
            Column("reason_code", "string", "Kind of reason.", allowed=(*MESSAGE_REASONS, *reasons)),
            Column("reason", "string", "The reason in words, naming the field and what was found."),
            Column("key_base64", "string", "The message's key, in Base64; empty without one.", nullable=True),
            Column("value_base64", "string", f"The message, or its first {LONGEST_KEPT_BYTES:,} bytes, in Base64."),
            Column("value_byte_count", "int64", "How long the whole message is.", "byte", minimum=0),
        ),
        key=("topic", "log_partition", "log_offset"),
    )
