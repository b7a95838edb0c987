"""The kind cluster: found, made, or taken down; with Docker and a pullable image, or without."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import docker, node_image, pod_network
from hack.cluster.build import NODE, binaries, binary
from hack.cluster.paths import CACHE, CLUSTER, CLUSTER_RUN, CLUSTERS, HERE, RUN, ClusterError, step

NAME = CLUSTER
ZONES = ("zone-a", "zone-b", "zone-c")
"""Where there are several nodes, they lie in these zones by turns."""
_PATCHES = {
    "kubeadmConfigPatches": [
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nfailCgroupV1: false\ncgroupDriver: cgroupfs\nresolvConf: /etc/resolv.pods.conf\n"
    ],
}
_CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane:NoSchedule"
_LABEL = "io.x-k8s.kind.cluster"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that answers. `docker_env` is the environment of its Docker; None for one that a user brought."""

    kubeconfig: Path
    context: str
    docker_env: dict[str, str] | None

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Output of kubectl.

        Raises:
            subprocess.CalledProcessError: kubectl failed; its words are in `stderr`.
        """
        command = [
            str(_kubectl()),
            f"--kubeconfig={self.kubeconfig}",
            f"--context={self.context}",
            *arguments,
        ]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout

    def nodes(self) -> list[str]:
        """Names of the nodes, which are those of their containers, too."""
        return self.kubectl("get", "nodes", "--output=jsonpath={.items[*].metadata.name}").split()

    def docker(self, *arguments: str, stdin: str | None = None) -> str:
        """Output of the docker command against the cluster's Docker.

        Raises:
            ClusterError: it failed, or the cluster is a user's own.
        """
        if self.docker_env is None:
            raise ClusterError(f"context {self.context} is a cluster of your own: what it has is up to you")
        done = subprocess.run(
            ["docker", *arguments],
            env=self.docker_env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ClusterError(f"docker {' '.join(arguments[:3])} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def on_node(self, node: str, script: str) -> str:
        """Runs a script of bash on a node, which ends at the first command that fails."""
        return self.docker("exec", "--interactive", node, "bash", "-e", "-s", stdin=script)

    def load(self, *images: str) -> None:
        """Puts images of the cluster's Docker onto its nodes."""
        if self.docker_env is None:
            raise ClusterError(
                f"images can't be loaded into context {self.context}: push {', '.join(images)} to its registry"
            )
        _kind("load", "docker-image", f"--name={NAME}", *images, env=self.docker_env)


def up(nodes: int | None = None) -> Cluster:
    """The cluster, ready: the user's own, else kind with the user's Docker, else kind with everything made here.

    A new one gets so many nodes, one if nothing is said; one that is there must have them.
    """
    if cluster := _of_user():
        return cluster
    CLUSTER_RUN.mkdir(parents=True, exist_ok=True)
    kubeconfig = CLUSTER_RUN / "kubeconfig"
    if cluster := _found(kubeconfig):
        if nodes and nodes != (there := len(cluster.nodes())):
            raise ClusterError(
                f"cluster {NAME} has {there} nodes, not {nodes}: take it down first, or name another in LONGSHORE_CLUSTER"
            )
        return cluster
    env, image = _docker_of_user(), None
    if env is None:
        docker.install_packages()
        with ThreadPoolExecutor() as pool:  # Debian comes over the network while programs compile
            base = pool.submit(node_image.prepare_base)
            binaries("kind", *NODE)
            base.result()
        docker.start()
        env, image = docker.environment(), node_image.ensure()
    _kind("delete", "cluster", f"--name={NAME}", f"--kubeconfig={kubeconfig}", env=env)
    config = CLUSTER_RUN / "kind.json"
    config.write_text(json.dumps(_config(nodes or 1) | (_PATCHES if image else {})))
    with step("creating the cluster"):
        flags = [f"--image={image}"] if image else []
        _kind(
            "create",
            "cluster",
            f"--name={NAME}",
            f"--kubeconfig={kubeconfig}",
            f"--config={config}",
            "--wait=180s",
            *flags,
            env=env,
        )
    cluster = Cluster(kubeconfig, f"kind-{NAME}", env)
    if nodes and nodes > 1:
        with step("connecting the nodes"):
            cluster.kubectl("taint", "node", f"{NAME}-control-plane", f"{_CONTROL_PLANE_TAINT}-")
            if image:
                pod_network.connect(cluster)
    if image:
        with step("installing metrics-server"):
            cluster.kubectl("apply", "-f", str(HERE / "node" / "metrics-server.yaml"))
            cluster.kubectl(
                "-n", "kube-system", "rollout", "status", "deployment/metrics-server", "--timeout=120s"
            )
            cluster.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")
    (CLUSTER_RUN / "docker-env.json").write_text(
        json.dumps({key: env[key] for key in ("DOCKER_HOST",) if key in env})
    )
    return cluster


