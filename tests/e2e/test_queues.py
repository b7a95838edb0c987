"""A user sends jobs to queues: docs/queues.md on real nodes."""

from __future__ import annotations

import itertools
import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.utils.quantity import parse_quantity
from ruamel.yaml import YAML

from tests.e2e.cluster import Cluster, Obj, condition, phase_is
from tests.e2e.objects import API, IMAGE, batch_job
from tests.e2e.waiting import wait_for
from tests.snippets import blocks, commands

PAGE = "queues.md"
POOL = "example.com/pool"


class Stage:
    """Queues and environments, which belong to the whole cluster, under names of the test's own."""

    def __init__(self, namespace: Cluster) -> None:
        self.namespace = namespace
        self._made: list[tuple[str, str]] = []

    def of(self, name: str) -> str:
        return f"{name}-{self.namespace.namespace[-4:]}"

    def make(self, kind: str, name: str, spec: Obj) -> str:
        """Makes it, and returns its name in the cluster."""
        whole = self.of(name)
        self.namespace.apply({"apiVersion": API, "kind": kind, "metadata": {"name": whole}, "spec": spec})
        self._made.append((kind, whole))
        return whole

    def queue(self, **spec: Any) -> str:
        """A queue over an environment of one cpu."""
        environment = self.make("ComputeEnvironment", "pool", {"capacity": {"maxCpu": 1}})
        return self.make("JobQueue", "line", {"computeEnvironments": [environment]} | spec)

    def waits(self, job: str, reason: str) -> Obj:
        found = self.namespace.wait(
            "BatchJob",
            job,
            lambda it: it["status"].get("waiting", {}).get("reason") == reason,
            f"waits: {reason}",
        )
        return dict(found["status"]["waiting"])

    def ran_in_order(self, *names: str) -> None:
        """Each began after the one before had ended."""
        found = [
            self.namespace.wait("BatchJob", name, phase_is("Succeeded"), "succeeds", 120)["status"]
            for name in names
        ]
        for before, after in itertools.pairwise(found):
            assert before["finishedAt"] <= after["startedAt"], (before, after)

    def clear(self) -> None:
        for kind, name in reversed(self._made):
            self.namespace.kubectl("delete", kind.lower(), name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def stage(namespace: Cluster) -> Iterator[Stage]:
    found = Stage(namespace)
    yield found
    namespace.kubectl("delete", "batchjobs", "--all", "--wait=true", "--timeout=60s")
    found.clear()


@pytest.fixture
def pool(namespace: Cluster) -> Iterator[str]:
    """A node carries the label that the page selects; its name."""
    name = namespace.list("Node")[0]["metadata"]["name"]
    namespace.kubectl("label", "node", name, f"{POOL}=batch")
    yield name
    namespace.kubectl("label", "node", name, f"{POOL}-")


def test_the_page_works(stage: Stage, pool: str) -> None:
    namespace = stage.namespace
    objects = list(YAML(typ="safe").load_all(blocks(PAGE, "yaml")[0]))
    for each in objects:
        if each["kind"] == "BatchJob":
            each["metadata"]["namespace"] = namespace.namespace
            each["spec"] |= {"image": f"{IMAGE}:v1", "args": ["sleep", "3"], "size": "Nano"}
        else:
            stage._made.append((each["kind"], each["metadata"]["name"]))
    namespace.apply(*objects)
    namespace.wait("BatchJob", "train", phase_is("Running"), "runs")
    for command in commands(PAGE)[0]:
        program, *arguments = shlex.split(command)
        said = (
            namespace.kubectl(*arguments) if program == "kubectl" else namespace.longshore(*arguments).stdout
        )
        assert "research" in said or "train" in said, command
    job = namespace.wait("BatchJob", "train", phase_is("Succeeded"), "succeeds")
    assert job["status"]["attempts"][0]["node"] == pool


def test_one_at_a_time(stage: Stage) -> None:
    queue = stage.queue(maxRunningJobs=1)
    stage.namespace.apply(batch_job("first", "sleep", "3", queue=queue))
    stage.namespace.wait("BatchJob", "first", phase_is("Starting", "Running"), "is admitted")
    stage.namespace.apply(batch_job("second", "sleep", "1", queue=queue))
    told = stage.waits("second", "MaxRunningJobs")["message"]
    assert told == f"queue {queue} runs its maximum of 1 job: it is next in its line when one of them ends"
    stage.ran_in_order("first", "second")


def test_a_higher_priority_goes_first_also_one_that_is_given_later(stage: Stage) -> None:
    queue, namespace = stage.queue(maxRunningJobs=1), stage.namespace
    namespace.apply(batch_job("first", "sleep", "600", queue=queue))
    namespace.wait("BatchJob", "first", phase_is("Running"), "runs")
    namespace.apply(batch_job("low", "sleep", "1", queue=queue))
    stage.waits("low", "MaxRunningJobs")
    namespace.apply(
        batch_job("high", "sleep", "1", queue=queue, priority=5),
        batch_job("urgent", "sleep", "1", queue=queue),
    )
    assert "job high with priority 5" in stage.waits("low", "BehindHigherPriority")["message"]
    namespace.patch("batchjob", "urgent", {"priority": 9})
    stage.waits("urgent", "MaxRunningJobs")
    assert "job urgent with priority 9" in stage.waits("high", "BehindHigherPriority")["message"]
    namespace.delete("batchjob", "first", "--wait=false")
    stage.ran_in_order("urgent", "high", "low")


def test_a_share_that_has_used_less_goes_first(stage: Stage) -> None:
    shares = {"shares": [{"name": "research", "weight": 1}, {"name": "reports", "weight": 1}]}
    queue, namespace = stage.queue(maxRunningJobs=1, fairShare=shares), stage.namespace
    namespace.apply(batch_job("r1", "sleep", "4", queue=queue, share="research"))
    namespace.wait("BatchJob", "r1", phase_is("Running"), "runs")
    namespace.apply(batch_job("r2", "sleep", "1", queue=queue, share="research"))
    stage.waits("r2", "MaxRunningJobs")
    namespace.apply(batch_job("p1", "sleep", "1", queue=queue, share="reports"))
    stage.ran_in_order("r1", "p1", "r2")


def test_nodes_that_come_and_go_are_what_an_unmanaged_environment_has(stage: Stage) -> None:
    namespace, label = stage.namespace, f"longshore.test/{stage.namespace.namespace[-4:]}"
    environment = stage.make(
        "ComputeEnvironment", "nodes", {"type": "Unmanaged", "placement": {"nodeLabels": {label: "yes"}}}
    )
    queue = stage.make("JobQueue", "line", {"computeEnvironments": [environment]})
    node = namespace.list("Node")[0]
    name, cpu = node["metadata"]["name"], node["status"]["allocatable"]["cpu"]
    namespace.wait(
        "ComputeEnvironment",
        environment,
        lambda it: condition(it, "Ready")["reason"] == "NoNodes",
        "says that there are no nodes",
    )
    namespace.apply(batch_job("one", "sleep", "2", queue=queue))
    stage.waits("one", "NoCapacity")
    namespace.kubectl("label", "node", name, f"{label}=yes")
    try:
        namespace.wait("BatchJob", "one", phase_is("Succeeded"), "runs once there is a node")
        namespace.wait(
            "ComputeEnvironment",
            environment,
            lambda it: (
                it["status"].get("nodes") == 1
                and parse_quantity(it["status"]["free"]["cpu"]) == parse_quantity(cpu)
            ),
            "has what the node can allocate, once the job has ended",
        )
        huge = {"requests": {"cpu": str(int(parse_quantity(cpu)) + 1), "memory": "32Mi"}}
        namespace.apply(batch_job("huge", "sleep", "2", queue=queue, resources=huge))
        assert "it can never run as it is" in stage.waits("huge", "NoCapacity")["message"]
    finally:
        namespace.kubectl("label", "node", name, f"{label}-")
    namespace.wait(
        "ComputeEnvironment",
        environment,
        lambda it: condition(it, "Ready")["reason"] == "NoNodes",
        "says that the node is gone",
    )


def test_a_queue_that_is_drained_runs_what_it_holds_and_one_that_is_stopped_nothing(stage: Stage) -> None:
    queue, namespace = stage.queue(maxRunningJobs=1), stage.namespace
    namespace.apply(batch_job("first", "sleep", "600", queue=queue))
    namespace.wait("BatchJob", "first", phase_is("Running"), "runs")
    namespace.apply(batch_job("held", "sleep", "1", queue=queue))
    stage.waits("held", "MaxRunningJobs")

    namespace.patch("jobqueue", queue, {"state": "Stopped"})
    assert stage.waits("held", "QueueClosed")["message"].startswith(f"queue {queue} is stopped")
    assert namespace.get("BatchJob", "first")["status"]["phase"] == "Running"
    assert namespace.longshore("cancel", "first", "--reason", "make room").exit_code == 0
    namespace.wait("BatchJob", "first", phase_is("Failed"), "is cancelled")
    stage.waits("held", "QueueClosed")
    assert namespace.list("Job", batchjob="held") == []

    namespace.patch("jobqueue", queue, {"state": "Draining"})
    namespace.wait("BatchJob", "held", phase_is("Succeeded"), "still runs")
    since = namespace.get("JobQueue", queue)["status"]["drainingSince"]
    wait_for(now, lambda moment: moment > since, "a second has passed", 10)
    namespace.apply(batch_job("late", "sleep", "1", queue=queue))
    assert stage.waits("late", "QueueClosed")["message"].startswith(f"queue {queue} is being drained")
    assert condition(namespace.get("JobQueue", queue), "Ready")["reason"] == "Draining"

    namespace.patch("jobqueue", queue, {"state": "Open"})
    namespace.wait("BatchJob", "late", phase_is("Succeeded"), "runs once the queue is open")


def test_a_disabled_environment_lets_what_runs_end(stage: Stage) -> None:
    queue, namespace, environment = stage.queue(), stage.namespace, stage.of("pool")
    namespace.apply(batch_job("first", "sleep", "5", queue=queue))
    namespace.wait("BatchJob", "first", phase_is("Running"), "runs")
    namespace.patch("computeenvironment", environment, {"state": "Disabled"})
    namespace.apply(batch_job("second", "sleep", "1", queue=queue))
    told = stage.waits("second", "EnvironmentDisabled")["message"]
    assert told.startswith(f"environment {environment} is disabled and takes no jobs")
    found = namespace.get("ComputeEnvironment", environment)
    assert (condition(found, "Ready")["reason"], found["status"]["jobs"]) == ("Disabled", 1)
    namespace.wait("BatchJob", "first", phase_is("Succeeded"), "goes on to its end")
    namespace.patch("computeenvironment", environment, {"state": "Enabled"})
    namespace.wait("BatchJob", "second", phase_is("Succeeded"), "runs once it is enabled")


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
