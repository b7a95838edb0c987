"""A WebApp's life against a real API server: made, changed, mended, refused, rolled back, stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.apiserver.kube import Kube, Obj, now, wait
from tests.apiserver.operator import OperatorProcess

pytestmark = pytest.mark.usefixtures("operator")


def webapp(name: str, **spec: Any) -> Obj:
    body = {"image": "shop:1", "size": "Nano"} | spec
    return {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "WebApp",
        "metadata": {"name": name},
        "spec": body,
    }


FULL = {
    "env": [{"name": "MODE", "value": "live"}],
    "files": [{"path": "/etc/shop.conf", "content": "a = 1"}],
    "scaling": {"minReplicas": 2, "maxReplicas": 5},
    "labels": {"team": "shop"},
    "network": {"allowFrom": "Namespace", "egress": [{"cidr": "10.0.0.0/8", "ports": [{"port": 5432}]}]},
}


def made(kube: Kube, name: str = "shop", **spec: Any) -> Obj:
    """A WebApp whose status speaks of it."""
    kube.create(webapp(name, **spec))
    wait(lambda: kube.condition("WebApp", name, "Ready")["status"], "a first status")
    return kube.get("WebApp", name)


def serve(kube: Kube, name: str = "shop") -> None:
    """Pods of the newest revision run; those of others have gone, as with nodes."""

    def rolled_out() -> bool:
        deployment = kube.get("Deployment", name)
        revision = deployment["spec"]["template"]["metadata"]["labels"]["longshore.dev/revision"]
        for pod in kube.list("Pod", f"longshore.dev/webapp={name}"):
            if "deletionTimestamp" in pod["metadata"]:
                kube.let_go(pod)
        kube.run_pods(f"longshore.dev/webapp={name},longshore.dev/revision={revision}")
        return kube.condition("WebApp", name, "Progressing")["reason"] == "Complete"

    wait(rolled_out, "the rollout is complete")


def test_creating_one_makes_all_children_and_says_so(kube: Kube) -> None:
    app = made(kube, **FULL)
    uid = app["metadata"]["uid"]
    children = {
        "Deployment": "shop",
        "Service": "shop",
        "HorizontalPodAutoscaler": "shop",
        "NetworkPolicy": "shop",
        "PodDisruptionBudget": "shop",
        "ServiceAccount": "shop-webapp",
    }
    for kind, name in children.items():
        child = kube.get(kind, name)
        owner = child["metadata"]["ownerReferences"][0]
        assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (uid, True, True)
        assert child["metadata"]["labels"]["team"] == "shop"
    assert app["status"]["url"] == f"http://shop.{kube.namespace}.svc"
    assert kube.condition("WebApp", "shop", "Ready")["reason"] == "RollingOut"
    serve(kube)
    assert kube.condition("WebApp", "shop", "Ready")["status"] == "True"
    assert kube.status("WebApp", "shop")["ready"] == "2/2"


def test_a_new_image_is_rolled_out_as_a_new_revision(kube: Kube) -> None:
    made(kube)
    serve(kube)
    first = kube.status("WebApp", "shop")["revision"]["lastGood"]
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:2"}})
    wait(
        lambda: kube.status("WebApp", "shop")["revision"].get("candidate") not in (None, first), "a candidate"
    )
    serve(kube)
    revisions = kube.status("WebApp", "shop")["revisions"]
    assert [(each["image"], each["state"]) for each in revisions] == [("shop:2", "Good"), ("shop:1", "Good")]


DRIFTS: dict[str, tuple[str, Obj]] = {
    "image": (
        "Deployment",
        {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "evil:1"}]}}}},
    ),
    "replicas": ("Deployment", {"spec": {"replicas": 7}}),
    "deadline": ("Deployment", {"spec": {"progressDeadlineSeconds": 17}}),
    "history": ("Deployment", {"spec": {"revisionHistoryLimit": 1}}),
    "strategy": ("Deployment", {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 3}}}}),
    "label": ("Deployment", {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}),
    "owner": ("Deployment", {"metadata": {"ownerReferences": []}}),
    "port": ("Service", {"spec": {"ports": [{"name": "http", "port": 81, "targetPort": 81}]}}),
    "selector": ("Service", {"spec": {"selector": {"app": "other"}}}),
    "network": ("NetworkPolicy", {"spec": {"ingress": [{}]}}),
    "budget": ("PodDisruptionBudget", {"spec": {"maxUnavailable": 2}}),
    "token": ("ServiceAccount", {"automountServiceAccountToken": True}),
    "file": ("ConfigMap", {"data": None}),
}


@pytest.mark.parametrize("what", DRIFTS)
def test_what_somebody_else_changed_is_put_back(kube: Kube, what: str) -> None:
    made(kube, files=FULL["files"], scaling={"minReplicas": 2}, network=FULL["network"])
    kind, change = DRIFTS[what]
    names = {"ServiceAccount": "shop-webapp", "ConfigMap": ""}
    name = names.get(kind, "shop") or next(
        each["metadata"]["name"] for each in kube.list("ConfigMap", "longshore.dev/webapp=shop")
    )
    before = wanted(kube.get(kind, name))
    if what == "image":
        change = {"spec": kube.get("Deployment", "shop")["spec"]}
        change["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"
    kube.patch(kind, name, change)
    wait(lambda: wanted(kube.get(kind, name)) == before, f"{what} is as it was")


def wanted(obj: Obj) -> Obj:
    """An object without what moves by itself."""
    metadata = {key: obj["metadata"].get(key) for key in ("labels", "ownerReferences")}
    return {"metadata": metadata} | {
        key: obj[key] for key in ("spec", "data", "automountServiceAccountToken") if key in obj
    }


def test_what_others_added_stays(kube: Kube) -> None:
    made(kube)
    kube.patch("Deployment", "shop", {"metadata": {"annotations": {"example.com/note": "mine"}}})
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:2"}})
    wait(
        lambda: (
            kube.get("Deployment", "shop")["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:2"
        ),
        "the new image",
    )
    assert kube.get("Deployment", "shop")["metadata"]["annotations"]["example.com/note"] == "mine"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Deployment", "shop"),
        ("Service", "shop"),
        ("HorizontalPodAutoscaler", "shop"),
        ("NetworkPolicy", "shop"),
        ("PodDisruptionBudget", "shop"),
        ("ServiceAccount", "shop-webapp"),
    ],
)
def test_a_deleted_child_comes_back(kube: Kube, kind: str, name: str) -> None:
    made(kube, **FULL)
    before = kube.get(kind, name)["metadata"]["uid"]
    kube.delete(kind, name)
    wait(lambda: (kube.find(kind, name) or before_of(before))["metadata"]["uid"] != before, f"another {kind}")


def before_of(uid: str) -> Obj:
    return {"metadata": {"uid": uid}}


def test_what_is_no_longer_wanted_goes_and_what_others_added_stays(kube: Kube) -> None:
    children = {
        "Service": "shop",
        "ServiceAccount": "shop-webapp",
        "PodDisruptionBudget": "shop",
        "HorizontalPodAutoscaler": "shop",
    }

    def labels(kind: str) -> dict[str, str]:
        labels: dict[str, str] = kube.get(kind, children[kind])["metadata"]["labels"]
        return {key: value for key, value in labels.items() if key in ("team", "floor", "theirs")}

    made(kube, **FULL | {"labels": {"team": "shop", "floor": "2"}})
    for kind, name in children.items():
        kube.patch(kind, name, {"metadata": {"labels": {"theirs": "yes"}}})
    for spec, left in (({"floor": None}, {"team": "shop"}), ({"team": None, "floor": None}, {})):
        kube.patch("WebApp", "shop", {"spec": {"labels": spec}})
        for kind in children:
            wait(
                lambda kind=kind, left=left: labels(kind) == left | {"theirs": "yes"},
                f"only {left} and theirs on the {kind}",
            )


FOREIGN: dict[str, Obj] = {
    "Service": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop"},
        "spec": {"ports": [{"port": 80}]},
    },
    "ServiceAccount": {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop-webapp"}},
    "Deployment": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "app", "image": "theirs:1"}]},
            },
        },
    },
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_object_of_the_same_name_is_left_alone_until_it_goes(kube: Kube, kind: str) -> None:
    foreign = kube.create(FOREIGN[kind])
    name = foreign["metadata"]["name"]
    kube.create(webapp("shop"))
    told = wait(
        lambda: (found := kube.condition("WebApp", "shop", "Ready"))["reason"] == "NameConflict" and found,
        "the conflict is told",
    )
    assert f"a {kind} {name} exists and was not made for this object; it is left alone" in told["message"]
    untouched = kube.get(kind, name)
    assert "ownerReferences" not in untouched["metadata"]
    assert all(each["manager"] != "longshore" for each in untouched["metadata"].get("managedFields", ()))
    kube.delete(kind, name)
    kube.patch("WebApp", "shop", {"metadata": {"annotations": {"example.com/again": "yes"}}})
    wait(lambda: kube.condition("WebApp", "shop", "Ready")["reason"] == "RollingOut", "it goes on")


def test_a_switch_to_autoscaling_keeps_the_replicas_that_run(kube: Kube) -> None:
    made(kube, scaling={"minReplicas": 4})
    wait(lambda: kube.get("Deployment", "shop")["spec"]["replicas"] == 4, "four replicas")
    kube.patch("WebApp", "shop", {"spec": {"scaling": {"minReplicas": 2, "maxReplicas": 6}}})
    wait(lambda: kube.find("HorizontalPodAutoscaler", "shop"), "an autoscaler")
    wait(lambda: kube.condition("WebApp", "shop", "Scaling")["reason"] == "Autoscaled", "it scales")
    deployment = kube.get("Deployment", "shop")
    assert deployment["spec"]["replicas"] == 4
    ours = [each for each in deployment["metadata"]["managedFields"] if each["manager"] == "longshore"]
    assert all("f:replicas" not in each["fieldsV1"].get("f:spec", {}) for each in ours)
    kube.patch("WebApp", "shop", {"spec": {"scaling": {"minReplicas": 3, "maxReplicas": None}}})
    wait(lambda: kube.get("Deployment", "shop")["spec"]["replicas"] == 3, "three replicas, held")
    assert wait(lambda: kube.find("HorizontalPodAutoscaler", "shop") is None, "no autoscaler")


def test_a_schedule_moves_the_replicas_at_its_time_and_nothing_is_written_before(
    kube: Kube, operator: OperatorProcess
) -> None:
    begin = datetime.now(UTC) + timedelta(seconds=80)
    schedule = {
        "name": "rush",
        "cron": f"{begin.minute} {begin.hour} * * *",
        "durationSeconds": 3600,
        "minReplicas": 3,
    }
    made(kube, scaling={"minReplicas": 1, "schedules": [schedule]})
    serve(kube)
    operator.mark()
    start = begin.replace(second=0, microsecond=0)
    wait(lambda: kube.get("Deployment", "shop")["spec"]["replicas"] == 3, "three replicas", 90)
    assert start <= datetime.now(UTC) < start + timedelta(seconds=30)
    wait(
        lambda: kube.condition("WebApp", "shop", "Scaling")["message"] == "3 replicas, by schedule rush",
        "the status says why",
    )
    assert sorted(each for each in operator.writes(kube.namespace) if "webapps" not in each) == [
        "create poddisruptionbudgets shop",
        "patch deployments shop",
    ]
    assert kube.condition("WebApp", "shop", "Ready")["status"] == "True"


def test_suspend_stops_all_replicas_and_keeps_the_rest(kube: Kube) -> None:
    made(kube, **FULL)
    kube.patch("WebApp", "shop", {"spec": {"suspend": True}})
    wait(lambda: kube.get("Deployment", "shop")["spec"]["replicas"] == 0, "no replicas")
    told = wait(
        lambda: (it := kube.condition("WebApp", "shop", "Ready"))["reason"] == "Suspended" and it,
        "the reason",
    )
    assert told["message"] == "suspended: set spec.suspend to false to start again"
    assert kube.find("Service", "shop")
    kube.patch("WebApp", "shop", {"spec": {"suspend": False}})
    wait(lambda: kube.get("Deployment", "shop")["spec"]["replicas"] == 2, "two replicas again")


def test_an_account_must_be_offered_before_an_app_may_use_it(kube: Kube) -> None:
    kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cloud"}})
    kube.create(webapp("shop", serviceAccountName="cloud"))
    told = wait(
        lambda: (
            (it := kube.condition("WebApp", "shop", "Ready"))["reason"] == "ServiceAccountNotAllowed" and it
        ),
        "the reason",
    )
    assert (
        f"kubectl label serviceaccount -n {kube.namespace} cloud longshore.dev/allow=true" in told["message"]
    )
    assert kube.find("Deployment", "shop") is None
    kube.patch("ServiceAccount", "cloud", {"metadata": {"labels": {"longshore.dev/allow": "true"}}})
    deployment = wait(lambda: kube.find("Deployment", "shop"), "the Deployment")
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "cloud"


def test_a_quota_that_is_used_up_is_told(kube: Kube) -> None:
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"services": "0"}}}
    kube.create({"apiVersion": "v1", "kind": "ResourceQuota"} | quota)
    wait(lambda: kube.get("ResourceQuota", "few").get("status", {}).get("hard"), "the quota is in force")
    kube.create(webapp("shop"))
    told = wait(
        lambda: (it := kube.condition("WebApp", "shop", "Ready"))["reason"] == "QuotaExceeded" and it,
        "the reason",
    )
    assert "exceeded quota: few" in told["message"]


def test_the_annotation_stops_the_operator_and_says_so(kube: Kube) -> None:
    made(kube)
    kube.patch("WebApp", "shop", {"metadata": {"annotations": {"longshore.dev/reconcile": "disabled"}}})
    wait(lambda: kube.condition("WebApp", "shop", "Ready")["reason"] == "ReconcileDisabled", "the reason")
    kube.delete("Service", "shop")
    kube.patch("WebApp", "shop", {"metadata": {"annotations": {"longshore.dev/reconcile": None}}})
    wait(lambda: kube.find("Service", "shop"), "the Service again")


def test_a_failed_rollout_goes_back_is_not_tried_again_and_a_new_spec_is(kube: Kube) -> None:
    made(kube, rollout={"progressDeadlineSeconds": 30})
    serve(kube)
    good = kube.status("WebApp", "shop")["revision"]["lastGood"]
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:broken"}})
    bad = wait(lambda: kube.status("WebApp", "shop")["revision"].get("candidate"), "a candidate")
    selector = f"longshore.dev/webapp=shop,longshore.dev/revision={bad}"
    wait(lambda: kube.list("Pod", selector), "its pod")
    ended = {"exitCode": 3, "reason": "Error", "startedAt": now(), "finishedAt": now()}
    for pod in kube.list("Pod", selector):
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
        kube.set_pod(pod, "Running", waiting, restarts=4, last_state={"terminated": ended})
    wait(
        lambda: kube.condition("WebApp", "shop", "Ready")["reason"] == "CrashLooping",
        "the failure is told before the deadline",
    )
    told = wait(
        lambda: (it := kube.condition("WebApp", "shop", "Progressing"))["reason"] == "RolledBack" and it,
        "it goes back",
        60,
    )
    assert told["message"].startswith(
        f"revision {bad} failed: CrashLooping, the container ends with exit code 3, 4 restarts."
    )
    assert told["message"].endswith(f"; {good} is serving; change the spec to try again")
    wait(
        lambda: (
            kube.get("Deployment", "shop")["spec"]["template"]["metadata"]["labels"]["longshore.dev/revision"]
            == good
        ),
        "old template",
    )
    assert kube.get("WebApp", "shop")["spec"]["image"] == "shop:broken"
    assert kube.condition("WebApp", "shop", "Ready")["status"] == "False"
    assert kube.condition("WebApp", "shop", "Available")["status"] == "True"
    events = [
        each
        for each in kube.list("Event")
        if each["involvedObject"]["name"] == "shop" and each["reason"] == "RolledBack"
    ]
    assert len(events) == 1
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:3"}})
    wait(
        lambda: kube.status("WebApp", "shop")["revision"].get("candidate") not in (None, bad),
        "the next candidate",
    )
    serve(kube)
    states = {each["image"]: each["state"] for each in kube.status("WebApp", "shop")["revisions"]}
    assert states == {"shop:1": "Good", "shop:broken": "Failed", "shop:3": "Good"}


def test_deleting_one_leaves_nothing(kube: Kube, operator: OperatorProcess) -> None:
    made(kube, **FULL)
    kube.delete("WebApp", "shop")
    kinds = (
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ControllerRevision",
        "Pod",
    )
    wait(lambda: not [kind for kind in kinds if kube.list(kind)], "nothing is left")
    wait(lambda: kube.find("ServiceAccount", "shop-webapp") is None, "its account is gone")
