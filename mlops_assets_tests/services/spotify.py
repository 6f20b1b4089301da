"""Spotify on a port of this machine: tokens, new releases, recommendations and searches as its Web API answers them."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CLIENT_ID, CLIENT_SECRET = "app-of-a-test", "its-secret"


@dataclass
class Spotify:
    """The server, and what it is to do.

    Attributes:
        url: where it is.
        token_seconds: how long a token lives, by what it says.
        tokens: that were given.
        is_revoked: the newest token counts no more, until another is asked for.
        asked: path and query of every request but those for tokens.
        answers: statuses, with headers, that come before any other answer, by path.
        closed: status of the end points that the app may not use, by path.
    """

    url: str = ""
    token_seconds: int = 3600
    tokens: list[str] = field(default_factory=list)
    is_revoked: bool = False
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)

    def fail(self, path: str, *statuses: int) -> None:
        """Answer the next requests for a path with these statuses."""
        self.answers[path] = [(status, {}) for status in statuses]

    def give_token(self, authorization: str | None, body: bytes) -> tuple[int, dict[str, str], Any]:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {expected}" or body != b"grant_type=client_credentials":
            return 400, {}, {"error": "invalid_client", "error_description": "Invalid client secret"}
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        self.is_revoked = False
        return 200, {}, {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": self.token_seconds}

    def answer(self, authorization: str | None, address: str) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(address)
        path = parts.path.removeprefix("/v1/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self.is_revoked or not self.tokens or authorization != f"Bearer {self.tokens[-1]}":
            return 401, {}, {"error": {"status": 401, "message": "The access token expired"}}
        self.asked.append((path, query))
        if self.answers.get(path):
            status, headers = self.answers[path].pop(0)
            return status, headers, {"error": {"status": status, "message": "no"}}
        if status := self.closed.get(path, 0):
            return status, {}, {"error": {"status": status, "message": "no"}}
        return 200, {}, self.content(path, query)

    def content(self, path: str, query: dict[str, str]) -> Any:
        limit = int(query["limit"])
        if path == "search":
            return {"tracks": {"items": [_track(f"{query['q']}{number}") for number in range(limit)]}}
        if path == "recommendations":
            return {"seeds": [], "tracks": [_track(f"{query['seed_genres']}{number}") for number in range(limit)]}
        if path == "browse/new-releases":
            albums = [{"id": f"album{number}", "name": "Luna", "release_date": "2026-03-06"} for number in range(limit)]
            return {"albums": {"items": [*albums, None]}}
        # The tracks of an album: without popularity, and without the album.
        tracks = [_track(f"{path.split('/')[1]}-{number}") for number in range(2)]
        return {"items": [{name: track[name] for name in ("id", "name", "artists", "duration_ms")} for track in tracks]}


@contextmanager
def spotify_server() -> Iterator[Spotify]:
    """Run the server until the block ends."""
    spotify = Spotify()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else head and body travel apart, and the second waits for the acknowledgement of the first.
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/api/token"
            self._say(*spotify.give_token(self.headers["Authorization"], body))

        def do_GET(self) -> None:
            self._say(*spotify.answer(self.headers["Authorization"], self.path))

        def _say(self, status: int, headers: dict[str, str], content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        spotify.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield spotify
        finally:
            server.shutdown()


def _track(track_id: str) -> dict[str, Any]:
    return {
        "id": track_id.replace(" ", "-"),
        "name": "Volver",
        "artists": [{"name": "Estrella"}, {"name": "Marea"}],
        "album": {"name": "Noche", "release_date": "2019-06-14", "release_date_precision": "day"},
        "popularity": 61,
        "duration_ms": 201_000,
    }
