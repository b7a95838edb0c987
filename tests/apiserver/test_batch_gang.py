"""Gangs and chosen indexes against a real API server and Job controller; the tests play the nodes."""

from __future__ import annotations

import pytest

from tests.apiserver.kube import Kube, Obj, now, wait
from tests.apiserver.test_batchjob import batchjob, ended, pods_of, running, stop_pods

pytestmark = pytest.mark.usefixtures("operator")
INDEX = "batch.kubernetes.io/job-completion-index"


def gang(**spec: object) -> Obj:
    return batchjob(nodes={"count": 3}, **spec)


def whole(kube: Kube, attempt: int) -> list[Obj]:
    """The pods of an attempt, once all are there."""
    return wait(
        lambda: len(it := kube.list("Pod", pods_of(attempt))) == 3 and it, f"three pods of attempt {attempt}"
    )


def of_index(pods: list[Obj], index: int) -> Obj:
    return next(pod for pod in pods if pod["metadata"]["labels"][INDEX] == str(index))


def end(kube: Kube, pod: Obj, code: int, **status: object) -> None:
    state = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": now(),
        "finishedAt": now(),
    }
    kube.set_pod(pod, "Failed" if code else "Succeeded", {"terminated": state}, **status)  # type: ignore[arg-type]


def test_a_gang_has_names_and_runs_when_all_of_it_does(kube: Kube) -> None:
    kube.create(gang())
    pods = whole(kube, 1)
    service = kube.get("Service", "import-nodes")
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert {(pod["spec"]["hostname"], pod["spec"]["subdomain"]) for pod in pods} == {
        (f"import-1-{index}", "import-nodes") for index in range(3)
    }
    for pod in pods[:2]:
        kube.set_pod(pod, "Running", {"running": {"startedAt": now()}}, ready=True)
    wait(lambda: kube.status("BatchJob", "import").get("phase") == "Starting", "phase Starting")
    kube.set_pod(pods[2], "Running", {"running": {"startedAt": now()}}, ready=True)
    wait(lambda: kube.status("BatchJob", "import")["phase"] == "Running", "phase Running")
    kube.end_pods(pods_of(1), 0)
    assert ended(kube, "Succeeded")["attempts"][0]["exitCode"] == 0


def test_a_failed_pod_ends_the_attempt_of_all_and_all_are_tried_again(kube: Kube) -> None:
    kube.create(gang(retry={"attempts": 2, "backoffSeconds": 0}))
    pods = whole(kube, 1)
    running(kube)
    end(kube, of_index(pods, 1), 9)
    wait(
        lambda: all(
            "deletionTimestamp" in pod["metadata"]
            for pod in kube.list("Pod", pods_of(1))
            if pod["metadata"]["name"] != of_index(pods, 1)["metadata"]["name"]
        ),
        "the others are stopped",
    )
    stop_pods_but(kube, of_index(pods, 1))
    whole(kube, 2)
    running(kube, 2)
    kube.end_pods(pods_of(2), 0)
    first, second = ended(kube, "Succeeded")["attempts"]
    assert (first["reason"], first["exitCode"], first["pod"], second["reason"]) == (
        "Error",
        9,
        of_index(pods, 1)["metadata"]["name"],
        "Succeeded",
    )


def stop_pods_but(kube: Kube, kept: Obj) -> None:
    """The nodes let go of what is being deleted, until only one pod of the first attempt is left."""

    def gone() -> bool:
        pods = kube.list("Pod", pods_of(1))
        for pod in pods:
            if "deletionTimestamp" in pod["metadata"]:
                kube.let_go(pod)
        return [pod["metadata"]["name"] for pod in pods] == [kept["metadata"]["name"]]

    wait(gone, "only the failed pod is left")


def test_an_evicted_pod_costs_no_attempt_although_it_is_gone_when_its_job_has_failed(kube: Kube) -> None:
    rules = [{"reasons": ["Evicted"], "action": "Retry"}]
    kube.create(gang(retry={"attempts": 1, "backoffSeconds": 0, "rules": rules}))
    pods = whole(kube, 1)
    running(kube)
    evicted = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "drained",
        "lastTransitionTime": now(),
    }
    kube.set_pod(of_index(pods, 2), "Running", {"running": {"startedAt": now()}}, conditions=[evicted])
    wait(
        lambda: kube.status("BatchJob", "import")["attempts"][0].get("reason") == "Evicted",
        "it is remembered",
    )
    kube.delete("Pod", of_index(pods, 2)["metadata"]["name"])
    stop_pods(kube, 1)
    whole(kube, 2)
    running(kube, 2)
    kube.end_pods(pods_of(2), 0)
    assert [(each["reason"], each["counted"]) for each in ended(kube, "Succeeded")["attempts"]] == [
        ("Evicted", False),
        ("Succeeded", True),
    ]


