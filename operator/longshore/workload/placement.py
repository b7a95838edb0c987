"""On which nodes pods may run and how they spread, as the scheduler takes it.

Spot and on-demand are told by the labels of Karpenter and of EKS node groups; a node with neither label
counts as on-demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longshore.api.common import NodeSelection, Placement
from longshore.workload.decision import Obj

ZONE = "topology.kubernetes.io/zone"
NODE = "kubernetes.io/hostname"
ARCHITECTURE = "kubernetes.io/arch"
CAPACITY_LABELS: Mapping[str, str] = {
    "karpenter.sh/capacity-type": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
}
"""Label → the value that spot nodes carry."""


def node_selector(placement: Placement) -> dict[str, str]:
    """Labels that a node must carry."""
    architecture = {ARCHITECTURE: placement.architecture} if placement.architecture else {}
    return {**placement.node_labels, **architecture}


def node_affinity(placement: Placement) -> Obj | None:
    """Zones and capacity; None when any node will do. Terms are alternatives, expressions in one all hold."""
    zones = [{"key": ZONE, "operator": "In", "values": list(placement.zones)}] if placement.zones else []
    match placement.capacity:
        case "Spot":
            terms = [
                [*zones, {"key": key, "operator": "In", "values": [value]}]
                for key, value in CAPACITY_LABELS.items()
            ]
        case "OnDemand":
            terms = [
                [
                    *zones,
                    *(
                        {"key": key, "operator": "NotIn", "values": [value]}
                        for key, value in CAPACITY_LABELS.items()
                    ),
                ]
            ]
        case _:
            terms = [zones] if zones else []
    if not terms:
        return None
    return {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": expressions} for expressions in terms]
        }
    }


def spread_constraints(placement: Placement, labels: Mapping[str, str], **more: Any) -> list[Obj]:
    """Soft constraints that spread the pods with these labels; `more` are further fields of each."""
    keys = {"Zone": (ZONE, NODE), "Node": (NODE,), "None": ()}[placement.spread]
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(labels)},
            **more,
        }
        for key in keys
    ]


def within(placement: Placement, selection: NodeSelection) -> Placement:
    """The placement, narrowed to the nodes of the selection, which must not contradict it."""
    zones = (
        [zone for zone in placement.zones if zone in selection.zones] if selection.zones else placement.zones
    )
    return Placement(
        architecture=placement.architecture or selection.architecture,
        capacity=placement.capacity if placement.capacity != "Any" else selection.capacity,
        zones=zones or selection.zones,
        node_labels={**placement.node_labels, **selection.node_labels},
        tolerations=[
            *placement.tolerations,
            *(each for each in selection.tolerations if each not in placement.tolerations),
        ],
        spread=placement.spread,
    )
