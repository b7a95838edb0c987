"""A cluster of several nodes with optional parts, and Longshore in it: `make test-parts`.

What a test is about may be missing in the cluster: then it says which part to ask for, and is skipped.
"""

from __future__ import annotations

import json

import pytest

from hack.cluster import kind
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import cluster, namespace, pytest_runtest_makereport

__all__ = ["cluster", "namespace", "pytest_runtest_makereport"]


@pytest.fixture
def made(cluster: Cluster) -> kind.Cluster:
    """The cluster as its maker sees it: nodes, images, Docker."""
    return kind.up()


@pytest.fixture
def gateway(cluster: Cluster) -> None:
    _part(cluster, "gateway", "gateways.gateway.networking.k8s.io")


@pytest.fixture
def keda(cluster: Cluster) -> None:
    _part(cluster, "keda", "scaledobjects.keda.sh")


@pytest.fixture
def cert_manager(cluster: Cluster) -> None:
    _part(cluster, "cert-manager", "certificates.cert-manager.io")


@pytest.fixture
def registry(cluster: Cluster) -> None:
    if not cluster.kubectl("get", "namespace", "registry", "--ignore-not-found").strip():
        pytest.skip("the cluster has no registry: make test-parts WITH=registry")


@pytest.fixture
def zones(cluster: Cluster) -> dict[str, str]:
    """Node → zone, of three zones or more."""
    nodes = json.loads(cluster.kubectl("get", "nodes", "--output=json"))["items"]
    found = {
        each["metadata"]["name"]: each["metadata"]["labels"].get("topology.kubernetes.io/zone", "")
        for each in nodes
    }
    if len(set(found.values()) - {""}) < 3:
        pytest.skip("the cluster has fewer than three zones: make test-parts NODES=3")
    return found


def _part(cluster: Cluster, name: str, crd: str) -> None:
    if not cluster.kubectl("get", "crd", crd, "--ignore-not-found").strip():
        pytest.skip(f"the cluster has no {name}: make test-parts WITH={name}")
