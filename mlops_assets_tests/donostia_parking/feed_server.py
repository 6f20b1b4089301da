"""A small server that answers as the city's feed does, and misbehaves on demand."""

import gzip
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal[
    "none", "too_many", "error", "not_found", "drop", "hang", "drip", "html", "empty", "truncated", "short", "large", "gzip"
]

_PAUSE_SECONDS = 0.5
_STATUS = {"too_many": 429, "error": 503, "not_found": 404}


class FeedServer:
    """Serves one body over HTTP until it is left.

    Attributes:
        body: the answer.
        faults: what goes wrong with the next requests, one each.
        every_fault: what goes wrong with all requests after those.
        headers: the headers of each request so far.
    """

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.faults: deque[Fault] = deque()
        self.every_fault: Fault = "none"
        self.headers: list[Mapping[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """Host and port of the feed."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The address of the feed."""
        return f"http://{self.address}/getParkings.xsp"

    def __enter__(self) -> "FeedServer":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        feed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                feed.headers.append(dict(self.headers))
                self._misbehave(feed.faults.popleft() if feed.faults else feed.every_fault)

            def _misbehave(self, fault: Fault) -> None:
                if fault == "drop":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                elif fault == "hang":
                    time.sleep(_PAUSE_SECONDS)
                    self.close_connection = True
                elif fault == "drip":
                    self._drip()
                elif fault == "html":
                    self._send(200, b"\n<html>Mantenimiento</html>")
                elif fault == "empty":
                    self._send(200, b"")
                elif fault == "truncated":
                    self._send(200, feed.body[: len(feed.body) // 2])
                elif fault == "short":
                    self._send(200, feed.body[:-1], length=len(feed.body))
                    self.close_connection = True
                elif fault == "large":
                    self._send(200, b" " * 10_001)
                elif fault == "gzip":
                    self._send(200, gzip.compress(feed.body), encoding="gzip")
                elif fault in _STATUS:
                    self._send(_STATUS[fault], b"busy", retry_after="7" if fault == "too_many" else None)
                else:
                    self._send(200, feed.body)

            def _drip(self) -> None:
                """Send a piece now and then, for longer than anybody should wait."""
                self.send_response_only(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                for _ in range(40):
                    try:
                        self.wfile.write(b" " * 256)
                    except OSError:
                        break
                    time.sleep(_PAUSE_SECONDS / 10)
                self.close_connection = True

            def _send(
                self,
                status: int,
                body: bytes,
                retry_after: str | None = None,
                length: int | None = None,
                encoding: str | None = None,
            ) -> None:
                self.send_response_only(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body) if length is None else length))
                if encoding:
                    self.send_header("Content-Encoding", encoding)
                if retry_after:
                    self.send_header("Retry-After", retry_after)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
