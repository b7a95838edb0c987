"""The Docker that the local cluster uses, and images whose tag or label says what they were made from."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from hack.cluster import docker as private
from hack.cluster.paths import CLUSTER_RUN

LEGACY = {"DOCKER_BUILDKIT": "0"}
"""The BuildKit plugin isn't everywhere, and nothing here needs it."""
ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def environment() -> dict[str, str]:
    """The environment for docker: the local cluster's, else the user's, else a private one that is started now."""
    saved = CLUSTER_RUN / "docker-env.json"
    if saved.exists():
        said: dict[str, str] = json.loads(saved.read_text())
        return {**os.environ, **said, **LEGACY}
    if private.running() or not _answers():
        private.install_packages()
        private.start()
        return private.environment()
    return os.environ | LEGACY


def is_private() -> bool:
    """Docker was started here because there is none, and so it reaches no registry either."""
    return environment().get("DOCKER_HOST") == f"unix://{private.SOCKET}"


def _answers() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def docker(*arguments: str) -> str:
    """Runs docker and returns what it prints; when it fails, that is shown."""
    done = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}".strip()
        raise SystemExit(f"docker {arguments[0]} failed with exit code {done.returncode}\n{said}")
    return done.stdout.strip()


def exists(image: str) -> bool:
    found = subprocess.run(
        ["docker", "image", "inspect", image],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return found.returncode == 0


def megabytes(image: str) -> float:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6


def fingerprint(files: Iterable[Path], *more: str) -> str:
    """Twelve hexadecimal digits that change with the names and content of the files, and with `more`."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes() + b"\0")
    for each in more:
        digest.update(each.encode() + b"\0")
    return digest.hexdigest()[:12]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
