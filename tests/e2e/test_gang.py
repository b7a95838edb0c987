"""A user runs pods that work together: all of them or none."""

from __future__ import annotations

from kubernetes.utils.quantity import parse_quantity

from tests.e2e.cluster import Cluster, Obj, condition, phase_is
from tests.e2e.objects import batch_job
from tests.e2e.waiting import wait_for

FOUR = {"nodes": {"count": 4}}


def pods_of(cluster: Cluster, name: str, attempt: int) -> list[Obj]:
    """The pods of an attempt by their index."""
    return sorted(
        cluster.list("Pod", batchjob=name, attempt=attempt),
        key=lambda pod: int(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]),
    )


def test_four_pods_find_each_other_and_sum_up(namespace: Cluster) -> None:
    namespace.apply(batch_job("reduce", "allreduce", "0", **FOUR))
    job = namespace.wait("BatchJob", "reduce", phase_is("Succeeded"), "succeeds", 120)
    assert [each["reason"] for each in job["status"]["attempts"]] == ["Succeeded"]
    assert len(pods_of(namespace, "reduce", 1)) == 4
    assert namespace.longshore("logs", "reduce").stdout == "node 0 of 4: the sum is 10\n"
    assert namespace.longshore("logs", "reduce", "--index", "3").stdout == "node 3 of 4: the sum is 10\n"


def test_one_pod_that_is_killed_ends_the_attempt_and_the_next_one_succeeds(namespace: Cluster) -> None:
    namespace.apply(batch_job("reduce", "allreduce", "2", retry={"attempts": 3, "backoffSeconds": 1}, **FOUR))
    namespace.wait("BatchJob", "reduce", phase_is("Running"), "all of its pods run", 120)
    killed = pods_of(namespace, "reduce", 1)[2]["metadata"]["name"]
    namespace.kubectl("exec", killed, "--", "/workload", "stop", check=False)
    job = namespace.wait(
        "BatchJob",
        "reduce",
        lambda job: job["status"].get("attempt") == 2 and job["status"]["phase"] == "Running",
        "runs again, all of it",
        120,
    )
    first = job["status"]["attempts"][0]
    assert (first["reason"], first["pod"]) == ("Error", killed)
    assert first["exitCode"] in (
        2,
        143,
    )  # a Go program that is process 1 can't die from a signal, and ends with 2
    wait_for(
        lambda: [pod for pod in pods_of(namespace, "reduce", 1) if pod["status"]["phase"] == "Running"],
        lambda left: not left,
        "no pod of the first attempt runs on",
        40,
    )

    namespace.delete("pod", pods_of(namespace, "reduce", 2)[0]["metadata"]["name"], "--wait=false")
    job = namespace.wait("BatchJob", "reduce", phase_is("Succeeded"), "succeeds at the third attempt", 120)
    assert [each["reason"] for each in job["status"]["attempts"]] == ["Error", "Error", "Succeeded"]


def test_a_gang_for_half_of_which_there_is_room_says_so_and_gives_it_back(namespace: Cluster) -> None:
    cpu = max(parse_quantity(node["status"]["allocatable"]["cpu"]) for node in namespace.list("Node"))
    large = {"requests": {"cpu": f"{int(cpu * 400)}m", "memory": "32Mi"}}
    namespace.apply(
        batch_job("wide", "sleep", "600", resources=large, nodes={"count": 40, "startSeconds": 10})
    )
    job = namespace.wait(
        "BatchJob",
        "wide",
        lambda job: "Insufficient cpu" in job["status"].get("waiting", {}).get("message", ""),
        "says for want of what",
        60,
    )
    assert job["status"]["waiting"]["reason"] == "GangIncomplete"
    assert " of 40 pods run; pods " in job["status"]["waiting"]["message"]
    job = namespace.wait(
        "BatchJob",
        "wide",
        lambda job: [each.get("reason") for each in job["status"]["attempts"]] == ["GangIncomplete"],
        "has given its nodes back",
        60,
    )
    assert (job["status"]["phase"], job["status"]["attempts"][0]["counted"]) == ("Runnable", False)
    wait_for(lambda: namespace.list("Pod", batchjob="wide"), lambda pods: not pods, "its pods are gone", 60)
    assert namespace.longshore("cancel", "wide", "--reason", "too wide").exit_code == 0
    job = namespace.wait("BatchJob", "wide", phase_is("Failed"), "is cancelled")
    assert condition(job, "Failed")["message"] == "cancelled: too wide"
