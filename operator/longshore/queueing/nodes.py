"""What nodes can allocate: the capacity of an Unmanaged environment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from longshore.api.common import NodeSelection, Toleration
from longshore.queueing.amounts import Amounts, cpu_millis, memory_bytes
from longshore.workload.decision import Obj
from longshore.workload.placement import ARCHITECTURE, CAPACITY_LABELS, ZONE
from longshore.workload.quantities import parse_quantity


@dataclass(frozen=True, slots=True)
class Node:
    """What of a node counts here."""

    labels: frozenset[tuple[str, str]]
    taints: frozenset[tuple[str, str, str]]
    """Key, value and effect of those that keep pods away."""
    usable: bool
    """Ready, not cordoned and not being deleted."""
    allocatable: Amounts


def node_of(node: Obj) -> Node:
    spec, status, metadata = node.get("spec", {}), node.get("status", {}), node["metadata"]
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))
    found = status.get("allocatable", {})
    return Node(
        frozenset(metadata.get("labels", {}).items()),
        frozenset(
            (each["key"], each.get("value", ""), each["effect"])
            for each in spec.get("taints", ())
            if each["effect"] != "PreferNoSchedule"
        ),
        ready and not spec.get("unschedulable") and "deletionTimestamp" not in metadata,
        Amounts(
            cpu_millis(found.get("cpu", 0)),
            memory_bytes(found.get("memory", 0)),
            sum(int(parse_quantity(amount)) for name, amount in found.items() if _is_gpu(name)),
        ),
    )


def slim_node(node: Obj) -> Obj:
    """A node without what nothing here reads."""
    metadata, spec, status = node["metadata"], node.get("spec", {}), node.get("status", {})
    kept = ("name", "uid", "resourceVersion", "labels", "deletionTimestamp")
    ready = [each for each in status.get("conditions", ()) if each["type"] == "Ready"]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {key: spec[key] for key in ("taints", "unschedulable") if key in spec},
        "status": {"allocatable": status.get("allocatable", {}), "conditions": ready},
    }


def allocatable(nodes: Iterable[Node], selection: NodeSelection) -> tuple[Amounts, int]:
    """What the nodes of the selection can allocate in all, and how many they are."""
    total, count = Amounts(), 0
    for node in nodes:
        if node.usable and _selected(node, selection):
            total, count = total.plus(node.allocatable), count + 1
    return total, count


def _selected(node: Node, selection: NodeSelection) -> bool:
    labels = dict(node.labels)
    spot = any(labels.get(key) == value for key, value in CAPACITY_LABELS.items())
    return (
        selection.architecture in (None, labels.get(ARCHITECTURE))
        and (not selection.zones or labels.get(ZONE) in selection.zones)
        and selection.node_labels.items() <= labels.items()
        and {"Spot": spot, "OnDemand": not spot, "Any": True}[selection.capacity]
        and all(any(_tolerates(each, taint) for each in selection.tolerations) for taint in node.taints)
    )


def _tolerates(toleration: Toleration, taint: tuple[str, str, str]) -> bool:
    key, value, effect = taint
    return (
        toleration.key in (None, key)
        and toleration.effect in (None, effect)
        and (toleration.operator == "Exists" or (toleration.value or "") == value)
    )


def _is_gpu(resource: str) -> bool:
    """nvidia.com/gpu, amd.com/gpu; parts of one such as nvidia.com/mig-1g.5gb; gpu.intel.com/i915."""
    domain, _, name = resource.partition("/")
    return name == "gpu" or name.startswith("mig-") or domain == "gpu.intel.com"
