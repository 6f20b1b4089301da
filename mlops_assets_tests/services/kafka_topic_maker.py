"""A Kafka broker that can do nothing but make topics, which the mock cluster of librdkafka cannot.

It speaks just enough of the protocol for a client to ask for topics and to make them: ApiVersions 0, Metadata 4, CreateTopics 4.
"""

from __future__ import annotations

import io
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

_METADATA, _API_VERSIONS, _CREATE_TOPICS = 3, 18, 19
_SPOKEN = {_API_VERSIONS: 0, _METADATA: 4, _CREATE_TOPICS: 4}
_UNSUPPORTED_VERSION, _UNKNOWN_TOPIC = 35, 3
_NODE = 1
_T = TypeVar("_T")


@dataclass(frozen=True)
class MadeTopic:
    """What a client asked for when it made a topic; -1 stands for the broker's default."""

    partitions: int
    replicas: int
    configuration: dict[str, str]


@dataclass
class TopicMaker:
    """The broker.

    Attributes:
        port: where it listens on 127.0.0.1.
        topics: what was made, by name.
        refusal: error code of Kafka with which it answers instead of making a topic.
        makes_anyway: it makes the topic in spite of the refusal, as if somebody else had done so just before.
    """

    port: int = 0
    topics: dict[str, MadeTopic] = field(default_factory=dict)
    refusal: int = 0
    makes_anyway: bool = False

    def answer(self, api: int, version: int, request: _Reader) -> bytes:
        """Return the body of the answer to a request."""
        if api not in _SPOKEN or version != _SPOKEN[api]:
            return self._versions(_UNSUPPORTED_VERSION)
        answers: dict[int, Callable[[_Reader], bytes]] = {_METADATA: self._metadata, _CREATE_TOPICS: self._create}
        return answers[api](request) if api in answers else self._versions(0)

    def _versions(self, error: int) -> bytes:
        return struct.pack(">h", error) + _array([struct.pack(">hhh", api, version, version) for api, version in _SPOKEN.items()])

    def _metadata(self, request: _Reader) -> bytes:
        asked = request.array(request.string)
        brokers = [struct.pack(">i", _NODE) + _string("127.0.0.1") + struct.pack(">i", self.port) + _string(None)]
        topics = [self._topic(name) for name in (self.topics if asked is None else asked)]
        return struct.pack(">i", 0) + _array(brokers) + _string("maker") + struct.pack(">i", _NODE) + _array(topics)

    def _topic(self, name: str) -> bytes:
        made = self.topics.get(name)
        partitions = [
            struct.pack(">hii", 0, number, _NODE) + 2 * _array([struct.pack(">i", _NODE)])
            for number in range(made.partitions if made else 0)
        ]
        return struct.pack(">h", 0 if made else _UNKNOWN_TOPIC) + _string(name) + b"\0" + _array(partitions)

    def _create(self, request: _Reader) -> bytes:
        answers = []
        for _ in range(request.number(">i")):
            name, partitions, replicas = request.string(), request.number(">i"), request.number(">h")
            assert request.number(">i") == 0, "replicas are placed by the broker"
            configuration = dict(request.array(lambda: (request.string(), request.string())) or [])
            if not self.refusal or self.makes_anyway:
                self.topics[name] = MadeTopic(partitions, replicas, configuration)
            answers.append(_string(name) + struct.pack(">h", self.refusal) + _string(None))
        return struct.pack(">i", 0) + _array(answers)


@contextmanager
def topic_maker() -> Iterator[TopicMaker]:
    """Run the broker until the block ends."""
    broker = TopicMaker()

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while size := self.rfile.read(4):
                request = _Reader(self.rfile.read(*struct.unpack(">i", size)))
                api, version, correlation = request.number(">h"), request.number(">h"), request.number(">i")
                request.string()
                body = struct.pack(">i", correlation) + broker.answer(api, version, request)
                self.wfile.write(struct.pack(">i", len(body)) + body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
        broker.port = server.server_address[1]
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield broker
        finally:
            server.shutdown()


class _Reader:
    """Reads the types of Kafka's protocol."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def number(self, layout: str) -> int:
        number: int = struct.unpack(layout, self._data.read(struct.calcsize(layout)))[0]
        return number

    def string(self) -> str:
        return self._data.read(max(0, self.number(">h"))).decode()

    def array(self, element: Callable[[], _T]) -> list[_T] | None:
        count = self.number(">i")
        return None if count < 0 else [element() for _ in range(count)]


def _string(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text.encode()


def _array(elements: list[bytes]) -> bytes:
    return struct.pack(">i", len(elements)) + b"".join(elements)