def down(everything: bool = False) -> None:
    """Takes the cluster away, and the private Docker unless it carries another; with `everything`, all of them,
    and the caches."""
    kubeconfig = CLUSTER_RUN / "kubeconfig"
    env = _saved_env()
    if docker.running() or "DOCKER_HOST" not in (env or {}):
        if env is not None:
            _kind("delete", "cluster", f"--name={NAME}", f"--kubeconfig={kubeconfig}", env=env)
        if docker.running():
            if everything and (nodes := docker.docker("ps", "--all", "--quiet", f"--filter=label={_LABEL}")):
                docker.docker("rm", "--force", "--volumes", *nodes.split())
            docker.docker("volume", "prune", "--force", check=False)
    if not everything and _others():
        for file in ("kubeconfig", "kubeconfig.lock", "kind.json", "docker-env.json"):
            (CLUSTER_RUN / file).unlink(missing_ok=True)
        if CLUSTER_RUN != RUN:
            shutil.rmtree(CLUSTER_RUN, ignore_errors=True)
        return
    if docker.running():
        docker.docker("network", "rm", "kind", check=False)
    docker.stop()
    shutil.rmtree(RUN, ignore_errors=True)
    if everything:
        shutil.rmtree(CACHE, ignore_errors=True)


def _others() -> list[Path]:
    """Kubeconfigs of the clusters of other names."""
    found = [RUN / "kubeconfig", *CLUSTERS.glob("*/kubeconfig")]
    return [path for path in found if path.exists() and path.parent != CLUSTER_RUN]


def _config(count: int) -> dict[str, object]:
    roles = ["control-plane", *["worker"] * (count - 1)]
    nodes: list[dict[str, object]] = [{"role": role} for role in roles]
    if count > 1:
        for number, node in enumerate(nodes):
            node["labels"] = {"topology.kubernetes.io/zone": ZONES[number % len(ZONES)]}
    return {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}


def _of_user() -> Cluster | None:
    context = os.environ.get("LONGSHORE_CONTEXT")
    if not context:
        return None
    path = Path(os.environ.get("KUBECONFIG", "").split(":")[0] or Path.home() / ".kube" / "config")
    cluster = Cluster(path, context, None)
    if not _answers(cluster):
        raise ClusterError(
            f"LONGSHORE_CONTEXT: context {context} of {path} does not answer; unset it, or start that cluster"
        )
    return cluster


def _found(kubeconfig: Path) -> Cluster | None:
    env = _saved_env()
    if not kubeconfig.exists() or env is None:
        return None
    cluster = Cluster(kubeconfig, f"kind-{NAME}", env)
    return cluster if _answers(cluster) else None


def _saved_env() -> dict[str, str] | None:
    path = CLUSTER_RUN / "docker-env.json"
    return {**os.environ, **json.loads(path.read_text()), "DOCKER_BUILDKIT": "0"} if path.exists() else None


def _answers(cluster: Cluster) -> bool:
    try:
        return cluster.kubectl("get", "--raw=/readyz", "--request-timeout=3s").strip() == "ok"
    except (subprocess.CalledProcessError, ClusterError):
        return False


def _docker_of_user() -> dict[str, str] | None:
    """The environment, if an ordinary Docker runs and has kind's node image or can pull it."""
    if shutil.which("docker") is None:
        return None
    try:
        subprocess.run(["docker", "info"], capture_output=True, check=True, timeout=10)
        image = f"kindest/node:{_kind_node_version()}"
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
            subprocess.run(
                ["docker", "manifest", "inspect", image], capture_output=True, check=True, timeout=20
            )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return dict(os.environ)


def _kind_node_version() -> str:
    return "v1.36.1"


def _kind(*arguments: str, env: dict[str, str]) -> None:
    done = subprocess.run(
        [str(binary("kind")), *arguments], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"kind {' '.join(arguments[:2])} failed: {done.stderr.strip()[-3000:]}")


def _kubectl() -> Path:
    return binary("kubectl")
