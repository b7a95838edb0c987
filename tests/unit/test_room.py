"""What a user is told would fit, when no node takes a pod."""

from __future__ import annotations

from typing import Any

import pytest
from longshore.api.common import Placement
from longshore.workload.placement import node_affinity, node_selector
from longshore.workload.room import what_would_fit

Obj = dict[str, Any]


def node(cpu: str = "4", memory: str = "8Gi", taint: str = "", ready: bool = True, **labels: str) -> Obj:
    key, _, effect = taint.partition(":")
    return {
        "metadata": {"name": "n", "labels": {key.replace("_", "/"): value for key, value in labels.items()}},
        "spec": {"taints": [{"key": key, "effect": effect}]} if taint else {},
        "status": {
            "allocatable": {"cpu": cpu, "memory": memory},
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def pod(requests: Obj | None = None, **placement: Any) -> Obj:
    where = Placement.model_validate(placement)
    affinity = node_affinity(where)
    return {
        "spec": {
            "containers": [
                {"name": "app", "resources": {"requests": requests or {"cpu": "1", "memory": "1Gi"}}}
            ],
            "nodeSelector": node_selector(where),
            "affinity": {"nodeAffinity": affinity} if affinity else {},
            "tolerations": [each.model_dump(exclude_none=True) for each in where.tolerations],
        }
    }


ZONE = "topology.kubernetes.io_zone"
SPOT = {"karpenter.sh_capacity-type": "spot"}


@pytest.mark.parametrize(
    ("asked", "nodes", "told"),
    [
        (pod(), [], ""),
        (pod(), [node(ready=False)], "None of 1 node is ready and not cordoned"),
        (
            pod({"cpu": "64"}), [node("4"), node("16")],
            "A pod asks for 64 cpu; the largest of 2 nodes offers 16",
        ),
        (
            pod({"memory": "900Gi", "cpu": "5"}), [node(memory="15872Mi")],
            "A pod asks for 5 cpu and 900Gi memory; the only node offers 4 and 15.5Gi",
        ),
        (
            pod({"nvidia.com/gpu": "1"}), [node()],
            "A pod asks for 1 nvidia.com/gpu; the only node offers 0",
        ),
        (
            pod({"cpu": "3", "memory": "7Gi"}), [node("4", "4Gi"), node("2", "8Gi")],
            "None of 2 nodes has at once all that a pod asks for",
        ),
        (
            pod({"cpu": "3"}), [node("4"), node("2"), node("8", taint="gpu:NoSchedule")],
            "Of 2 nodes that placement leaves of 3, 1 is large enough, but taken up by other pods",
        ),
        (
            pod(zones=["c"]), [node(**{ZONE: "a"}), node(**{ZONE: "a"}), node(**{ZONE: "b"})],
            "Of 3 nodes, topology.kubernetes.io/zone=c excludes all (a on 2, b on 1)",
        ),
        (
            pod(nodeLabels={"pool": "fast"}), [node(pool="slow"), node()],
            "Of 2 nodes, pool=fast excludes all",
        ),
        (
            pod(architecture="arm64", zones=["a"]),
            [node(**{ZONE: "a", "kubernetes.io_arch": "amd64"}), node(**{ZONE: "b", "kubernetes.io_arch": "arm64"})],
            "Of 2 nodes, kubernetes.io/arch=arm64 excludes 1 of 2 (amd64 on 1), topology.kubernetes.io/zone=a excludes"
            " 1 of 2 (b on 1); without kubernetes.io/arch=arm64 1 node would do, or without"
            " topology.kubernetes.io/zone=a 1 node would do",
        ),
        (
            pod(), [node(taint="gpu:NoSchedule"), node(taint="gpu:NoExecute")],
            "Of 2 nodes, a taint excludes all (gpu:NoExecute, gpu:NoSchedule)",
        ),
        (
            pod(capacity="Spot"), [node()],
            "Of 1 node, karpenter.sh/capacity-type=spot or eks.amazonaws.com/capacityType=SPOT excludes all",
        ),
        (
            pod(capacity="OnDemand"), [node(**SPOT)],
            "Of 1 node, karpenter.sh/capacity-type!=spot excludes all (spot on 1)",
        ),
        (
            pod(tolerations=[{"key": "gpu", "operator": "Exists"}]), [node(taint="gpu:NoSchedule")],
            "Of 1 node, 1 is large enough, but taken up by other pods",
        ),
    ],
)  # fmt: skip
def test_what_would_fit(asked: Obj, nodes: list[Obj], told: str) -> None:
    assert what_would_fit(asked, nodes) == told


def test_what_helpers_ask_for_counts_as_the_scheduler_counts_it() -> None:
    asked = pod({"cpu": "2"})
    asked["spec"]["initContainers"] = [
        {"name": "wait", "resources": {"requests": {"cpu": "5"}}},
        {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
    ]
    assert "asks for 5 cpu; the only node offers 4" in what_would_fit(asked, [node("4")])
    asked["spec"]["initContainers"].pop(0)
    assert "asks for 3 cpu; the only node offers 2" in what_would_fit(asked, [node("2")])
