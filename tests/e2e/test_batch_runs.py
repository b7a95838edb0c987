"""A user runs a job and reads how it ended."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, phase_is
from tests.e2e.objects import MISSING_IMAGE, batch_job


def test_a_job_succeeds_and_says_where_and_how_long(namespace: Cluster) -> None:
    namespace.apply(batch_job("count", "sleep", "2"))
    namespace.kubectl("wait", "--for=condition=Complete", "batchjob/count", "--timeout=60s")
    job = namespace.wait("BatchJob", "count", phase_is("Succeeded"), "succeeds")
    (attempt,) = job["status"]["attempts"]
    assert (attempt["number"], attempt["job"], attempt["exitCode"], attempt["reason"]) == (
        1,
        "count-1",
        0,
        "Succeeded",
    )
    assert attempt["node"]
    assert attempt["startedAt"] < attempt["finishedAt"]
    assert condition(job, "Failed")["status"] == "False"
    assert "Succeeded" in namespace.kubectl("get", "bj")


def test_a_failed_job_quotes_exit_code_and_last_words(namespace: Cluster) -> None:
    namespace.apply(batch_job("import", "say-last-words", "line 7 of orders.csv has no price", "4"))
    job = namespace.wait("BatchJob", "import", phase_is("Failed"), "fails")
    assert job["status"]["lastWords"] == "line 7 of orders.csv has no price"
    assert job["status"]["attempts"][0]["exitCode"] == 4
    failed = condition(job, "Failed")
    assert failed["status"] == "True"
    assert "exit code 4" in failed["message"]
    assert "no retries are set" in failed["message"]


def test_why_a_job_does_not_start_is_one_sentence(namespace: Cluster) -> None:
    huge = {"requests": {"cpu": "64", "memory": "32Mi"}}
    namespace.apply(
        batch_job("huge", "sleep", "1", resources=huge),
        batch_job("no-image", "sleep", "1", image=MISSING_IMAGE),
        batch_job("root", "sleep", "1", image="longshore.test/workload:root"),
    )
    for name, reason, words in (
        ("huge", "Unschedulable", "Insufficient cpu"),
        ("no-image", "ImagePullFailed", "no-such-tag"),
        ("root", "RunsAsRoot", "security.runAsUser"),
    ):
        job = namespace.wait(
            "BatchJob",
            name,
            lambda job, reason=reason: job["status"].get("waiting", {}).get("reason") == reason,
            f"waits for {reason}",
        )
        assert words in job["status"]["waiting"]["message"]
        assert job["status"]["phase"] == "Starting"
