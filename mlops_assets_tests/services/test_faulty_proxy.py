"""The faults that other tests rely on, seen from a client of an echo server."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from mlops_assets_tests.services.faulty_proxy import FaultyProxy, faulty_proxy


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


class _EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about connections that the test has broken."""


@pytest.fixture
def proxy() -> Iterator[FaultyProxy]:
    """Give a proxy before a server that sends back what it gets."""
    with _EchoServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        with faulty_proxy(*server.server_address) as proxy:
            yield proxy
        server.shutdown()


@pytest.fixture
def client(proxy: FaultyProxy) -> Iterator[socket.socket]:
    with connected(proxy) as client:
        yield client


def connected(proxy: FaultyProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=5)


def echo(client: socket.socket, data: bytes) -> bytes:
    """Send, and return what comes back until all is there or the connection ends."""
    client.sendall(data)
    received = b""
    while len(received) < len(data) and (piece := client.recv(1 << 16)):
        received += piece
    return received


def test_bytes_pass_and_are_counted(proxy: FaultyProxy, client: socket.socket) -> None:
    """Without a fault nothing changes on the way."""
    data = bytes(range(256)) * 2_000
    assert echo(client, data) == data
    assert (proxy.bytes_to_server, proxy.bytes_to_client, proxy.connections) == (len(data), len(data), 1)
    proxy.reset_counts()
    assert (proxy.bytes_to_server, proxy.bytes_to_client, proxy.connections) == (0, 0, 0)


def test_refused_until_healed(proxy: FaultyProxy, client: socket.socket) -> None:
    """Old connections break, new ones are refused; afterwards the same port answers again."""
    assert echo(client, b"1") == b"1"
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.heal()
    with connected(proxy) as again:
        assert echo(again, b"2") == b"2"


def test_dropped_after_bytes_of_each_connection(proxy: FaultyProxy, client: socket.socket) -> None:
    """A connection counts from the call on, a later one from its beginning; the server gets no byte more."""
    assert echo(client, b"12345") == b"12345"
    proxy.drop_after(bytes_to_server=10)
    assert echo(client, b"123456789") == b"123456789"
    proxy.reset_counts()
    with pytest.raises(ConnectionResetError):
        echo(client, b"abc")
    assert proxy.bytes_to_server == 1
    with connected(proxy) as later, pytest.raises(ConnectionResetError):
        echo(later, b"a" * 1_000)
    assert proxy.bytes_to_server == 11


def test_dropped_some_times_only(proxy: FaultyProxy) -> None:
    """A client that tries again gets through."""
    proxy.drop_after(bytes_to_client=1, times=1)
    with connected(proxy) as first, pytest.raises(ConnectionResetError):
        echo(first, b"abc")
    with connected(proxy) as second:
        assert echo(second, b"abc") == b"abc"


def test_disconnected_once(proxy: FaultyProxy, client: socket.socket) -> None:
    """A server that is restarted: what was open is gone, what comes is served."""
    assert echo(client, b"1") == b"1"
    proxy.disconnect()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with connected(proxy) as again:
        assert echo(again, b"2") == b"2"


def test_black_hole_keeps_what_it_gets(proxy: FaultyProxy, client: socket.socket) -> None:
    """Nothing comes, nothing is lost: after the hole is closed the bytes go on."""
    assert echo(client, b"1") == b"1"
    proxy.black_hole()
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        echo(client, b"2")
    assert proxy.bytes_to_server == 1
    proxy.heal()
    client.settimeout(5)
    assert client.recv(1) == b"2"


def test_slow_in_two_ways(proxy: FaultyProxy, client: socket.socket) -> None:
    """A long way delays each piece, a narrow one takes time for each byte."""
    proxy.delay(0.05)
    started = time.monotonic()
    echo(client, b"1")
    assert time.monotonic() - started > 0.1
    proxy.heal()
    proxy.limit(bytes_per_second=100_000)
    started = time.monotonic()
    echo(client, bytes(10_000))
    assert time.monotonic() - started > 0.1
