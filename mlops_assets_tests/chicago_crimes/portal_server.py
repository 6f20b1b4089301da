"""A small server that speaks the portal's language, and misbehaves on demand."""

import json
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from mlops_assets.chicago_crimes.sources.base import CRIMES_DATASET, STATIONS_DATASET

Fault = Literal[
    "none",
    "too_many",
    "too_many_until",
    "error",
    "forbidden",
    "bad_query",
    "drop",
    "hang",
    "html",
    "empty",
    "truncated",
    "object",
    "short",
    "large",
    "drip",
]
Answer = dict[str, Any]

_HANG_SECONDS = 0.8
_STATUS = {"too_many": 429, "too_many_until": 429, "error": 503, "forbidden": 403, "bad_query": 400}
_CONDITION = re.compile(r"(\w+) (>=|<|>) '([^']*)'")
_AGGREGATE = re.compile(r"(count\(\*\)|max\((?P<max>\w+)\)|date_trunc_ym\((?P<month>\w+)\)) as (?P<name>\w+)")


class PortalServer:
    """Serves crimes and stations over HTTP until it is left.

    It understands what the live source asks: a list of fields, conditions joined by `and`, `:id` order, limit and offset, and the
    aggregates count, max and date_trunc_ym with a group. As on the portal, a field without a value is left out of a record.

    Attributes:
        crimes: the crimes, in the portal's order.
        stations: the police stations.
        faults: what goes wrong with the next requests, one each.
        every_fault: what goes wrong with all requests after those.
        queries: the clauses of each request so far.
        headers: the headers of each request so far.
    """

    def __init__(self, crimes: Sequence[Answer], stations: Sequence[Answer] = ()) -> None:
        self.crimes = list(crimes)
        self.stations = list(stations)
        self.faults: deque[Fault] = deque()
        self.every_fault: Fault = "none"
        self.queries: list[dict[str, str]] = []
        self.headers: list[Mapping[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The address of the portal."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "PortalServer":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, dataset: str, query: dict[str, str]) -> list[Answer]:
        """Return what the portal would."""
        rows = {CRIMES_DATASET: self.crimes, STATIONS_DATASET: self.stations}[dataset]
        for field, comparison, value in _CONDITION.findall(query.get("$where", "")):
            rows = [row for row in rows if _holds(row.get(field), comparison, value)]
        if _AGGREGATE.search(query.get("$select", "")):
            return _aggregate(rows, query)
        fields = query["$select"].split(",")
        start = int(query.get("$offset", 0))
        page = rows[start : start + int(query.get("$limit", 1000))]
        return [{field: row[field] for field in fields if row.get(field) is not None} for row in page]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                portal.queries.append(query)
                portal.headers.append(dict(self.headers))
                fault = portal.faults.popleft() if portal.faults else portal.every_fault
                self._misbehave(fault, portal.answer(parts.path.split("/")[-1].removesuffix(".json"), query))

            def _misbehave(self, fault: Fault, answer: list[Answer]) -> None:
                body = json.dumps(answer).encode()
                token = self.headers.get("X-App-token")
                if fault == "drop":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                elif fault == "hang":
                    time.sleep(_HANG_SECONDS)
                    self.close_connection = True
                elif fault == "html":
                    self._send(200, b"<html>Down for maintenance</html>", "text/html; charset=utf-8")
                elif fault == "empty":
                    self._send(200, b"")
                elif fault == "truncated":
                    self._send(200, body[: len(body) // 2])
                elif fault == "object":
                    self._send(200, b'{"message": "not ready"}')
                elif fault == "short":
                    self._send(200, json.dumps(answer[: len(answer) // 2]).encode())
                elif fault == "large":
                    self._send(200, body + b" " * 2_000_000)
                elif fault == "drip":
                    self._drip()
                elif fault == "too_many_until":
                    self._send(429, b"{}", retry_after="Wed, 21 Oct 2015 07:28:45 GMT", date="Wed, 21 Oct 2015 07:28:00 GMT")
                elif fault in _STATUS:
                    message = json.dumps({"message": f"refused, token {token}"}).encode()
                    self._send(_STATUS[fault], message, retry_after="7" if fault == "too_many" else None)
                else:
                    self._send(200, body)

            def _drip(self) -> None:
                """Send a byte now and then, for longer than anybody should wait."""
                self.send_response_only(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                for _ in range(100):
                    try:
                        self.wfile.write(b" ")
                    except OSError:
                        break
                    time.sleep(_HANG_SECONDS / 20)
                self.close_connection = True

            def _send(
                self,
                status: int,
                body: bytes,
                content_type: str = "application/json;charset=utf-8",
                retry_after: str | None = None,
                date: str | None = None,
            ) -> None:
                self.send_response_only(status)
                self.send_header("Date", date or self.date_time_string())
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                if retry_after:
                    self.send_header("Retry-After", retry_after)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _holds(value: str | None, comparison: str, limit: str) -> bool:
    if value is None:
        return False
    return {">=": value >= limit, "<": value < limit, ">": value > limit}[comparison]


def _aggregate(rows: list[Answer], query: dict[str, str]) -> list[Answer]:
    columns = [match.groupdict() | {"text": match[1]} for match in _AGGREGATE.finditer(query["$select"])]
    groups: dict[str, list[Answer]] = {}
    key_column = next((column for column in columns if column["month"]), None)
    for row in rows:
        groups.setdefault(f"{row[key_column['month']][:7]}-01T00:00:00.000" if key_column else "", []).append(row)
    if key_column is None:
        groups = groups or {"": []}
    answers = []
    for key, members in sorted(groups.items()):
        answer: Answer = {}
        for column in columns:
            if column["month"]:
                answer[column["name"]] = key
            elif column["max"]:
                values = [row[column["max"]] for row in members if row.get(column["max"])]
                answer |= {column["name"]: max(values)} if values else {}
            else:
                answer[column["name"]] = str(len(members))
        answers.append(answer)
    return answers
