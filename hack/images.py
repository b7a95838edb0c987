"""Builds the operator's image, and the workload's that tests and the demo run, and loads them.

`python -m hack.images` after `make wheels`. Where images can be pulled the operator stands on the
Dockerfile's own base; else on Debian's Python.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from hack.cluster import docker, kind, node_image
from hack.cluster.kind import Cluster
from hack.cluster.paths import ClusterError, digest, step

ROOT = Path(__file__).parent.parent
PYTHON = "longshore.test/python:3.11"
OPERATOR = "longshore.test/longshore"
WORKLOAD = "longshore.test/workload"
_PYTHON_PACKAGES = ("python3", "ca-certificates")


def build_and_load(cluster: Cluster) -> str:
    """Builds what changed and loads it; returns the tag, which names the content."""
    operator, workload = _operator(cluster), _workload(cluster)
    with step("loading images"):
        cluster.load(operator, *workload)
    return operator.rpartition(":")[2]


def _operator(cluster: Cluster) -> str:
    wheels = sorted((ROOT / "dist" / "wheels").glob("*.whl"))
    if not wheels:
        raise ClusterError("dist/wheels is empty: run make wheels first")
    sources = [path.read_bytes() for path in sorted((ROOT / "operator").rglob("*.py"))]
    name = f"{OPERATOR}:{digest(*(path.name for path in wheels), *sources, (ROOT / 'Dockerfile').read_bytes())}"
    if _exists(cluster, name):
        return name
    arguments = []
    if (cluster.docker_env or {}).get("DOCKER_HOST") == f"unix://{docker.SOCKET}":
        node_image.import_base(PYTHON, node_image.debian("python", _PYTHON_PACKAGES))
        arguments = ["--build-arg", f"PYTHON_IMAGE={PYTHON}"]
    with step(f"building {name}"):
        _docker(cluster, "build", "--quiet", "--tag", name, *arguments, str(ROOT))
    return name


def _workload(cluster: Cluster) -> list[str]:
    """The workload as a user that isn't root, in two versions, and as root."""
    source = ROOT / "tests" / "e2e" / "workload"
    made = []
    with tempfile.TemporaryDirectory() as scratch, step("building the workload's images"):
        subprocess.run(
            ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", f"{scratch}/workload", "."],
            cwd=source, env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}, check=True, capture_output=True,
        )  # fmt: skip
        for tag, user in (("v1", "65532"), ("v2", "65532"), ("root", "0")):
            lines = ["FROM scratch", "COPY workload /workload", f"ENV VERSION={tag}", f"USER {user}", 'ENTRYPOINT ["/workload"]']
            Path(scratch, "Dockerfile").write_text("\n".join(lines) + "\n")
            _docker(cluster, "build", "--quiet", "--tag", f"{WORKLOAD}:{tag}", scratch)
            made.append(f"{WORKLOAD}:{tag}")
    return made


def _exists(cluster: Cluster, image: str) -> bool:
    return bool(_docker(cluster, "images", "--quiet", image).strip())


def _docker(cluster: Cluster, *arguments: str) -> str:
    if cluster.docker_env is None:
        raise ClusterError("images can only be built for a cluster of kind")
    done = subprocess.run(["docker", *arguments], env=cluster.docker_env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"docker {arguments[0]} failed: {(done.stderr + done.stdout).strip()[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    print(build_and_load(kind.up()))
