"""A BatchJob's life against a real API server and Job controller; the tests play the nodes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.kube import Kube, Obj, now, wait
from tests.apiserver.operator import OperatorProcess

pytestmark = pytest.mark.usefixtures("operator")


def batchjob(name: str = "import", **spec: Any) -> Obj:
    body = {"image": "import:1", "size": "Nano"} | spec
    return {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "BatchJob",
        "metadata": {"name": name},
        "spec": body,
    }


def pods_of(attempt: int) -> str:
    return f"longshore.dev/batchjob=import,longshore.dev/attempt={attempt}"


def running(kube: Kube, attempt: int = 1) -> None:
    wait(lambda: kube.list("Pod", pods_of(attempt)), f"a pod of attempt {attempt}")
    kube.run_pods(pods_of(attempt))
    wait(lambda: kube.status("BatchJob", "import").get("phase") == "Running", "phase Running")


def ended(kube: Kube, phase: str) -> Obj:
    status = wait(
        lambda: (it := kube.status("BatchJob", "import")).get("phase") == phase and it, f"phase {phase}"
    )
    assert "finishedAt" in status
    return status


def test_one_attempt_that_succeeds(kube: Kube) -> None:
    kube.create(batchjob())
    running(kube)
    kube.end_pods(pods_of(1), 0)
    status = ended(kube, "Succeeded")
    (attempt,) = status["attempts"]
    assert (attempt["number"], attempt["job"], attempt["exitCode"], attempt["reason"]) == (
        1,
        "import-1",
        0,
        "Succeeded",
    )
    assert attempt["memory"] == "128Mi"
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Admitted": "True",
        "Running": "False",
        "Complete": "True",
        "Failed": "False",
    }


def test_a_failure_is_retried_after_a_pause_and_the_last_one_ends_it(kube: Kube) -> None:
    kube.create(batchjob(retry={"attempts": 2, "backoffSeconds": 1}))
    running(kube)
    kube.end_pods(pods_of(1), 7)
    running(kube, 2)
    kube.end_pods(pods_of(2), 8)
    status = ended(kube, "Failed")
    assert [(each["number"], each["exitCode"], each["reason"]) for each in status["attempts"]] == [
        (1, 7, "Error"),
        (2, 8, "Error"),
    ]
    told = kube.condition("BatchJob", "import", "Failed")
    assert told["message"].startswith("attempt 2 failed: the container ended with exit code 8")
    assert told["message"].endswith("attempt 2 of 2 was the last")


def test_a_rule_ends_it_at_once(kube: Kube) -> None:
    kube.create(batchjob(retry={"attempts": 5, "rules": [{"exitCodes": [3], "action": "Fail"}]}))
    running(kube)
    kube.end_pods(pods_of(1), 3)
    assert len(ended(kube, "Failed")["attempts"]) == 1
    assert kube.condition("BatchJob", "import", "Failed")["message"].endswith(
        "a retry rule says Fail to exit code 3"
    )


def test_a_lost_node_costs_no_attempt_where_a_rule_says_so(kube: Kube) -> None:
    kube.create(
        batchjob(
            retry={
                "attempts": 1,
                "backoffSeconds": 0,
                "rules": [{"reasons": ["NodeLost"], "action": "Retry"}],
            }
        )
    )
    running(kube)
    lost = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByPodGC",
        "message": "node gone",
        "lastTransitionTime": now(),
    }
    kube.end_pods(pods_of(1), 137, conditions=[lost])
    running(kube, 2)
    kube.end_pods(pods_of(2), 0)
    status = ended(kube, "Succeeded")
    assert [(each["reason"], each["counted"]) for each in status["attempts"]] == [
        ("NodeLost", False),
        ("Succeeded", True),
    ]


def test_out_of_memory_is_told_with_the_limit(kube: Kube) -> None:
    kube.create(batchjob())
    running(kube)
    kube.end_pods(pods_of(1), 137, "OOMKilled")
    status = ended(kube, "Failed")
    assert (status["reason"], status["attempts"][0]["exitCode"]) == ("OOMKilled", 137)
    assert "more memory than its limit of 128Mi" in status["attempts"][0]["message"]


def test_held_before_it_starts_then_let_go(kube: Kube) -> None:
    kube.create(batchjob(suspend=True))
    status = wait(lambda: (it := kube.status("BatchJob", "import")).get("waiting") and it, "why it waits")
    assert (status["phase"], status["waiting"]["reason"]) == ("Runnable", "Suspended")
    assert status["waiting"]["message"] == "suspended: set spec.suspend to false to go on"
    assert kube.list("Job") == []
    kube.patch("BatchJob", "import", {"spec": {"suspend": False}})
    running(kube)


def test_stopped_while_it_runs_it_resumes_as_a_new_attempt(kube: Kube) -> None:
    kube.create(batchjob())
    running(kube)
    kube.patch("BatchJob", "import", {"spec": {"suspend": True}})
    stop_pods(kube, 1)
    wait(lambda: kube.status("BatchJob", "import").get("phase") == "Runnable", "phase Runnable")
    attempt = wait(
        lambda: (it := kube.status("BatchJob", "import")["attempts"][0]).get("finishedAt") and it, "its end"
    )
    assert (attempt["reason"], attempt["counted"]) == ("Suspended", False)
    kube.patch("BatchJob", "import", {"spec": {"suspend": False}})
    running(kube, 2)
    kube.end_pods(pods_of(2), 0)
    ended(kube, "Succeeded")


def test_cancelled_with_a_reason(kube: Kube) -> None:
    kube.create(batchjob())
    running(kube)
    kube.patch("BatchJob", "import", {"spec": {"cancel": {"reason": "wrong input"}}})
    stop_pods(kube, 1)
    assert ended(kube, "Failed")["reason"] == "Cancelled"
    assert kube.condition("BatchJob", "import", "Failed")["message"] == "cancelled: wrong input"


def stop_pods(kube: Kube, attempt: int) -> None:
    """The nodes let go of pods that are being deleted."""

    def gone() -> bool:
        pods = kube.list("Pod", pods_of(attempt))
        for pod in pods:
            if "deletionTimestamp" in pod["metadata"]:
                kube.let_go(pod)
        return not pods

    wait(gone, "its pods are gone")


def test_the_total_timeout_ends_it(kube: Kube) -> None:
    kube.create(batchjob(timeouts={"totalSeconds": 2}))
    wait(lambda: kube.list("Pod", pods_of(1)), "a pod")
    wait(lambda: kube.get("Job", "import-1")["spec"].get("suspend"), "the attempt is stopped")
    stop_pods(kube, 1)
    assert ended(kube, "Failed")["reason"] == "TotalTimeout"


def test_the_attempt_timeout_ends_the_attempt(kube: Kube) -> None:
    kube.create(batchjob(timeouts={"attemptSeconds": 1}))
    wait(lambda: kube.list("Pod", pods_of(1)), "a pod")
    stop_pods(kube, 1)
    status = ended(kube, "Failed")
    assert status["attempts"][0]["reason"] == "Timeout"
    assert status["attempts"][0]["message"] == "the attempt ran longer than timeouts.attemptSeconds, 1 s"


def test_an_array_counts_its_indexes(kube: Kube) -> None:
    kube.create(batchjob(array={"size": 4, "maxParallel": 4}))
    pods = wait(lambda: len(it := kube.list("Pod", pods_of(1))) == 4 and it, "four pods")
    for pod in pods:
        index = pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]
        state = {"exitCode": 1 if index in "12" else 0, "reason": "Error" if index in "12" else "Completed"}
        kube.set_pod(
            pod,
            "Failed" if index in "12" else "Succeeded",
            {"terminated": state | {"startedAt": now(), "finishedAt": now()}},
        )
    status = ended(kube, "Failed")
    assert status["array"] == {
        "succeeded": 2,
        "failed": 2,
        "running": 0,
        "pending": 0,
        "failedIndexes": "1,2",
    }
    assert status["done"] == "4/4"
    assert kube.condition("BatchJob", "import", "Failed")["message"].startswith("2 of 4 indexes failed: 1,2.")


def test_a_job_that_somebody_deleted_is_not_run_again_as_the_same_attempt(kube: Kube) -> None:
    kube.create(batchjob(retry={"attempts": 2, "backoffSeconds": 0}))
    running(kube)
    kube.delete("Job", "import-1")
    stop_pods(kube, 1)
    running(kube, 2)
    kube.end_pods(pods_of(2), 0)
    status = ended(kube, "Succeeded")
    assert [each["reason"] for each in status["attempts"]] == ["JobDeleted", "Succeeded"]


def test_a_foreign_job_of_that_name_is_left_alone(kube: Kube) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "theirs:1"}]}}
    kube.create(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "import-1"},
            "spec": {"suspend": True, "template": template},
        }
    )
    kube.create(batchjob())
    status = wait(
        lambda: (it := kube.status("BatchJob", "import")).get("reason") == "NameConflict" and it,
        "the conflict",
    )
    assert (
        "a Job import-1 exists and was not made for this object; it is left alone"
        in status["waiting"]["message"]
    )


def test_it_is_deleted_when_its_time_is_over(kube: Kube) -> None:
    kube.create(batchjob(ttlSecondsAfterFinished=1))
    running(kube)
    kube.end_pods(pods_of(1), 0)
    wait(lambda: kube.find("BatchJob", "import") is None, "it is gone")
    wait(lambda: kube.list("Job") == [], "its Job is gone")


def test_a_quota_without_room_for_its_pod_is_told(kube: Kube) -> None:
    kube.create(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "few"},
            "spec": {"hard": {"pods": "0"}},
        }
    )
    wait(lambda: kube.get("ResourceQuota", "few").get("status", {}).get("hard"), "the quota is in force")
    kube.create(batchjob())
    status = wait(
        lambda: (
            (it := kube.status("BatchJob", "import")).get("waiting", {}).get("reason") == "QuotaExceeded"
            and it
        ),
        "the reason",
        60,
    )
    assert "exceeded quota: few" in status["waiting"]["message"]


def test_the_operator_says_why_in_its_own_words_only(kube: Kube, operator: OperatorProcess) -> None:
    secret = "do-not-tell-4711"
    kube.create(batchjob(env=[{"name": "PASSWORD", "value": secret}], args=[secret]))
    running(kube)
    kube.end_pods(pods_of(1), 1)
    assert secret not in str(ended(kube, "Failed"))
    assert secret not in str(kube.list("Event"))
    assert secret not in operator.words()
