"""What is said of an app that has one replica on each node: how many answer, and what runs where."""

from __future__ import annotations

from longshore.webapp.children.revision import revision_of
from longshore.webapp.facts import Facts
from longshore.webapp.rollout import Rollout
from longshore.workload.conditions import Condition
from longshore.workload.decision import Obj
from longshore.workload.diagnosis import Failure

MOST_NODES = 20


def available(facts: Facts, failure: Failure | None) -> Condition:
    """Whether it answers on any node, and on how many."""
    fleet = facts.fleet
    if fleet is None or not fleet.observed:
        return Condition("Available", False, "NoReplicas", "no replica answers yet")
    if fleet.wanted == 0:
        return Condition(
            "Available", False, "NoNodes", "no node fits: relax placement, or label nodes for it"
        )
    counted = f"{fleet.available} of {fleet.wanted} nodes answer"
    if fleet.available:
        return Condition("Available", True, "MinimumReplicas", counted)
    if failure:
        return Condition("Available", False, failure.reason, f"{counted}: {failure.message}")
    return Condition("Available", False, "NoReplicas", counted)


def nodes(facts: Facts, rollout: Rollout) -> list[Obj]:
    """What runs on which node, those that lag behind first. During a rollout it is the new pod that is told of."""
    pods = [
        pod
        for pod in facts.pods
        if pod.get("spec", {}).get("nodeName")
        and "deletionTimestamp" not in pod["metadata"]
        and any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", ()))
    ]
    pods.sort(key=lambda pod: (revision_of(pod) == rollout.target, pod["metadata"]["name"]))
    by_node = {pod["spec"]["nodeName"]: pod for pod in pods}
    found = [
        {"name": node, "revision": revision_of(pod), "ready": _is_ready(pod)} for node, pod in by_node.items()
    ]
    found.sort(key=lambda each: (each["ready"] and each["revision"] == rollout.target, each["name"]))
    return found[:MOST_NODES]


def _is_ready(pod: Obj) -> bool:
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in pod.get("status", {}).get("conditions", ())
    )
