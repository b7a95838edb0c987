"""The Python base image: the official one, or, where no registry is reached, one made of Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hack.image.docker import docker, environment, exists, fingerprint, is_private, say

OFFICIAL = "python:3.13-slim"
SUITE = "bookworm"
PACKAGES = ("usr-is-merged", "python3", "ca-certificates")
LEFT_OUT = ("doc/*", "man/*", "locale/*", "zoneinfo/right/*")


def python_image(*packages: str) -> str:
    """The image named by LONGSHORE_PYTHON_IMAGE; else the official one if Docker has or gets it; else our own, with
    further packages of Debian that the official one has."""
    if named := os.environ.get("LONGSHORE_PYTHON_IMAGE"):
        return named
    if exists(OFFICIAL) or _pulled(OFFICIAL):
        return OFFICIAL
    return _from_packages(packages)


def _pulled(image: str) -> bool:
    if is_private():
        return False
    say(f"pulling {image}")
    return subprocess.run(["docker", "pull", image], env=environment(), stdout=sys.stderr).returncode == 0


def _from_packages(more: tuple[str, ...]) -> str:
    image = f"longshore-python:{fingerprint([Path(__file__).resolve()], *more)}"
    if exists(image):
        return image
    if shutil.which("mmdebstrap") is None:
        raise SystemExit(f"neither {OFFICIAL} nor mmdebstrap is here: apt-get install mmdebstrap")
    say(f"making {image} of Debian's packages (about 30 s)")
    with tempfile.TemporaryDirectory(prefix="longshore-base-") as folder:
        tree = f"{folder}/base.tar"
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{each}" for each in LEFT_OUT]
        made = subprocess.run(
            [
                "mmdebstrap", "--quiet", "--variant=essential",
                "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
                f"--include={','.join((*PACKAGES, *more))}",
                '--aptopt=APT::Install-Recommends "false"',
                *excluded, "--dpkgopt=path-exclude=/usr/lib/*/gconv/*",
                SUITE, tree,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        if made.returncode != 0:
            raise SystemExit(f"mmdebstrap failed with exit code {made.returncode}\n{made.stdout}")
        docker("import", "--change", "ENV LANG=C.UTF-8", tree, image)
    return image
