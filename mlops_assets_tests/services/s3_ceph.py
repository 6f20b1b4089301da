"""S3 as a real server: the RADOS gateway of Ceph over a cluster in memory, one monitor and one storage daemon.

It checks signatures and permissions and expires objects: a day of a lifecycle rule lasts a second here. Debian has it:
`apt-get install --no-install-recommends radosgw ceph-mon ceph-osd`.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from mlops_assets.stores.objects import open_object_storage
from mlops_assets_tests.services.base import Service, free_port, provided, running
from mlops_assets_tests.services.buckets import BUCKET
from mlops_assets_tests.services.s3_moto import S3_CREDENTIALS

STRANGER = {"AWS_ACCESS_KEY_ID": "stranger", "AWS_SECRET_ACCESS_KEY": "strangers-secret"}
"""A user who may not touch the buckets of the tests."""

_PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
_SECONDS = 60

# Without crc mode the gateway hangs while it connects; one copy on one daemon is all the safety that tests need. Objects expire
# when a test says so, by a program that reads this file, too: with days of a second the gateway's own threads never rest.
_CONFIGURATION = """
[global]
fsid = {cluster_id}
mon host = {monitor}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms client mode = crc
ms cluster mode = crc
ms service mode = crc
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
osd objectstore = memstore
memstore device bytes = 1073741824
osd class load list = *
osd class default list = *
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
admin socket = {folder}/$name.asok
pid file = {folder}/$name.pid
log file = {folder}/$name.log
keyring = {folder}/keyring
rgw lc debug interval = 1

[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:{gateway_port}
rgw run sync thread = false
rgw enable lc threads = false
"""


class _Cluster:
    """A cluster whose files lie in one folder."""

    def __init__(self, folder: Path) -> None:
        gateway_port = free_port()
        self.endpoint = f"http://127.0.0.1:{gateway_port}"
        self.monitor_map = folder / "monmap"
        self._folder, self._configuration = folder, folder / "ceph.conf"
        self._id, self._monitor = uuid.uuid4(), f"[v2:127.0.0.1:{free_port()},v1:127.0.0.1:{free_port()}]"
        for part in ("mon", "osd", "rgw"):
            (folder / part).mkdir()
        (folder / "keyring").touch()
        self._configuration.write_text(
            _CONFIGURATION.format(cluster_id=self._id, monitor=self._monitor, folder=folder, gateway_port=gateway_port)
        )

    def make_monitor_map(self) -> None:
        """Write down where the monitor is."""
        command = ["monmaptool", "--create", "--fsid", str(self._id), "--addv", "a", self._monitor, str(self.monitor_map)]
        subprocess.run(command, capture_output=True, check=True)

    def has_storage(self) -> bool:
        """Tell whether the storage daemon works."""
        return "1 up" in self.run("ceph", "osd", "stat")

    def answers(self) -> bool:
        """Tell whether the gateway answers."""
        with urllib.request.urlopen(self.endpoint, timeout=10) as answer:
            return bool(answer.status == 200)

    def run(self, program: str, *arguments: object) -> str:
        """Run a program of Ceph against the cluster, and return what it prints."""
        command = [program, "-c", str(self._configuration), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr[-2_000:]}")
        return done.stdout.strip()

    def daemon(
        self, program: str, is_ready: Callable[[], object], *arguments: object
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Run a daemon of Ceph in the foreground of a process of its own."""
        command: list[str | Path] = [program, "-f", "-c", self._configuration, *map(str, arguments)]
        # There is nothing on a disk that a daemon would have to put in order, which takes it twenty seconds.
        return running(command, self._folder / f"{program}.out", is_ready, stop_signal=signal.SIGKILL)


@contextmanager
def _start(folder: Path) -> Iterator[Mapping[str, str]]:
    cluster = _Cluster(folder)
    cluster.make_monitor_map()
    with ExitStack() as daemons:
        cluster.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", cluster.monitor_map)
        daemons.enter_context(cluster.daemon("ceph-mon", lambda: cluster.run("ceph", "mon", "stat"), "-i", "a"))
        disk = uuid.uuid4()
        number = cluster.run("ceph", "osd", "create", disk)
        cluster.run("ceph-osd", "-i", number, "--mkfs", "--osd-uuid", disk)
        cluster.run("ceph", "osd", "crush", "add", f"osd.{number}", "1.0", "host=localhost", "root=default")
        daemons.enter_context(cluster.daemon("ceph-osd", cluster.has_storage, "-i", number))
        daemons.enter_context(cluster.daemon("radosgw", cluster.answers, "-n", "client.rgw.a", "--no-mon-config"))
        for name, credentials in (("owner", S3_CREDENTIALS), ("stranger", STRANGER)):
            key, secret = credentials.values()
            keys = (f"--access-key={key}", f"--secret-key={secret}")
            cluster.run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}", *keys)
        # Ceph's programs find the cluster by the last variable.
        yield {
            CEPH.variable: f"s3://{BUCKET}?endpoint={cluster.endpoint}",
            **S3_CREDENTIALS,
            "CEPH_CONF": str(folder / "ceph.conf"),
        }


def let_objects_expire() -> None:
    """Remove the objects whose days, which are seconds here, are over. It takes about two seconds per bucket that has rules."""
    subprocess.run(["radosgw-admin", "lc", "process"], capture_output=True, check=True, timeout=_SECONDS)


def _lacks() -> str | None:
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    return f"{', '.join(missing)} not installed" if missing else None


CEPH = Service(name="ceph", variable="MLOPS_TEST_CEPH_URL", start=_start, lacks=_lacks)


@pytest.fixture(scope="session")
def ceph_url() -> Iterator[str]:
    """Give the URL of a bucket."""
    # The paths of sockets are limited to about a hundred characters, which pytest's folders may reach.
    with tempfile.TemporaryDirectory(prefix="ceph-") as folder, provided(CEPH, Path(folder)) as url:
        open_object_storage(url).prepare()
        yield url
