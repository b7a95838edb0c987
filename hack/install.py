"""python -m hack.install: a local cluster with Longshore in it, as a user would install it.

Makes the cluster if there is none, builds the images and loads them, and installs or upgrades the chart.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from hack.cluster import kind
from hack.cluster.build import binaries
from hack.cluster.paths import step
from hack.image import build
from hack.image.docker import ROOT

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


@dataclass(frozen=True, slots=True)
class Tools:
    """kubectl and helm, pointed at the cluster by their leading arguments."""

    kubectl: tuple[str, ...]
    helm: tuple[str, ...]
    kubeconfig: str
    context: str
    image: str = ""
    """The operator's image that was installed."""

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"KUBECONFIG": self.kubeconfig}


def tools(cluster: kind.Cluster, image: str = "") -> Tools:
    """The programs for a cluster; helm is built first where there is none."""
    found = binaries("kubectl", "helm")
    config = f"--kubeconfig={cluster.kubeconfig}"
    return Tools(
        (str(found["kubectl"]), config, f"--context={cluster.context}"),
        (str(found["helm"]), config, f"--kube-context={cluster.context}"),
        str(cluster.kubeconfig),
        cluster.context,
        image,
    )


def install(*helm_arguments: str) -> Tools:
    """Does everything, and returns what to look at it with."""
    cluster = kind.up()
    with step("building images"):
        operator, workload = build.operator_image(), build.workload_images()
    with step("loading images"):
        cluster.load(operator, *workload)
    found = tools(cluster, operator)
    with step("installing the chart"):
        chart(found, *helm_arguments)
    return found


def chart(found: Tools, *helm_arguments: str) -> None:
    """Installs or upgrades the chart with the image of `found` and waits until the operator is ready."""
    _run(*found.kubectl, "apply", "--filename=-", stdin=NAMESPACE_OBJECT)
    if RELEASE in _run(*found.helm, "list", "--namespace", NAMESPACE, "--pending", "--short").split():
        # An operation that was cut off leaves the release locked. The CRDs and what users made stay.
        _run(*found.helm, "uninstall", RELEASE, "--namespace", NAMESPACE)
    repository, tag = found.image.split(":")
    _run(
        *found.helm, "upgrade", "--install", RELEASE, str(CHART), "--namespace", NAMESPACE,
        "--set", f"image.repository={repository}", "--set", f"image.tag={tag}",
        "--wait", "--timeout=3m", *helm_arguments,
    )  # fmt: skip


def _run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}".strip()
        raise SystemExit(f"{' '.join(command)} failed with exit code {done.returncode}\n{said}")
    return done.stdout


if __name__ == "__main__":
    install(*sys.argv[1:])
