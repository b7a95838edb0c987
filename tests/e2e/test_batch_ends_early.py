"""A user limits, cancels, suspends or forgets a job."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, phase_is
from tests.e2e.objects import batch_job
from tests.e2e.waiting import wait_for


def _no_pods(cluster: Cluster, name: str) -> None:
    wait_for(
        lambda: cluster.list("Pod", batchjob=name), lambda pods: not pods, f"no pod of {name} is left", 40
    )


def test_time_outs_end_an_attempt_and_a_job(namespace: Cluster) -> None:
    namespace.apply(
        batch_job(
            "attempt",
            "sleep",
            "600",
            timeouts={"attemptSeconds": 3},
            retry={"attempts": 2, "backoffSeconds": 1},
        ),
        batch_job("total", "sleep", "600", timeouts={"totalSeconds": 8}),
    )
    attempt = namespace.wait("BatchJob", "attempt", phase_is("Failed"), "ends after two attempts", 60)
    assert [each["reason"] for each in attempt["status"]["attempts"]] == ["Timeout", "Timeout"]
    assert "timeouts.attemptSeconds, 3 s" in condition(attempt, "Failed")["message"]
    total = namespace.wait("BatchJob", "total", phase_is("Failed"), "ends for its total time", 60)
    assert condition(total, "Failed")["reason"] == "TotalTimeout"
    assert "timeouts.totalSeconds, 8 s" in condition(total, "Failed")["message"]
    _no_pods(namespace, "total")


def test_a_cancelled_job_ends_with_the_users_reason(namespace: Cluster) -> None:
    namespace.apply(batch_job("count", "sleep", "600"))
    namespace.wait("BatchJob", "count", phase_is("Running"), "runs")
    namespace.patch("batchjob", "count", {"cancel": {"reason": "the input was wrong"}})
    job = namespace.wait("BatchJob", "count", phase_is("Failed"), "is cancelled")
    failed = condition(job, "Failed")
    assert (failed["reason"], failed["message"]) == ("Cancelled", "cancelled: the input was wrong")
    _no_pods(namespace, "count")
    refused = namespace.kubectl(
        "patch", "batchjob", "count", "--type=merge", '--patch={"spec":{"cancel":null}}', check=False
    )
    assert "a cancelled job stays cancelled" in refused


def test_a_suspended_job_stops_and_resumes_as_a_new_attempt(namespace: Cluster) -> None:
    namespace.apply(batch_job("count", "sleep", "8"), batch_job("held", "sleep", "1", suspend=True))
    namespace.wait("BatchJob", "count", phase_is("Running"), "runs")
    namespace.patch("batchjob", "count", {"suspend": True})
    job = namespace.wait(
        "BatchJob",
        "count",
        lambda job: (
            job["status"].get("phase") == "Runnable"
            and [each.get("reason") for each in job["status"].get("attempts", ())] == ["Suspended"]
        ),
        "is held after its first attempt was stopped",
    )
    assert job["status"]["waiting"]["reason"] == "Suspended"
    _no_pods(namespace, "count")
    assert namespace.list("Job", batchjob="held") == [], "a job that is suspended from the start costs no Job"

    namespace.patch("batchjob", "count", {"suspend": False})
    namespace.patch("batchjob", "held", {"suspend": False})
    job = namespace.wait("BatchJob", "count", phase_is("Succeeded"), "succeeds after it was resumed", 60)
    assert [(each["reason"], each["counted"]) for each in job["status"]["attempts"]] == [
        ("Suspended", False),
        ("Succeeded", True),
    ]
    namespace.wait("BatchJob", "held", phase_is("Succeeded"), "succeeds, too")


def test_a_finished_job_is_deleted_after_its_time(namespace: Cluster) -> None:
    namespace.apply(batch_job("count", "sleep", "1", ttlSecondsAfterFinished=3))
    namespace.wait("BatchJob", "count", phase_is("Succeeded"), "succeeds")
    namespace.wait_gone("BatchJob", "count", seconds=30)
    wait_for(lambda: namespace.list("Job"), lambda jobs: not jobs, "its Job is gone", 30)
    _no_pods(namespace, "count")
