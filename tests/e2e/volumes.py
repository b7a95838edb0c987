"""Volumes for claims: by the cluster's provisioner, else a directory of the node, made and removed by the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster import Cluster, Obj
from tests.e2e.waiting import wait_for

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
FOLDER = "/var/local/longshore-e2e"


@contextmanager
def volume_for(namespace: Cluster, claim: str, image: str) -> Iterator[None]:
    """A claim of this name will be bound. `image` has a python3 that makes the directory where there is no provisioner."""
    if _has_provisioner(namespace):
        yield
        return
    name, folder = f"{namespace.namespace}-{claim}", f"{FOLDER}/{namespace.namespace}"
    _on_the_node(namespace, f"{name}-make", image, f"os.mkdir('{folder}'); os.chmod('{folder}', 0o777)")
    namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "claimRef": {"namespace": namespace.namespace, "name": claim},
                "hostPath": {"path": folder},
                "persistentVolumeReclaimPolicy": "Retain",
            },
        }
    )
    try:
        yield
    finally:
        namespace.kubectl("delete", "batchjobs,pods", "--all", "--wait=true", "--timeout=60s", check=False)
        namespace.kubectl("delete", "persistentvolumeclaim", claim, "--ignore-not-found", "--timeout=60s")
        namespace.kubectl("delete", "persistentvolume", name, "--timeout=60s")
        _on_the_node(namespace, f"{name}-remove", image, f"shutil.rmtree('{folder}')")


def _has_provisioner(cluster: Cluster) -> bool:
    return any(
        each["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true"
        and each["provisioner"] != "kubernetes.io/no-provisioner"
        for each in cluster.list("StorageClass")
    )


def _on_the_node(cluster: Cluster, name: str, image: str, code: str) -> None:
    """Runs Python as root with the node's directory, in a namespace that lets it."""
    outside = cluster.in_namespace("default")
    container: Obj = {
        "name": "prepare",
        "image": image,
        "command": ["python3", "-c", f"import os, shutil; {code}"],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "folder", "mountPath": FOLDER}],
    }
    volume: Obj = {"name": "folder", "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"}}
    spec: Obj = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    outside.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    try:
        wait_for(
            lambda: (outside.get("Pod", name) or {}).get("status", {}).get("phase"),
            lambda phase: phase == "Succeeded",
            f"pod {name} has done its work",
            60,
        )
    finally:
        outside.kubectl("delete", "pod", name, "--wait=true", "--timeout=60s")