def test_a_service_of_somebody_else_is_left_alone(kube: Kube) -> None:
    foreign = {"ports": [{"port": 80}], "selector": {"app": "theirs"}}
    kube.create(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "import-nodes"}, "spec": foreign}
    )
    kube.create(gang())
    wait(lambda: kube.status("BatchJob", "import").get("reason") == "NameConflict", "the conflict")
    assert kube.get("Service", "import-nodes")["spec"]["selector"] == {"app": "theirs"}
    assert kube.list("Job") == []


def test_an_array_runs_the_indexes_that_are_wanted_and_no_others(kube: Kube) -> None:
    kube.create(batchjob(array={"size": 6, "indexes": "1,4-5"}))
    pods = wait(lambda: len(it := kube.list("Pod", pods_of(1))) == 3 and it, "three pods")
    assert {pod["metadata"]["labels"][INDEX] for pod in pods} == {"1", "4", "5"}
    wait(lambda: kube.status("BatchJob", "import").get("array", {}).get("running") == 3, "they run")
    end(kube, of_index(pods, 4), 1)
    for index in (1, 5):
        end(kube, of_index(pods, index), 0)
    status = ended(kube, "Failed")
    assert (status["done"], status["array"]["failedIndexes"]) == ("3/3", "4")
    assert kube.condition("BatchJob", "import", "Failed")["message"].startswith("1 of 3 indexes failed: 4.")
    assert len(kube.list("Pod", pods_of(1))) == 3


def test_suspended_an_array_of_some_indexes_goes_on_with_those_that_are_left(kube: Kube) -> None:
    kube.create(batchjob(array={"size": 6, "indexes": "1,4", "maxParallel": 1}))
    (first,) = wait(lambda: kube.list("Pod", pods_of(1)), "a pod")
    end(kube, first, 0)
    wait(lambda: kube.status("BatchJob", "import").get("done") == "1/2", "one is done")
    kube.patch("BatchJob", "import", {"spec": {"suspend": True}})
    wait(lambda: kube.get("Job", "import-1")["spec"]["suspend"], "it is stopped")
    kube.patch("BatchJob", "import", {"spec": {"suspend": False}})

    def last() -> list[Obj]:
        for pod in kube.list("Pod", pods_of(1)):
            if "deletionTimestamp" in pod["metadata"]:
                kube.let_go(pod)
        return [
            pod
            for pod in kube.list("Pod", pods_of(1))
            if pod["metadata"]["labels"][INDEX] == "4"
            and "deletionTimestamp" not in pod["metadata"]
            and not kube.get("Job", "import-1")["spec"]["suspend"]
        ]

    (left,) = wait(last, "the other index")
    end(kube, left, 0)
    assert ended(kube, "Succeeded")["array"] == {"succeeded": 2, "failed": 0, "running": 0, "pending": 0}


def test_indexes_that_make_no_sense_are_told_and_nothing_runs(kube: Kube) -> None:
    kube.create(batchjob(array={"size": 6, "indexes": "5-1"}))
    status = wait(
        lambda: (it := kube.status("BatchJob", "import")).get("reason") == "Invalid" and it, "the reason"
    )
    assert (
        "spec.array.indexes: 5-1 is no range: write the lower index first, 1-5"
        in status["waiting"]["message"]
    )
    assert kube.list("Job") == []


def test_an_array_is_done_by_its_success_policy(kube: Kube) -> None:
    kube.create(batchjob(array={"size": 4}, successPolicy={"succeededCount": 1}))
    pods = wait(lambda: len(it := kube.list("Pod", pods_of(1))) == 4 and it, "four pods")
    end(kube, of_index(pods, 2), 0)

    def over() -> bool:
        for pod in kube.list("Pod", pods_of(1)):
            if "deletionTimestamp" in pod["metadata"]:
                kube.let_go(pod)
        return kube.status("BatchJob", "import").get("phase") == "Succeeded"

    wait(over, "it has succeeded")
    assert kube.condition("BatchJob", "import", "Complete")["message"] == (
        "1 of 4 indexes have succeeded; successPolicy asks for 1. 0 failed, 3 were not needed any more"
    )


def test_more_memory_after_a_want_of_it(kube: Kube) -> None:
    kube.create(
        batchjob(retry={"attempts": 2, "backoffSeconds": 0}, memoryGrowth={"factor": 2, "max": "200Mi"})
    )
    running(kube)
    kube.end_pods(pods_of(1), 137, "OOMKilled")
    running(kube, 2)
    (pod,) = kube.list("Pod", pods_of(2))
    assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == "200Mi"
    message = "attempt 2 runs with 200Mi after OOM at 128Mi"
    assert kube.condition("BatchJob", "import", "Running")["message"] == message
    wait(lambda: message in [each["message"] for each in kube.list("Event")], "the event")
