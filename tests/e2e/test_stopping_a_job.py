"""A user stops a job at whatever it is doing; docs/guides/stopping-a-job.md says what is seen then."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.cluster import Cluster, Obj, condition, is_observed, phase_is
from tests.e2e.objects import API, MISSING_IMAGE, batch_job
from tests.e2e.waiting import wait_for
from tests.snippets import DOCS, commands

PAGE = "guides/stopping-a-job.md"
TABLE = {
    row[0]: row[1:]
    for row in (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\|.*\|$", (DOCS / PAGE).read_text(), re.MULTILINE)[2:]
    )
}
CANCEL, SUSPEND, DELETE = commands(PAGE)[0]
QUEUES: tuple[Obj, ...] = (
    {"kind": "ComputeEnvironment", "metadata": {"name": "stopping"}, "spec": {"capacity": {"maxCpu": 1}}},
    {
        "kind": "JobQueue",
        "metadata": {"name": "stopping"},
        "spec": {"computeEnvironments": ["stopping"], "maxRunningJobs": 1},
    },
)


@pytest.fixture(scope="module", autouse=True)
def queue(cluster: Cluster) -> Iterator[None]:
    cluster.apply(*({"apiVersion": API} | each for each in QUEUES))
    yield
    for each in reversed(QUEUES):
        cluster.kubectl("delete", each["kind"].lower(), each["metadata"]["name"], "--wait=false")


@pytest.fixture
def stage(namespace: Cluster) -> Iterator[Cluster]:
    yield namespace
    namespace.kubectl("delete", "batchjobs", "--all", "--wait=true", "--timeout=60s")


def in_line(cluster: Cluster) -> None:
    """The job waits behind one that takes all the room."""
    cluster.apply(batch_job("first", "sleep", "600", queue="stopping"))
    cluster.wait("BatchJob", "first", phase_is("Running"), "runs")
    cluster.apply(batch_job("train", "sleep", "600", queue="stopping"))
    reason_is(cluster, "MaxRunningJobs")


def without_image(cluster: Cluster) -> None:
    """The job was admitted, and its pod can't start."""
    cluster.apply(batch_job("train", image=MISSING_IMAGE, queue="stopping"))
    reason_is(cluster, "ImagePullFailed")
    cluster.apply(batch_job("next", "sleep", "600", queue="stopping"))


def running(cluster: Cluster) -> None:
    cluster.apply(batch_job("train", "sleep", "600", queue="stopping"))
    cluster.wait("BatchJob", "train", phase_is("Running"), "runs")


def between_attempts(cluster: Cluster) -> None:
    retry = {"attempts": 2, "backoffSeconds": 600, "maxBackoffSeconds": 600}
    cluster.apply(batch_job("train", "exit", "1", retry=retry, queue="stopping"))
    reason_is(cluster, "BackOff")


AT: dict[str, Callable[[Cluster], None]] = {
    "waits in its queue": in_line,
    "cannot start": without_image,
    "runs": running,
    "pauses between attempts": between_attempts,
}


def reason_is(cluster: Cluster, reason: str) -> Obj:
    return cluster.wait(
        "BatchJob", "train", lambda job: job["status"].get("reason") == reason, f"says {reason}"
    )


def run(cluster: Cluster, command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "longshore":
        assert cluster.longshore(*arguments).exit_code == 0
    else:
        cluster.kubectl(*arguments)


def says(told: str) -> Callable[[Obj], bool]:
    """The status speaks of the spec as it is, says this, and no longer that pods are being stopped."""

    def holds(job: Obj) -> bool:
        status = job["status"]
        found = f"{status.get('phase')} {status.get('reason')}"
        return is_observed(job) and found == told and "being stopped" not in str(status.get("waiting"))

    return holds


def no_pod_is_left(cluster: Cluster) -> None:
    wait_for(
        lambda: [each for each in cluster.list("Pod", batchjob="train") if alive(each)],
        lambda pods: not pods,
        "no pod of it runs",
        40,
    )


def alive(pod: Obj) -> bool:
    return pod["status"].get("phase") not in ("Succeeded", "Failed")


def test_the_page_tells_of_each() -> None:
    assert TABLE.keys() == AT.keys()


@pytest.mark.parametrize("at", AT)
def test_cancelled(stage: Cluster, at: str) -> None:
    AT[at](stage)
    run(stage, CANCEL)
    job = stage.wait("BatchJob", "train", says(TABLE[at][0]), f"says {TABLE[at][0]}")
    assert condition(job, "Failed")["message"] == "cancelled: wrong input"
    no_pod_is_left(stage)


@pytest.mark.parametrize("at", AT)
def test_suspended_and_resumed(stage: Cluster, at: str) -> None:
    AT[at](stage)
    run(stage, SUSPEND)
    told = says(TABLE[at][1])
    job = stage.wait(
        "BatchJob",
        "train",
        lambda job: told(job) and "environment" not in job["status"].get("queue", {}),
        f"says {TABLE[at][1]} and takes no room",
    )
    assert job["status"]["waiting"]["message"] == "suspended: set spec.suspend to false to go on"
    no_pod_is_left(stage)
    if at == "cannot start":
        stage.wait("BatchJob", "next", phase_is("Running"), "has its room")
    run(stage, SUSPEND.replace("true", "false"))
    job = stage.wait("BatchJob", "train", says(TABLE[at][2]), f"says {TABLE[at][2]}")
    assert all(
        each["counted"] is False for each in job["status"]["attempts"] if each.get("reason") == "Suspended"
    )


@pytest.mark.parametrize("at", AT)
def test_deleted(stage: Cluster, at: str) -> None:
    AT[at](stage)
    run(stage, DELETE)
    stage.wait_gone("BatchJob", "train")
    no_pod_is_left(stage)
    wait_for(lambda: stage.list("Job", batchjob="train"), lambda jobs: not jobs, "no Job is left", 40)
