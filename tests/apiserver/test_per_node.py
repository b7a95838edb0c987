"""One replica on each node, against a real API server and its DaemonSet controller; somebody plays the nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.kube import Kube, Obj, Refused, now, wait
from tests.apiserver.test_webapp import made, serve

pytestmark = pytest.mark.usefixtures("operator")
APP = "longshore.dev/webapp=shop"


@pytest.fixture
def nodes(kube: Kube) -> Iterator[list[str]]:
    """Two nodes that carry a label of this test's own."""
    names = [f"{kube.namespace}-{letter}"[-60:] for letter in "ab"]
    for name in names:
        metadata = {"name": name, "labels": {"example.com/site": kube.namespace}}
        kube.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    yield names
    for name in names:
        kube.delete("Node", name)


def spec(kube: Kube, **more: Any) -> Obj:
    placement = {"nodeLabels": {"example.com/site": kube.namespace}}
    return {"scaling": {"mode": "PerNode"}, "placement": placement} | more


def play(kube: Kube, revision: str | None = None, ready: bool = True) -> None:
    """The scheduler binds pods to their nodes, and the kubelets run those of one revision, or all."""
    for pod in kube.list("Pod", APP):
        try:
            play_one(kube, pod, revision, ready)
        except Refused as refused:
            if refused.status not in (404, 409):  # it was deleted meanwhile
                raise


def play_one(kube: Kube, pod: Obj, revision: str | None, ready: bool) -> None:
    metadata = pod["metadata"]
    if "deletionTimestamp" in metadata:
        kube.let_go(pod)
        return
    if "nodeName" not in pod["spec"] and metadata["ownerReferences"][0]["kind"] == "DaemonSet":
        term = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (node,) = term["nodeSelectorTerms"][0]["matchFields"][0]["values"]
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}}
        kube.request("POST", kube.path("Pod", metadata["name"], "binding"), binding | {"target": target})
    if revision not in (None, metadata["labels"]["longshore.dev/revision"]):
        return
    if ready:
        kube.set_pod(pod, "Running", {"running": {"startedAt": now()}}, ready=True)
        return
    ended = {"exitCode": 3, "reason": "Error", "startedAt": now(), "finishedAt": now()}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    kube.set_pod(pod, "Running", waiting, restarts=4, last_state={"terminated": ended})


def is_ready(kube: Kube) -> bool:
    play(kube)
    return kube.condition("WebApp", "shop", "Ready")["status"] == "True"


def told(kube: Kube, reason: str, seconds: float = 30, **how: Any) -> Obj:
    def look() -> Obj | None:
        play(kube, **how)
        found = kube.condition("WebApp", "shop", "Ready")
        return found if found["reason"] == reason else None

    return wait(look, f"the reason {reason}", seconds)  # type: ignore[return-value]


def test_it_runs_on_each_node_and_says_what_runs_where(kube: Kube, nodes: list[str]) -> None:
    made(kube, **spec(kube))
    wait(
        lambda: is_ready(kube) and kube.status("WebApp", "shop").get("ready") == "2/2", "it is ready on both"
    )
    status = kube.status("WebApp", "shop")
    revision = status["revision"]["current"]
    assert status["nodes"] == [{"name": name, "revision": revision, "ready": True} for name in nodes]
    assert status["ready"] == "2/2"
    assert kube.find("Deployment", "shop") is None
    kube.patch("WebApp", "shop", {"spec": {"suspend": True}})
    wait(lambda: kube.find("DaemonSet", "shop") is None, "no DaemonSet while suspended")
    kube.patch("WebApp", "shop", {"spec": {"suspend": False}})
    wait(lambda: is_ready(kube), "it is ready again")


def test_a_failed_rollout_goes_back_on_all_nodes(kube: Kube, nodes: list[str]) -> None:
    made(kube, **spec(kube, rollout={"progressDeadlineSeconds": 30}))
    wait(lambda: is_ready(kube), "it is ready")
    good = kube.status("WebApp", "shop")["revision"]["current"]
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:broken"}})
    bad = wait(lambda: kube.status("WebApp", "shop")["revision"].get("candidate"), "a candidate")
    message = told(kube, "RolledBack", 60, revision=bad, ready=False)["message"]
    assert message.startswith(f"revision {bad} failed: CrashLooping, the container ends with exit code 3")

    def restored() -> bool:
        play(kube, good)
        return f"; {good} is serving" in kube.condition("WebApp", "shop", "Ready")["message"]

    wait(restored, "the good one is serving")
    template = kube.get("DaemonSet", "shop")["spec"]["template"]
    assert template["metadata"]["labels"]["longshore.dev/revision"] == good
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:3"}})
    wait(lambda: is_ready(kube), "the next one is ready")


def test_a_change_of_mode_leaves_no_moment_without_replicas(kube: Kube, nodes: list[str]) -> None:
    made(kube, scaling={"minReplicas": 3})
    serve(kube)
    mode = {"mode": "PerNode", "minReplicas": None}
    kube.patch("WebApp", "shop", {"spec": spec(kube, scaling=mode)})
    wait(lambda: kube.find("DaemonSet", "shop"), "a DaemonSet")
    wait(lambda: "is being changed over" in kube.condition("WebApp", "shop", "Ready")["message"], "why")
    assert kube.get("Deployment", "shop")["spec"]["replicas"] == 3
    assert kube.condition("WebApp", "shop", "Available")["status"] == "True"
    wait(lambda: is_ready(kube) and kube.find("Deployment", "shop") is None, "the Deployment is gone")
    kube.patch("WebApp", "shop", {"spec": {"scaling": {"mode": "Replicas"}}})
    wait(lambda: kube.find("Deployment", "shop"), "a Deployment")
    assert kube.find("DaemonSet", "shop")
    wait(lambda: is_ready(kube) and kube.find("DaemonSet", "shop") is None, "the DaemonSet is gone")
