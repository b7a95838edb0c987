"""python -m hack.install: a local cluster with Longshore in it, as a user would install it.

Makes the cluster if there is none, builds the images and loads them, and installs or upgrades the chart.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hack.image import build
from hack.image.docker import ROOT, environment, say

RELEASE = "longshore"
NAMESPACE = "longshore-system"
CHART = ROOT / "charts" / "longshore"
NAMESPACE_OBJECT = f"""
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def binary(name: str) -> str:
    """The path of kubectl or helm, as the local cluster has it."""
    said = subprocess.run(
        [sys.executable, "-m", "hack.cluster", "bin", name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return said.strip().splitlines()[-1]


def install(*helm_arguments: str) -> str:
    """Does everything, and returns the operator's image."""
    _cluster("up")
    with _step("images"):
        operator, workload = build.operator_image(), build.workload_images()
    with _step("loading images"):
        _cluster("load", operator, *workload)
    with _step("installing the chart"):
        chart(operator, *helm_arguments)
    return operator


def chart(image: str, *helm_arguments: str) -> None:
    """Installs or upgrades the chart with this image and waits until the operator is ready."""
    subprocess.run(
        [binary("kubectl"), "apply", "--filename=-"],
        input=NAMESPACE_OBJECT, text=True, env=environment(), stdout=sys.stderr, check=True,
    )  # fmt: skip
    repository, tag = image.split(":")
    _clear_interrupted()
    subprocess.run(
        [
            binary("helm"), "upgrade", "--install", RELEASE, str(CHART), "--namespace", NAMESPACE,
            "--set", f"image.repository={repository}", "--set", f"image.tag={tag}",
            "--wait", "--timeout=3m", *helm_arguments,
        ],
        env=environment(),
        stdout=sys.stderr,
        check=True,
    )  # fmt: skip


def _clear_interrupted() -> None:
    """An operation that was cut off leaves the release locked; the CRDs and what users made stay."""
    helm = [binary("helm"), "--namespace", NAMESPACE]
    pending = subprocess.run(
        [*helm, "list", "--pending", "--short"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    if RELEASE in pending.split():
        subprocess.run([*helm, "uninstall", RELEASE], env=environment(), stdout=sys.stderr, check=True)


def _cluster(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "hack.cluster", *arguments], cwd=ROOT, stdout=sys.stderr, check=True
    )


@contextmanager
def _step(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    install(*sys.argv[1:])
