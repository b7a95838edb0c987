"""Optional parts of the cluster, each only where it is asked for: a gateway, KEDA, cert-manager, a registry.

A part is its programs, an image of each, and manifests: those of its own project, out of the module, then
ours in parts/. Its images are made anew only when a program changes; applying again changes nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hack.cluster import wheels
from hack.cluster.build import binaries, module_folder, zone_info
from hack.cluster.kind import Cluster
from hack.cluster.paths import HERE, IMAGES, ClusterError, digest, say, step

Obj = dict[str, Any]
_READY = "180s"
_RECIPE = """FROM scratch
COPY {program} zoneinfo.zip /
COPY tmp /tmp
ENV ZONEINFO=/zoneinfo.zip
USER 65532:65532
ENTRYPOINT ["/{program}"]
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What makes up one part."""

    images: dict[str, str]
    """Program → the image that the manifests name, without its tag."""
    module: tuple[str, str] | None = None
    """Family and module whose zip holds the project's own manifests."""
    folders: tuple[str, ...] = ()
    """Where in it: kustomizations, or folders of plain files."""
    ready: tuple[str, ...] = ()
    """Deployments to wait for, as namespace/name."""


PARTS = {
    "gateway": Part(
        {"traefik": "longshore.test/traefik"},
        ("gateway-api", "sigs.k8s.io/gateway-api"),
        ("config/crd/experimental",),
        ("traefik/traefik",),
    ),
    "keda": Part(
        {"keda": "ghcr.io/kedacore/keda", "keda-adapter": "ghcr.io/kedacore/keda-metrics-apiserver"},
        ("keda", "github.com/kedacore/keda/v2"),
        ("config/minimal",),
        ("keda/keda-operator", "keda/keda-metrics-apiserver"),
    ),
    "cert-manager": Part(
        {"cert-manager": "longshore.test/cert-manager"},
        ("cert-manager", "github.com/cert-manager/cert-manager"),
        ("deploy/crds",),
        ("cert-manager/cert-manager",),
    ),
    "registry": Part({"registry": "longshore.test/registry"}, ready=("registry/registry",)),
}
REGISTRY = "registry.longshore.test"
"""The registry's name in images; it asks for user and password."""
REGISTRY_PORT = 30500
REGISTRY_USER, REGISTRY_PASSWORD = "longshore", "longshore"


def names(asked: str) -> tuple[str, ...]:
    """The parts in a list such as `gateway,keda`.

    Raises:
        ClusterError: there is no part of a name.
    """
    found = tuple(name for name in asked.replace(" ", ",").split(",") if name)
    for name in found:
        if name not in PARTS:
            raise ClusterError(f"no part {name}: known are {', '.join(PARTS)}")
    return found


def install(cluster: Cluster, wanted: Sequence[str]) -> None:
    """Puts the parts into the cluster and waits until each is ready."""
    for name in wanted:
        with step(f"part {name}"):
            _install(cluster, name, PARTS[name])


def push(cluster: Cluster, image: str, name: str) -> str:
    """Puts an image that a node holds into the registry under this name, takes it off the nodes, and returns
    what a pod has to ask for."""
    inside, asked = f"127.0.0.1:{REGISTRY_PORT}/{name}", f"{REGISTRY}/{name}"
    login = f"{REGISTRY_USER}:{REGISTRY_PASSWORD}"
    node = cluster.nodes()[0]
    cluster.on_node(
        node,
        f"ctr -n k8s.io images tag --force {image} {inside}\n"
        f"ctr -n k8s.io images push --plain-http --user {login} {inside}\n"
        f"ctr -n k8s.io images rm {inside}\n",
    )
    return asked


def _install(cluster: Cluster, name: str, part: Part) -> None:
    tags = _images(cluster, part)
    if part.module:
        folder = module_folder(*part.module)
        for each in part.folders:
            _apply(cluster, retagged(_documents(cluster, folder / each), tags))
        _wait_for_crds(cluster)
    own = HERE / "parts" / name
    for script in sorted(own.glob("*.sh")):
        for node in cluster.nodes():
            cluster.on_node(node, script.read_text())
    for file in sorted(own.glob("*.yaml")):
        _apply(cluster, retagged(yaml.safe_load_all(file.read_text()), tags))
    for deployment in part.ready:
        namespace, _, what = deployment.partition("/")
        try:
            cluster.kubectl("-n", namespace, "rollout", "status", f"deployment/{what}", f"--timeout={_READY}")
        except subprocess.CalledProcessError as error:
            pods = cluster.kubectl("-n", namespace, "describe", "pods")[-3000:]
            raise ClusterError(f"{deployment} is not ready: {error.stderr.strip()}\n{pods}") from error


def retagged(documents: Iterable[Obj | None], tags: dict[str, str]) -> list[Obj]:
    """The objects, with our images in place of those that they name, and never pulled."""
    objects = [each for each in documents if each]
    for container in (each for obj in objects for each in _containers(obj)):
        name = container["image"].rpartition(":")[0] if ":" in container["image"] else container["image"]
        if name in tags:
            container |= {"image": tags[name], "imagePullPolicy": "IfNotPresent"}
    return objects


def _containers(obj: Obj) -> Iterator[Obj]:
    if obj["kind"] in ("Deployment", "DaemonSet", "StatefulSet", "Job"):
        yield from obj["spec"]["template"]["spec"]["containers"]


def _images(cluster: Cluster, part: Part) -> dict[str, str]:
    """Image name in the manifests → an image of ours that the nodes hold."""
    built = binaries(*(name for name in part.images if name not in wheels.PROGRAMS))
    tags: dict[str, str] = {}
    for program, name in part.images.items():
        path = built.get(program) or wheels.program(program)
        image = f"longshore.test/{program}:{digest(str(path), _RECIPE)}"
        if not cluster.docker("images", "--quiet", image).strip():
            _from_scratch(cluster, image, path)
        tags[name] = image
    cluster.load(*tags.values())
    return tags


def _from_scratch(cluster: Cluster, image: str, program: Path) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=IMAGES) as scratch:
        try:
            os.link(program, Path(scratch, program.name))
        except OSError:
            shutil.copy2(program, scratch)
        Path(scratch, "tmp").mkdir(mode=0o1777)
        Path(scratch, "tmp").chmod(0o1777)
        shutil.copy2(zone_info(), scratch)
        Path(scratch, "Dockerfile").write_text(_RECIPE.format(program=program.name))
        cluster.docker("build", "--network=none", "--quiet", "--tag", image, scratch)


def _documents(cluster: Cluster, folder: Path) -> Iterator[Obj | None]:
    if (folder / "kustomization.yaml").exists():
        yield from yaml.safe_load_all(cluster.kubectl("kustomize", str(folder)))
        return
    for file in sorted(folder.glob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text())


def _apply(cluster: Cluster, objects: list[Obj]) -> None:
    document = "\n---\n".join(json.dumps(each) for each in objects)
    try:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=document)
    except subprocess.CalledProcessError as error:
        raise ClusterError(f"kubectl apply failed: {error.stderr.strip()[-2000:]}") from error
    say(f"applied {len(objects)} objects")


def _wait_for_crds(cluster: Cluster) -> None:
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
