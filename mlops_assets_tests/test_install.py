"""Installing from locks: only the locked files, whatever else an index offers, said in a few lines."""

from __future__ import annotations

import ensurepip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
INSTALLER = REPOSITORY / "requirements" / "install.py"


def make_wheel(
    index: Path, name: str, version: str, requires: Sequence[str] = (), *, extra: str = "", code: str | None = None
) -> str:
    """Put a package of one module, empty unless there is code, into an index and return the line by which a lock names it."""
    path = index / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    extras = [f"Provides-Extra: {extra}"] if extra else []
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *extras,
        *[f"Requires-Dist: {line}" for line in requires],
    ]
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", code or f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Make an index that offers the pip that this Python brought, and nothing else yet."""
    folder = tmp_path / "index"
    folder.mkdir()
    [bundled] = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    shutil.copy(bundled, folder)
    return folder


@pytest.fixture
def environment(tmp_path: Path, index: Path) -> Path:
    """Make a virtual environment with the pip that this Python brought, and an installer whose pip is in the index."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    shutil.copy(INSTALLER, tmp_path)
    [pip] = index.glob("pip-*.whl")
    [packages] = tmp_path.glob("venv/lib/*/site-packages")
    with zipfile.ZipFile(pip) as wheel:
        wheel.extractall(packages)  # as ensurepip does, in a tenth of its time
    version, digest = pip.name.split("-")[1], hashlib.sha256(pip.read_bytes()).hexdigest()
    (tmp_path / "pip.lock").write_text(f"pip=={version} --hash=sha256:{digest}\n")
    return tmp_path


def install(environment: Path, index: Path, lock: str) -> subprocess.CompletedProcess[str]:
    """Install a lock from an index by the repository's installer."""
    path = environment / "packages.lock"
    path.write_text(lock)
    variables = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
    command: list[Path | str] = [environment / "venv/bin/python", environment / "install.py", path]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def installed_version(environment: Path, name: str) -> str:
    """Import a package of the environment and return its version."""
    command: list[Path | str] = [environment / "venv/bin/python", "-c", f"import {name}; print({name}.version)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_newer_release_of_a_package_with_an_extra_is_not_looked_at(environment: Path, index: Path) -> None:
    """A package that others require with and without its extra is the locked one, although a newer one is offered."""
    lock = make_wheel(index, "auth", "2.0", extra="fast")
    lock += make_wheel(index, "sdk", "1.0", ["auth~=2.0"])
    lock += make_wheel(index, "storage", "1.0", ["auth[fast]>=2.0"])
    make_wheel(index, "auth", "2.63", extra="fast")

    done = install(environment, index, lock)

    assert (done.returncode, done.stderr) == (0, "")
    assert installed_version(environment, "auth") == "2.0"


def test_package_that_the_lock_does_not_name_is_an_error_and_is_not_installed(environment: Path, index: Path) -> None:
    """A lock that is not complete is found out at once, by the name of what is missing."""
    lock = make_wheel(index, "sdk", "1.0", ["auth~=2.0"])
    make_wheel(index, "auth", "2.0")

    done = install(environment, index, lock)

    assert done.returncode == 1
    assert "sdk 1.0 requires auth, which is not installed" in done.stderr
    assert not list(environment.glob("venv/lib/*/site-packages/auth*"))


def test_file_with_other_bytes_is_refused(environment: Path, index: Path) -> None:
    """A release that was replaced at the index is not installed, and pip's words are shown."""
    lock = make_wheel(index, "auth", "2.0")
    make_wheel(index, "auth", "2.0", ["sdk"])

    done = install(environment, index, lock)

    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert done.stderr.endswith("Installing failed; the lines above are pip's.\n")


def test_warnings_about_the_machine_are_not_shown(environment: Path, index: Path) -> None:
    """A folder that a machine's configuration names and that is not there is no news to a newcomer."""
    lock = make_wheel(index, "auth", "2.0")

    done = install(environment, Path(f"{index} {environment / 'missing'}"), lock)

    assert (done.returncode, done.stdout, done.stderr) == (0, "  1 of 1 packages fetched, unpacking takes about a minute\n", "")


BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "kfp_server_api-1.0-py3-none-any.whl", "kfp_server_api-1.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("kfp_server_api.py", open("kfp_server_api.py").read())
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: kfp-server-api\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


def test_a_package_that_is_published_as_source_alone_is_built_by_the_locked_build_backend(environment: Path, index: Path) -> None:
    """It is named in the installer, and nothing is fetched to build it."""
    archive = index / "kfp-server-api-1.0.tar.gz"
    files = {
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: kfp-server-api\nVersion: 1.0\n",
        "kfp_server_api.py": "version = '1.0'\n",
    }
    with tarfile.open(archive, "w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(f"kfp-server-api-1.0/{name}")
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    (environment / "build.lock").write_text(make_wheel(index, "backend", "1.0", code=BACKEND))
    lock = f"kfp-server-api==1.0 --hash=sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}\n"

    done = install(environment, index, lock)

    assert (done.returncode, done.stderr) == (0, "")
    assert installed_version(environment, "kfp_server_api") == "1.0"


def test_source_archive_is_refused(environment: Path, index: Path) -> None:
    """What would have to be built, by a build backend that no lock names, is not installed."""
    archive = index / "auth-2.0.tar.gz"
    archive.write_bytes(b"never read")
    lock = f"auth==2.0 --hash=sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}\n"

    done = install(environment, index, lock)

    assert done.returncode == 1
    assert "No matching distribution found for auth==2.0" in done.stderr
