"""A server that greets like MongoDB and answers commands as a test says: for refusals that no server makes on demand."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import bson

_HEADER = struct.Struct("<iiii")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_GREETING = {
    "isWritablePrimary": True,
    "helloOk": True,
    "maxBsonObjectSize": 1 << 24,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "ok": 1,
}


@contextmanager
def refusing_mongodb(answers: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Run the server until the block ends, and yield its host and port.

    Args:
        answers: replies by name of the command; other commands succeed with an empty answer.
    """

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while header := self.rfile.read(_HEADER.size):
                length, request_id, _, kind = _HEADER.unpack(header)
                body = self.rfile.read(length - _HEADER.size)
                if kind == _OP_QUERY:
                    # Flags, cursor, first document, number of documents.
                    self._reply(request_id, _OP_REPLY, struct.pack("<iqii", 0, 0, 0, 1), _GREETING)
                else:
                    # Flags, and the kind of the one section.
                    self._reply(request_id, _OP_MSG, struct.pack("<iB", 0, 0), _answer(body))

        def _reply(self, request_id: int, kind: int, prefix: bytes, answer: Mapping[str, Any]) -> None:
            body = prefix + bson.encode(answer)
            self.wfile.write(_HEADER.pack(_HEADER.size + len(body), 0, request_id, kind) + body)

    def _answer(body: bytes) -> Mapping[str, Any]:
        (size,) = struct.unpack_from("<i", body, 5)
        command = next(iter(bson.decode(body[5 : 5 + size])))
        return answers.get(command, _GREETING)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
