"""Install lock files into the virtual environment of the Python that runs this.

    .venv/bin/python requirements/install.py requirements/dev.lock --editable .

Nothing but the locked files can be installed, whatever else an index offers and whichever pip the Python brought:

- pip itself comes first, from `pip.lock`: older ones lack options and standards that the rest needs.
- `--no-deps`: a lock is complete, so nothing is resolved. pip up to 23.2 otherwise looks for the newest release of a package
  that others require with and without extras, although the lock pins it, and then refuses what it found.
- `--only-binary`: a source archive would be built by a build backend that no lock pins. Packages that are published as source
  alone are named here; the setuptools of `build.lock` builds them.
- `pip check` afterwards: what is installed fits together.

pip says too much about every package and too little about the whole, and warns about the machine's own configuration; it is
condensed to a few lines of progress, and its full output is shown only when it fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PIP_LOCK = Path(__file__).with_name("pip.lock")
BUILD_LOCK = Path(__file__).with_name("build.lock")
SOURCE_ONLY = ("kfp-server-api",)
PROGRESS_STEP = 20


def main() -> int:
    """Read the command line and install."""
    parser = argparse.ArgumentParser(description="Install lock files into this Python's virtual environment.")
    parser.add_argument("locks", nargs="+", type=Path, metavar="LOCK")
    parser.add_argument("--editable", type=Path, metavar="FOLDER", help="install the project in this folder, too")
    arguments = parser.parse_args()
    try:
        install(arguments.locks, arguments.editable)
    except subprocess.CalledProcessError as error:
        print(f"{error.output}\nInstalling failed; the lines above are pip's.", file=sys.stderr)
        return 1
    return 0


def install(locks: list[Path], editable: Path | None) -> None:
    """Install pip, then everything that the lock files name, then the project; check that all fits together."""
    pip("install", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(PIP_LOCK))
    requirements = [argument for lock in locks for argument in ("-r", str(lock))]
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:"]
    if from_source := names_in(locks) & set(SOURCE_ONLY):
        pip("install", *options, "-r", str(BUILD_LOCK))
        options += [f"--no-binary={','.join(sorted(from_source))}", "--no-build-isolation"]
    pip("install", *options, *requirements, packages=count_packages(locks))
    if editable is not None:
        # Without isolation, so that the build backend is the locked one.
        pip("install", "--no-deps", "--no-build-isolation", "--editable", str(editable))
    pip("check")


def count_packages(locks: list[Path]) -> int:
    """Count the requirements of lock files, those for other machines included."""
    return len(requirements_in(locks))


def names_in(locks: list[Path]) -> set[str]:
    """Return the names of the packages of lock files."""
    return {line.partition("==")[0] for line in requirements_in(locks)}


def requirements_in(locks: list[Path]) -> list[str]:
    """Return the lines of lock files that name a package."""
    lines = [line for lock in locks for line in lock.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith((" ", "#"))]


def pip(*arguments: str, packages: int = 0) -> None:
    """Run pip, showing how many of the `packages` it has fetched.

    Raises:
        subprocess.CalledProcessError: pip failed; its whole output is in `output`.
    """
    command = [sys.executable, "-m", "pip", *arguments]
    output: list[str] = []
    fetched = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if not packages:
                continue
            if line.startswith("Ignoring "):
                packages -= 1  # its marker names another Python or another system
            elif line.startswith(("Collecting ", "Processing ", "Requirement already satisfied")):
                fetched += 1
                if fetched % PROGRESS_STEP == 0:
                    print(f"  {fetched} of {packages} packages fetched", flush=True)
            elif line.startswith("Installing collected packages"):
                print(f"  {fetched} of {packages} packages fetched, unpacking takes about a minute", flush=True)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, "".join(output))


if __name__ == "__main__":
    sys.exit(main())
