"""A road between a client and a server that fails in the ways networks do. It works for every protocol over TCP.

    with faulty_proxy("127.0.0.1", server_port) as proxy:
        client = connect(proxy.host, proxy.port)
        proxy.drop_after(bytes_to_server=100_000)
        ...
        proxy.heal()

Faults add up until `heal`. A proxy begins without any, and counts what passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops_assets_tests.services.base import free_port

Direction = Literal["to_server", "to_client"]

_PIECE_BYTES = 1 << 16
_TIMEOUT_SECONDS = 10
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@contextmanager
def faulty_proxy(host: str, port: int) -> Iterator[FaultyProxy]:
    """Stand before the server at `host` and `port` until the block ends; all connections break then."""
    proxy = FaultyProxy(host, port)
    proxy.heal()
    try:
        yield proxy
    finally:
        proxy.close()


@dataclass
class _Drop:
    """Connections break after so many bytes; `times` counts down to none."""

    limits: Mapping[Direction, int]
    times: int | None
    passed: Counter[tuple[int, Direction]] = field(default_factory=Counter)

    def left(self, connection: int, direction: Direction) -> int | None:
        """Return how many bytes may still pass, or None if it does not matter."""
        if self.times == 0 or direction not in self.limits:
            return None
        return self.limits[direction] - self.passed[connection, direction]


class FaultyProxy:
    """See the module.

    Attributes:
        host: where clients find the proxy.
        port: its port, the same after it refused connections for a while.
        bytes_to_server: how much has passed to the server, over all connections.
        bytes_to_client: how much has passed back.
        connections: how many connections have been accepted.
    """

    def __init__(self, host: str, port: int) -> None:
        """Lead to the server at `host` and `port`. Use `faulty_proxy` instead, which closes what it opens."""
        self.host, self.port = "127.0.0.1", free_port()
        self.bytes_to_server = self.bytes_to_client = self.connections = 0
        self._server_address = (host, port)
        self._listener: asyncio.Server | None = None
        self._writers: dict[int, list[asyncio.StreamWriter]] = {}
        self._numbers = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty proxy", daemon=True)
        self._thread.start()
        self._passable = asyncio.Event()
        self._drop: _Drop | None = None
        self._delay_seconds = 0.0
        self._bytes_per_second: float | None = None

    @property
    def address(self) -> str:
        """Host and port, as they stand in URLs."""
        return f"{self.host}:{self.port}"

    def heal(self) -> None:
        """End all faults: bytes flow again at full speed, also those that a black hole has kept, and connections are accepted."""
        self._drop, self._delay_seconds, self._bytes_per_second = None, 0.0, None
        self._do(self._accept())

    def refuse(self) -> None:
        """Break all connections and refuse new ones, as a server that is down does."""
        self._do(self._stop_accepting())
        self.disconnect()

    def disconnect(self) -> None:
        """Break all connections once; new ones are accepted."""
        self._do(self._reset_all())

    def drop_after(
        self, *, bytes_to_server: int | None = None, bytes_to_client: int | None = None, times: int | None = None
    ) -> None:
        """Break each connection, old or new, once so many further bytes have passed through it in one of the directions.

        `times` is how many connections break before all is well again; every one if None.
        """
        limits: dict[Direction, int] = {}
        if bytes_to_server is not None:
            limits["to_server"] = bytes_to_server
        if bytes_to_client is not None:
            limits["to_client"] = bytes_to_client
        self._drop = _Drop(limits, times)

    def delay(self, seconds: float) -> None:
        """Let each piece of up to 64 KiB, in both directions, wait before it passes."""
        self._delay_seconds = seconds

    def limit(self, bytes_per_second: float) -> None:
        """Let no more than this pass through each connection and direction."""
        self._bytes_per_second = bytes_per_second

    def black_hole(self) -> None:
        """Accept connections and bytes but let nothing pass: what a client meets when a cable is cut or a machine hangs."""
        self._loop.call_soon_threadsafe(self._passable.clear)

    def reset_counts(self) -> None:
        """Count from zero again."""
        self.bytes_to_server = self.bytes_to_client = self.connections = 0

    def close(self) -> None:
        """Break everything and end; the proxy cannot be used afterwards."""
        self.refuse()
        self._do(self._end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT_SECONDS)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT_SECONDS)

    async def _accept(self) -> None:
        self._passable.set()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, self.host, self.port)

    async def _stop_accepting(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _reset_all(self) -> None:
        for connection in list(self._writers):
            self._reset(connection)

    async def _end_tasks(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset(self, connection: int) -> None:
        for writer in self._writers.pop(connection, []):
            raw = writer.get_extra_info("socket")
            if raw is not None and raw.fileno() >= 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.transport.abort()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = next(self._numbers)
        self._writers[connection] = [to_client]
        try:
            from_server, to_server = await asyncio.open_connection(*self._server_address)
            if connection not in self._writers:
                # It was broken while the server was being reached.
                to_server.transport.abort()
                return
            self._writers[connection].append(to_server)
            await asyncio.gather(
                self._pump(connection, "to_server", from_client, to_server),
                self._pump(connection, "to_client", from_server, to_client),
            )
        except (OSError, asyncio.CancelledError):
            pass  # Either side went away, or the proxy ends.
        finally:
            self._reset(connection)

    async def _pump(
        self, connection: int, direction: Direction, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        while piece := await source.read(_PIECE_BYTES):
            await self._hold_up(len(piece))
            drop = self._drop
            left = None if drop is None else drop.left(connection, direction)
            if left is not None:
                piece = piece[:left]
            # Counted before it is there: whoever has received something finds it counted.
            self._count(connection, direction, len(piece))
            target.write(piece)
            await target.drain()
            if drop is not None and left is not None and len(piece) == left:
                self._break(drop, connection)
                return
        with contextlib.suppress(OSError):
            target.write_eof()

    async def _hold_up(self, size: int) -> None:
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        if self._bytes_per_second is not None:
            await asyncio.sleep(size / self._bytes_per_second)
        await self._passable.wait()

    def _count(self, connection: int, direction: Direction, size: int) -> None:
        if self._drop is not None:
            self._drop.passed[connection, direction] += size
        if direction == "to_server":
            self.bytes_to_server += size
        else:
            self.bytes_to_client += size

    def _break(self, drop: _Drop, connection: int) -> None:
        if drop.times is not None:
            drop.times -= 1
        self._reset(connection)
