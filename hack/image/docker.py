"""The Docker that the local cluster uses, and images whose tag or label says what they were made from."""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def environment() -> dict[str, str]:
    """The environment for docker, kubectl and helm, as the local cluster names it."""
    said = subprocess.run(
        [sys.executable, "-m", "hack.cluster", "env"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    words = [word for line in said.splitlines() for word in shlex.split(line)]
    return os.environ | dict(word.split("=", 1) for word in words if "=" in word)


def docker(*arguments: str) -> str:
    """Runs docker and returns what it prints; when it fails, that is shown."""
    done = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env=environment() | {"DOCKER_BUILDKIT": "0"},
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
