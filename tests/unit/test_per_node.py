"""One replica on each node: a DaemonSet, its rollouts and rollbacks, and the change from one mode to the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from longshore.webapp.decide import decide
from longshore.webapp.facts import Facts
from longshore.workload.decision import Decision, Delete

from tests.unit.facts import NOW, app_facts, at
from tests.unit.test_webapp_decide import applied, condition, deployment, remembered, revision

Obj = dict[str, Any]
PER_NODE: Obj = {"scaling": {"mode": "PerNode"}, "rollout": {"progressDeadlineSeconds": 60}}


def daemon_set(image: str, desired: int = 2, updated: int = 2, available: int = 2) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "shop", "uid": "ds1", "generation": 2},
        "spec": {"template": {"metadata": {"labels": {"longshore.dev/revision": revision(image)}}}},
        "status": {
            "observedGeneration": 2,
            "desiredNumberScheduled": desired,
            "currentNumberScheduled": desired,
            "updatedNumberScheduled": updated,
            "numberAvailable": available,
            "numberReady": available,
        },
    }


def pod_on(node: str, image: str, ready: bool = True, since: float = -60, crashing: bool = False) -> Obj:
    state: Obj = {"running": {"startedAt": at(since)}}
    last = {"terminated": {"exitCode": 3, "reason": "Error"}} if crashing else {}
    if crashing:
        state = {"waiting": {"reason": "CrashLoopBackOff"}}
    told = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": at(since)}
    container = {"name": "app", "image": image, "ready": ready, "state": state, "lastState": last}
    return {
        "metadata": {
            "name": f"shop-{node}-{image}",
            "uid": f"{node}{image}",
            "creationTimestamp": at(since),
            "labels": {"longshore.dev/revision": revision(image)},
            "ownerReferences": [{"kind": "DaemonSet", "uid": "ds1"}],
        },
        "spec": {"nodeName": node, "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "conditions": [told], "containerStatuses": [container]},
    }


def rolling(image: str = "shop:2", since: float = -30, **more: Any) -> Facts:
    """shop:1 was good on each node, and this image is being rolled out since so many seconds."""
    known = {"lastGood": revision("shop:1"), "candidate": revision(image), "since": at(since)}
    return app_facts(
        {"image": image} | PER_NODE, 2, {"revision": known},
        revisions=[remembered("shop:1", 1), remembered(image, 2)],
        **({"daemon_set": daemon_set(image, 2, 1, 1)} | more),
    )  # fmt: skip


def deleted(decision: Decision) -> list[str]:
    return [step.ref.kind for step in decision.steps if isinstance(step, Delete)]


def image_of(decision: Decision) -> str:
    (body,) = applied(decision, "DaemonSet")
    return str(body["spec"]["template"]["spec"]["containers"][0]["image"])


def test_there_is_a_daemon_set_and_no_deployment() -> None:
    decision = decide(app_facts(PER_NODE), NOW)
    (body,) = applied(decision, "DaemonSet")
    assert applied(decision, "Deployment") == []
    assert body["spec"]["selector"] == {"matchLabels": {"longshore.dev/webapp": "shop"}}
    assert "topologySpreadConstraints" not in body["spec"]["template"]["spec"]
    assert condition(decision, "Scaling")["message"] == "one replica on each node that placement selects"


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        ({}, {"maxSurge": "25%", "maxUnavailable": 0}),
        ({"maxUnavailable": 2}, {"maxSurge": 0, "maxUnavailable": 2}),
        ({"strategy": "Recreate"}, {"maxSurge": 0, "maxUnavailable": "100%"}),
    ],
    ids=["by a surge", "with some missing", "all at once"],
)
def test_how_it_is_rolled_out(rollout: Obj, expected: Obj) -> None:
    (body,) = applied(decide(app_facts(PER_NODE | {"rollout": rollout}), NOW), "DaemonSet")
    assert body["spec"]["updateStrategy"]["rollingUpdate"] == expected


def test_it_is_ready_when_each_node_has_the_revision() -> None:
    pods = [pod_on("a", "shop:1"), pod_on("b", "shop:1")]
    facts = app_facts(
        PER_NODE, daemon_set=daemon_set("shop:1"), revisions=[remembered("shop:1", 1)], pods=pods
    )
    decision = decide(facts, NOW)
    assert condition(decision, "Ready")["status"] == "True"
    assert condition(decision, "Available")["message"] == "2 of 2 nodes answer"
    assert decision.status is not None
    assert decision.status["ready"] == "2/2"
    assert decision.again_in_seconds is None


def test_without_a_node_that_fits_it_says_so() -> None:
    decision = decide(app_facts(PER_NODE, daemon_set=daemon_set("shop:1", 0, 0, 0)), NOW)
    assert condition(decision, "Available")["reason"] == "NoNodes"


def test_what_runs_where_is_told_laggards_first_and_no_more_than_twenty() -> None:
    pods = [pod_on(f"n{number:02}", "shop:2") for number in range(25)]
    pods += [pod_on("z-old", "shop:1"), pod_on("y-new", "shop:1"), pod_on("y-new", "shop:2", ready=False)]
    decision = decide(rolling(pods=pods), NOW)
    assert decision.status is not None
    nodes = decision.status["nodes"]
    assert len(nodes) == 20
    assert nodes[:2] == [
        {"name": "y-new", "revision": revision("shop:2"), "ready": False},
        {"name": "z-old", "revision": revision("shop:1"), "ready": True},
    ]


def test_the_begin_of_a_rollout_is_kept_and_the_deadline_looked_at_when_it_comes() -> None:
    decision = decide(rolling(since=-30), NOW)
    assert decision.status is not None
    assert decision.status["revision"]["since"] == at(-30)
    assert decision.again_in_seconds == 30
    assert condition(decision, "Progressing")["reason"] == "RollingOut"


def test_a_pod_that_fails_past_the_deadline_takes_all_back() -> None:
    pods = [pod_on("a", "shop:2", ready=False, crashing=True), pod_on("b", "shop:1")]
    late = decide(rolling(since=-61, pods=pods), NOW)
    assert image_of(late) == "shop:1"
    assert condition(late, "Ready")["reason"] == "RolledBack"
    assert "CrashLooping" in condition(late, "Ready")["message"]
    early = decide(rolling(since=-59, pods=pods), NOW)
    assert image_of(early) == "shop:2"


def test_progress_moves_the_deadline() -> None:
    pods = [pod_on("a", "shop:2", since=-20), pod_on("b", "shop:2", ready=False, crashing=True)]
    facts = rolling(since=-300, pods=pods)
    assert image_of(decide(facts, NOW)) == "shop:2"
    assert image_of(decide(facts, NOW + timedelta(seconds=40))) == "shop:1"


def test_a_node_that_is_away_does_not_take_all_back() -> None:
    away = pod_on("b", "shop:1", ready=False)
    decision = decide(rolling(since=-900, pods=[pod_on("a", "shop:2", since=-800), away]), NOW)
    assert image_of(decision) == "shop:2"
    assert condition(decision, "Available")["status"] == "True"


def test_one_that_none_of_the_nodes_gets_ready_is_taken_back_without_a_reason() -> None:
    pods = [pod_on("a", "shop:2", ready=False)]
    decision = decide(rolling(since=-61, daemon_set=daemon_set("shop:2", 2, 1, 1), pods=pods), NOW)
    assert image_of(decision) == "shop:1"
    assert "no progress in 60 s" in condition(decision, "Ready")["message"]


GOOD = {"revision": {"lastGood": revision("shop:1")}}


def test_a_deployment_serves_until_each_node_has_its_replica() -> None:
    known = [remembered("shop:1", 1)]
    starting = decide(
        app_facts(
            PER_NODE, 2, GOOD, deployment=deployment("shop:1", 3, 3),
            daemon_set=daemon_set("shop:1", 2, 2, 1), revisions=known,
        ),
        NOW,
    )  # fmt: skip
    assert deleted(starting) == []
    assert applied(starting, "Deployment") == []
    assert condition(starting, "Available")["status"] == "True"
    assert "is being changed over to one replica on each node" in condition(starting, "Ready")["message"]
    done = decide(
        app_facts(
            PER_NODE, 2, GOOD, deployment=deployment("shop:1", 3, 3),
            daemon_set=daemon_set("shop:1"), revisions=known,
        ),
        NOW,
    )  # fmt: skip
    assert deleted(done) == ["Deployment"]
    assert condition(done, "Ready")["status"] == "True"


def test_and_the_other_way_round() -> None:
    known = [remembered("shop:1", 1)]
    starting = decide(app_facts({}, 2, GOOD, daemon_set=daemon_set("shop:1"), revisions=known), NOW)
    assert (deleted(starting), len(applied(starting, "Deployment"))) == ([], 1)
    live = deployment("shop:1")
    done = decide(
        app_facts({}, 2, GOOD, deployment=live, daemon_set=daemon_set("shop:1"), revisions=known), NOW
    )
    assert deleted(done) == ["DaemonSet"]


def test_suspended_there_is_none_and_it_comes_back() -> None:
    known = [remembered("shop:1", 1)]
    spec = PER_NODE | {"suspend": True}
    held = decide(app_facts(spec, 2, GOOD, daemon_set=daemon_set("shop:1"), revisions=known), NOW)
    assert (deleted(held), applied(held, "DaemonSet")) == (["DaemonSet"], [])
    assert condition(held, "Ready")["reason"] == "Suspended"
    assert image_of(decide(app_facts(PER_NODE, 3, GOOD, revisions=known), NOW)) == "shop:1"
