"""A user tries a new image on a part of the requests while people use the app: once it goes through, once it doesn't."""

from __future__ import annotations

from typing import Any

from tests.e2e.cluster import Cluster, Obj, condition, is_observed, is_ready
from tests.e2e.objects import IMAGE, web_app
from tests.e2e.traffic import traffic

PER_SECOND = 50
STEPS = [{"weight": 33, "pauseSeconds": 3}, {"weight": 50, "approval": True}]


def _canary(**analysis: Any) -> Obj:
    steps = {"steps": STEPS} | ({"analysis": analysis} if analysis else {})
    rollout = {"strategy": "Canary", "canary": steps, "progressDeadlineSeconds": 60}
    return {"scaling": {"minReplicas": 2}, "rollout": rollout, "drainSeconds": 5}


def _awaits_approval(app: Obj) -> bool:
    return is_observed(app) and condition(app, "Ready")["reason"] == "AwaitingApproval"


def _rolled_back(app: Obj) -> bool:
    return is_observed(app) and condition(app, "Ready")["reason"] == "RolledBack"


def test_no_request_fails_while_a_canary_goes_by_its_steps_and_is_approved(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", **_canary()))
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    with traffic(namespace, "shop", PER_SECOND) as seen:
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:v2"})
        told = namespace.wait("WebApp", "shop", _awaits_approval, "waits for approval", 90)
        assert told["status"]["rollout"]["message"] == (
            "step 2 of 2: 50 % of requests, waits for approval: longshore approve shop"
        )
        assert condition(told, "Available")["status"] == "True"
        approved = namespace.longshore("approve", "shop")
        assert approved.exit_code == 0, approved.output
        last = namespace.wait("WebApp", "shop", is_ready, "serves v2 with all replicas", 90)
        namespace.wait_gone("Deployment", "shop-canary")
    assert seen.errors == ()
    assert seen.failed == 0
    assert seen.answers is not None
    assert seen.answers.keys() == {"version v1", "version v2"}
    assert seen.sent > PER_SECOND * seen.seconds * 0.9, "the load itself was too slow"
    revisions = [(each["image"], each["state"]) for each in last["status"]["revisions"]]
    assert revisions == [(f"{IMAGE}:v2", "Good"), (f"{IMAGE}:v1", "Good")]
    assert "rollout" not in last["status"]
    assert namespace.fetch("shop") == "version v2\n"


def test_no_request_fails_while_a_canary_crashes_and_another_is_given_up(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", **_canary(maxRestarts=0)))
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    with traffic(namespace, "shop", PER_SECOND) as seen:
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:broken"})
        crashed = namespace.wait("WebApp", "shop", _rolled_back, "gives the broken image up", 90)
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:v2"})
        namespace.wait("WebApp", "shop", _awaits_approval, "waits for approval", 90)
        assert namespace.longshore("abort", "shop", "--reason", "wrong colours").exit_code == 0
        aborted = namespace.wait("WebApp", "shop", _rolled_back, "gives v2 up", 60)
        namespace.wait_gone("Deployment", "shop-canary")
    assert seen.errors == ()
    assert seen.failed == 0
    assert seen.answers is not None
    assert seen.answers.keys() == {"version v1", "version v2"}
    assert seen.sent > PER_SECOND * seen.seconds * 0.9, "the load itself was too slow"
    message = condition(crashed, "Ready")["message"]
    assert "CrashLooping, at step 1 of 2 its containers restarted more often than" in message
    assert "exit code 3" in message
    assert (
        "Aborted, at step 2 of 2 somebody gave it up: wrong colours" in condition(aborted, "Ready")["message"]
    )
    for app in (crashed, aborted):
        assert condition(app, "Available")["status"] == "True"
        assert app["status"]["rollout"]["phase"] == "Aborted"
    assert namespace.fetch("shop") == "version v1\n"
