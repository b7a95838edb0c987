"""Who has pods that no node takes is told what the nodes are like instead; somebody plays nodes and scheduler."""

from __future__ import annotations

import pytest

from tests.apiserver.kube import Kube, now, wait
from tests.apiserver.test_batchjob import batchjob
from tests.apiserver.test_queues import node
from tests.apiserver.test_webapp import webapp

pytestmark = pytest.mark.usefixtures("operator")


def without_node(kube: Kube, kind: str) -> None:
    """The scheduler has said that no node takes the pod of this label."""
    pod = wait(lambda: next(iter(kube.list("Pod", f"longshore.dev/{kind}")), None), "a pod")
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/2 nodes are available: 2 Insufficient cpu.",
        "lastTransitionTime": now(),
    }
    kube.patch("Pod", pod["metadata"]["name"], {"status": {"conditions": [condition]}}, "status")


def told(kube: Kube, kind: str, name: str, field: str) -> str:
    def found() -> str:
        failure = kube.status(kind, name).get(field) or {}
        return str(failure["message"]) if failure.get("reason") == "Unschedulable" else ""

    return wait(found, f"what is told of {name}", 30)


def test_it_is_told_how_large_nodes_are_and_in_which_zones(kube: Kube) -> None:
    pool, zone = {"example.com/pool": kube.namespace}, "topology.kubernetes.io/zone"
    for name, cpu, where in (("small", 2, "eu-1a"), ("large", 4, "eu-1b")):
        node(kube, f"{name}-{kube.namespace}"[-60:], pool | {zone: where}, cpu)
    kube.create(webapp("shop", size="XLarge", placement={"nodeLabels": pool}))
    kube.create(batchjob("import", placement={"nodeLabels": pool, "zones": ["eu-1c"]}))
    without_node(kube, "webapp")
    without_node(kube, "batchjob")

    large = told(kube, "WebApp", "shop", "failure")
    assert "A pod asks for 12Gi memory; the largest of 2 nodes" in large
    assert large.endswith("offers 4Gi")
    elsewhere = told(kube, "BatchJob", "import", "waiting")
    assert f"{zone}=eu-1c excludes " in elsewhere
    assert "eu-1a on 1, eu-1b on 1" in elsewhere
