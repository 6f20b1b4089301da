"""What Grafana makes of a query before a server gets it: time ranges, macros and variables, as its plugins document them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

_SPANS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "y": timedelta(days=365)}
_MACRO = re.compile(r"\$__(\w+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$\{(\w+):sqlstring\}")
_BOUND = re.compile(r"\$\{__(from|to)\}")
_LEFT_OVER = re.compile(r"\$\{?\w+")


@dataclass(frozen=True)
class TimeRange:
    """From when to when a panel asks."""

    start: datetime
    end: datetime


def time_range(time: Mapping[str, str], now: datetime) -> TimeRange:
    """Return the range of a dashboard such as `{"from": "now-24h", "to": "now"}`."""
    return TimeRange(_resolved(time["from"], now), _resolved(time["to"], now))


def _resolved(text: str, now: datetime) -> datetime:
    if text == "now":
        return now
    match = re.fullmatch(r"now([+-]\d+)([mhdy])", text)
    assert match, text
    return now + int(match[1]) * _SPANS[match[2]]


def expand(sql: str, plugin: str, asked: TimeRange, variables: Mapping[str, str]) -> str:
    """Return the statement that a server gets.

    Args:
        sql: of a panel.
        plugin: type of the data source.
        asked: the panel's time range.
        variables: the dashboard's, by name.
    """
    macros = _MACROS[plugin]

    def macro(match: re.Match[str]) -> str:
        arguments = [argument.strip().strip("'") for argument in match[2].split(",")]
        return macros[match[1]](asked, *arguments)

    bounds = {"from": _epoch(asked.start) * 1000, "to": _epoch(asked.end) * 1000}
    bounded = _BOUND.sub(lambda match: str(bounds[match[1]]), sql)
    quoted = _VARIABLE.sub(lambda match: "'{}'".format(variables[match[1]].replace("'", "''")), bounded)
    expanded = _MACRO.sub(macro, quoted)
    assert not _LEFT_OVER.search(expanded), f"Grafana does not know {_LEFT_OVER.findall(expanded)}"
    return expanded


def _seconds(interval: str) -> int:
    match = re.fullmatch(r"(\d+)([mhd])", interval)
    assert match, interval
    return int(int(match[1]) * _SPANS[match[2]].total_seconds())


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _epoch(time: datetime) -> int:
    return int(time.timestamp())


def _epoch_filter(asked: TimeRange, column: str) -> str:
    return f"{column} >= {_epoch(asked.start)} AND {column} <= {_epoch(asked.end)}"


_MACROS: dict[str, dict[str, Callable[..., str]]] = {
    "grafana-postgresql-datasource": {
        "timeFilter": lambda asked, column: f"{column} BETWEEN '{_utc(asked.start)}' AND '{_utc(asked.end)}'",
        "timeGroup": lambda _, column, every: f"floor(extract(epoch from {column})/{_seconds(every)})*{_seconds(every)}",
        "unixEpochFilter": _epoch_filter,
        "unixEpochGroup": lambda _, column, every: f"floor(({column})/{_seconds(every)})*{_seconds(every)}",
    },
    "mysql": {
        "timeFilter": lambda asked, column: (
            f"{column} BETWEEN FROM_UNIXTIME({_epoch(asked.start)}) AND FROM_UNIXTIME({_epoch(asked.end)})"
        ),
        "timeGroup": lambda _, column, every: f"UNIX_TIMESTAMP({column}) DIV {_seconds(every)} * {_seconds(every)}",
    },
    "grafana-bigquery-datasource": {
        "timeFilter": lambda asked, column: f"{column} >= '{_utc(asked.start)}' AND {column} <= '{_utc(asked.end)}'",
        "timeGroup": lambda _, column, every: (
            f"TIMESTAMP_MILLIS(DIV(UNIX_MILLIS({column}), {_seconds(every) * 1000}) * {_seconds(every) * 1000})"
        ),
    },
}
