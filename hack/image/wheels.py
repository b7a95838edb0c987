"""Downloads the wheels of the operator's image, by hash, and builds the project's own.

dist/wheels holds the dependencies and pip, dist/project the wheel of Longshore.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hack.image.docker import ROOT, fingerprint, say

WHEELS = ROOT / "dist" / "wheels"
PROJECT = ROOT / "dist" / "project"
LOCKED = ROOT / "requirements" / "runtime.txt"
DEVELOPMENT = ROOT / "requirements" / "dev.txt"
GLIBC = ("2_17", "2_26", "2_27", "2_28", "2_31", "2_34", "2_35")
"""The manylinux policies that Debian 12 and later fulfil."""


def download(python: str, locked: Path = LOCKED, into: Path = WHEELS) -> None:
    """Fills a folder with the locked wheels, and pip, for CPython of this version (`3.13`) on Linux; does nothing if it
    holds just that."""
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    pip = re.search(r"^pip==.*?(?=^\S)", DEVELOPMENT.read_text() + "end", re.MULTILINE | re.DOTALL)
    if pip is None:
        raise SystemExit(f"{DEVELOPMENT.relative_to(ROOT)} does not lock pip: run make lock")
    wanted = fingerprint([locked], python, machine, pip[0])
    stamp = into / "made-from"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"downloading wheels for Python {python} on {machine}")
    partial = into.with_name(f"{into.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / "pip.txt").write_text(pip[0])
    platforms = [f"--platform=manylinux_{version}_{machine}" for version in GLIBC]
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary=:all:", "--implementation=cp", f"--python-version={python}", *platforms,
            f"--platform=manylinux2014_{machine}", "--dest", str(partial), "-r", str(locked),
            "-r", str(partial / "pip.txt"),
        ],
        stdout=sys.stderr,
        check=True,
    )  # fmt: skip
    (partial / "pip.txt").unlink()
    (partial / "made-from").write_text(wanted)
    shutil.rmtree(into, ignore_errors=True)
    partial.rename(into)


def build_project() -> None:
    """Builds the wheel of Longshore into dist/project; the same sources give the same bytes."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(PROJECT)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def project_files() -> list[Path]:
    """What the project's wheel is made from."""
    source = (ROOT / "operator" / "longshore").rglob("*")
    return [
        ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE",
        *(file for file in source if file.is_file() and "__pycache__" not in file.parts),
    ]  # fmt: skip
