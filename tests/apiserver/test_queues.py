"""Queues against a real API server: order, limits, closed doors, restarts; and at no moment more than there is.

What was taken is read from the history of every BatchJob and Job, event by event, at the end of each test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.apiserver import ApiServer
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, Obj, Refused, load_crds, now, wait
from tests.apiserver.operator import OperatorProcess
from tests.campaigns.world import Nodes

CPU = {"requests": {"cpu": "1", "memory": "64Mi"}}


class Stage:
    """A namespace of the test's own, and names of queues and environments that no other test has."""

    def __init__(self, kube: Kube, since: str) -> None:
        self.kube, self.since = kube, since
        self.capacity: dict[str, int] = {}
        self.ending = False
        self._nodes = Nodes(lambda pod: "end 0" if self.ending else "run")

    def environment(self, name: str, cpu: int, **spec: Any) -> str:
        self.capacity[self.of(name)] = cpu
        body = {"capacity": {"maxCpu": cpu}} | spec
        self.kube.create(self._object("ComputeEnvironment", self.of(name), body))
        return self.of(name)

    def queue(self, name: str, *environments: str, **spec: Any) -> str:
        body = {"computeEnvironments": list(environments)} | spec
        self.kube.create(self._object("JobQueue", self.of(name), body))
        return self.of(name)

    def job(self, name: str, queue: str, **spec: Any) -> None:
        body = {"image": "work:1", "resources": CPU, "queue": queue} | spec
        self.kube.create(self._object("BatchJob", name, body))

    def of(self, name: str) -> str:
        return f"{name}-{self.kube.namespace}"

    def tick(self) -> bool:
        """The nodes do what they do."""
        self._nodes.tick(self.kube)
        return True

    def running(self) -> set[str]:
        """BatchJobs that have a Job that hasn't ended."""
        return {
            each["metadata"]["labels"]["longshore.dev/batchjob"]
            for each in self.kube.list("Job")
            if not each.get("status", {}).get("completionTime")
        }

    def waits(self, name: str, reason: str) -> Obj:
        """The job's status, once it waits for this reason."""
        return wait(
            lambda: (
                (it := self.kube.status("BatchJob", name)).get("waiting", {}).get("reason") == reason and it
            ),
            f"{name} waits: {reason}; {self.kube.status('BatchJob', name).get('waiting')}",
        )

    def runs(self, *names: str) -> None:
        wait(lambda: self.tick() and self.running() == set(names), f"just {names} run")

    def end(self, name: str) -> None:
        self._finish(name, 0)

    def fail(self, name: str) -> None:
        self._finish(name, 3)

    def _finish(self, name: str, code: int) -> None:
        selector = f"longshore.dev/batchjob={name}"
        pods = wait(
            lambda: (
                self.tick()
                and [
                    pod
                    for pod in self.kube.list("Pod", selector)
                    if pod.get("status", {}).get("phase") == "Running"
                ]
            ),
            f"a pod of {name} runs",
        )
        ended = {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "startedAt": now(),
            "finishedAt": now(),
        }
        for pod in pods:
            self.kube.set_pod(pod, "Failed" if code else "Succeeded", {"terminated": ended})

    def admitted(self) -> list[str]:
        """Names of jobs in the order in which they were admitted."""
        found: list[str] = []
        for _, obj in self.kube.history("BatchJob", self.since):
            name, queue = obj["metadata"]["name"], (obj.get("status") or {}).get("queue", {})
            if (
                obj["metadata"]["namespace"] == self.kube.namespace
                and "environment" in queue
                and name not in found
            ):
                found.append(name)
        return found

    def overcommitted(self) -> list[str]:
        """Moments at which statuses, or Jobs, took more of an environment than there is."""
        return [*self._exceeding("BatchJob"), *self._exceeding("Job")]

    def _exceeding(self, kind: str) -> Iterator[str]:
        taken: dict[str, dict[str, int]] = {name: {} for name in self.capacity}
        for type_, obj in self.kube.history(kind, self.since):
            uid, (environment, cpu) = obj["metadata"]["uid"], takes(obj)
            for found in taken.values():
                found.pop(uid, None)
            if type_ != "DELETED" and environment in taken:
                taken[environment][uid] = cpu
                total = sum(taken[environment].values())
                if total > self.capacity[environment]:
                    yield f"{kind} {obj['metadata']['name']}: {total} of {self.capacity[environment]} in {environment}"

    def _object(self, kind: str, name: str, spec: Obj) -> Obj:
        return {
            "apiVersion": "longshore.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        }


def takes(obj: Obj) -> tuple[str, int]:
    """The environment that a BatchJob or Job takes a part of, and how many cpus; empty if it takes none."""
    status = obj.get("status") or {}
    if obj["kind"] == "BatchJob":
        array = obj["spec"].get("array", {})
        cpu = int(obj["spec"]["resources"]["requests"]["cpu"]) * array.get(
            "maxParallel", array.get("size", 1)
        )
        ended = status.get("phase") in ("Succeeded", "Failed")
        return ("" if ended else status.get("queue", {}).get("environment", "")), cpu
    pods = min(obj["spec"]["parallelism"], obj["spec"]["completions"])
    cpu = int(obj["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"]) * pods
    ended = any(each["type"] in ("Complete", "Failed") for each in status.get("conditions", ()))
    ended |= bool(obj["spec"].get("suspend")) and not status.get("active") and not status.get("terminating")
    return ("" if ended else obj["metadata"]["labels"].get("longshore.dev/environment", "")), cpu


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with ApiServer() as running:
        load_crds(Kube(running), ROOT / "crds")
        yield running


@pytest.fixture(scope="module")
def operator(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with OperatorProcess(Kube(server), tmp_path_factory.mktemp("operator")) as running:
        wait(lambda: running.readiness()[1].get("role") == "leader", "the operator leads")
        yield running


@pytest.fixture
def stage(operator: OperatorProcess, kube: Kube) -> Iterator[Stage]:
    """Whatever a test does, at no event was more taken than there is."""
    if operator.process is None or operator.process.poll() is not None:
        operator.start()
    found = Stage(kube, kube.request("GET", kube.path("Job"))["metadata"]["resourceVersion"])
    yield found
    assert found.overcommitted() == []


def test_what_becomes_free_goes_to_the_next(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 1))
    stage.job("one", queue)
    stage.runs("one")
    stage.job("two", queue)
    status = stage.waits("two", "NoCapacity")
    assert status["phase"] == "Runnable"
    assert status["queue"]["position"] == 1
    assert status["waiting"]["message"] == (
        f"needs 1 cpu, 0 free of 1 in environment {stage.of('e')}: it is next, and what becomes free is kept for it"
    )
    stage.end("one")
    stage.runs("two")
    assert stage.kube.status("BatchJob", "two")["queue"]["environment"] == stage.of("e")


def test_a_job_without_a_queue_is_admitted_at_once(stage: Stage) -> None:
    stage.environment("e", 1)
    stage.kube.create(stage._object("BatchJob", "free", {"image": "work:1", "resources": CPU}))
    stage.runs("free")
    assert "queue" not in stage.kube.status("BatchJob", "free")


def test_queues_go_by_priority_and_jobs_by_priority_and_age(stage: Stage) -> None:
    environment = stage.environment("e", 1)
    low = stage.queue("low", environment)
    high = stage.queue("high", environment, priority=10)
    stage.job("first", low)
    stage.runs("first")
    stage.job("l1", low)
    stage.waits("l1", "NoCapacity")
    stage.job("l2", low, priority=5)
    stage.waits("l1", "BehindHigherPriority")
    stage.job("h1", high)
    stage.waits("h1", "NoCapacity")
    stage.job("h2", high, priority=1)
    stage.waits("h2", "NoCapacity")
    stage.ending = True
    wait(lambda: stage.tick() and not stage.running() and len(stage.admitted()) == 5, "all have run", 60)
    assert stage.admitted() == ["first", "h2", "h1", "l2", "l1"]


def test_a_priority_that_is_changed_moves_the_job_and_keeps_its_age(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 1))
    stage.job("first", queue)
    stage.runs("first")
    stage.job("one", queue)
    stage.waits("one", "NoCapacity")
    stage.job("two", queue)
    since = stage.waits("two", "InLine")["queue"]["since"]
    stage.kube.patch("BatchJob", "two", {"spec": {"priority": 3}})
    assert stage.waits("two", "NoCapacity")["queue"]["since"] == since
    told = stage.waits("one", "BehindHigherPriority")["waiting"]["message"]
    assert "job two with priority 3" in told
    stage.kube.patch("BatchJob", "two", {"spec": {"priority": 0}})
    stage.waits("one", "NoCapacity")
    stage.end("first")
    stage.runs("one")


def test_without_backfill_nobody_passes_who_is_next(stage: Stage) -> None:
    environment = stage.environment("e", 2, capacity={"maxCpu": 2, "maxGpus": 1})
    queue = stage.queue("q", environment, backfill=False)
    gpu = {"requests": {"cpu": "1", "memory": "64Mi"}, "gpu": {"count": 1}}
    stage.job("first", queue, resources=gpu)
    stage.runs("first")
    stage.job("next", queue, resources=gpu)
    stage.waits("next", "NoCapacity")
    stage.job("small", queue)
    stage.waits("small", "InLine")
    stage.kube.patch("JobQueue", queue, {"spec": {"backfill": True}})
    stage.end("first")
    stage.runs("next", "small")


def test_shares_divide_a_queue(stage: Stage) -> None:
    fair = {"halfLifeSeconds": 60, "shares": [{"name": "team-*", "weight": 1}, {"name": "ops", "weight": 3}]}
    queue = stage.queue("q", stage.environment("e", 4), fairShare=fair)
    stage.job("blocker", queue, share="ops", resources={"requests": {"cpu": "4", "memory": "64Mi"}})
    stage.runs("blocker")
    for number in range(4):
        stage.job(f"a{number}", queue, share="team-a")
    stage.waits("a0", "NoCapacity")
    for number in range(4):
        stage.job(f"b{number}", queue, share="team-b")
    stage.waits("b0", "ShareExhausted")
    stage.end("blocker")
    wait(lambda: stage.tick() and len(stage.running()) == 4, "four run")
    assert sorted(name[0] for name in stage.running()) == ["a", "a", "b", "b"]


def test_one_at_a_time(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 10), maxRunningJobs=1)
    for name in ("j1", "j2", "j3"):
        stage.job(name, queue)
        stage.runs("j1")
    assert "its maximum of 1 job:" in stage.waits("j2", "MaxRunningJobs")["waiting"]["message"]
    stage.waits("j3", "InLine")
    stage.end("j1")
    stage.runs("j2")
    stage.end("j2")
    stage.runs("j3")


def test_a_queue_that_is_full_lets_jobs_into_its_line_as_that_shortens(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 1), maxWaitingJobs=1)
    stage.job("one", queue)
    stage.runs("one")
    stage.job("two", queue)
    stage.waits("two", "NoCapacity")
    wait(
        lambda: now() > stage.kube.get("BatchJob", "two")["metadata"]["creationTimestamp"],
        "a second has passed",
    )
    stage.job("three", queue)
    stage.waits("three", "QueueFull")
    stage.end("one")
    stage.runs("two")
    stage.waits("three", "NoCapacity")


def test_a_stopped_queue_starts_nothing_and_what_runs_goes_on(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 1))
    stage.job("one", queue)
    stage.runs("one")
    stage.kube.patch("JobQueue", queue, {"spec": {"state": "Stopped"}})
    stage.job("two", queue)
    stage.waits("two", "QueueClosed")
    wait(lambda: stage.kube.condition("JobQueue", queue, "Ready")["reason"] == "Stopped", "its condition")
    assert stage.running() == {"one"}
    stage.end("one")
    wait(lambda: stage.kube.status("BatchJob", "one").get("phase") == "Succeeded", "one has ended")
    assert stage.running() == set()
    stage.kube.patch("JobQueue", queue, {"spec": {"state": "Open"}})
    stage.runs("two")


def test_a_draining_queue_runs_what_it_holds_and_takes_nothing_new(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 1))
    stage.job("one", queue)
    stage.runs("one")
    stage.job("two", queue)
    stage.waits("two", "NoCapacity")
    stage.kube.patch("JobQueue", queue, {"spec": {"state": "Draining"}})
    since = wait(lambda: stage.kube.status("JobQueue", queue).get("drainingSince"), "since when")
    wait(lambda: now() > since, "a second has passed")
    stage.job("late", queue)
    assert "is being drained" in stage.waits("late", "QueueClosed")["waiting"]["message"]
    stage.end("one")
    stage.runs("two")
    stage.kube.patch("JobQueue", queue, {"spec": {"state": "Open"}})
    stage.waits("late", "NoCapacity")


def test_a_disabled_environment_lets_its_jobs_end_and_takes_no_more(stage: Stage) -> None:
    environment = stage.environment("e", 2)
    queue = stage.queue("q", environment)
    stage.job("one", queue)
    stage.runs("one")
    stage.kube.patch("ComputeEnvironment", environment, {"spec": {"state": "Disabled"}})
    wait(
        lambda: stage.kube.condition("ComputeEnvironment", environment, "Ready")["reason"] == "Disabled",
        "its condition",
    )
    stage.job("two", queue)
    stage.waits("two", "EnvironmentDisabled")
    assert stage.running() == {"one"}
    stage.end("one")
    wait(lambda: stage.kube.status("BatchJob", "one").get("phase") == "Succeeded", "one has ended")
    stage.kube.patch("ComputeEnvironment", environment, {"spec": {"state": "Enabled"}})
    stage.runs("two")


def test_what_is_missing_is_named_and_what_cannot_be_is_told_at_once(stage: Stage) -> None:
    stage.job("lost", stage.of("q"))
    assert stage.of("q") in stage.waits("lost", "QueueMissing")["waiting"]["message"]
    queue = stage.queue("q", stage.of("e"))
    stage.waits("lost", "EnvironmentMissing")
    wait(
        lambda: stage.kube.condition("JobQueue", queue, "Ready")["reason"] == "EnvironmentMissing",
        "its condition",
    )
    stage.environment("e", 2, placement={"architecture": "arm64"})
    stage.runs("lost")
    stage.job("huge", queue, resources={"requests": {"cpu": "3", "memory": "64Mi"}})
    told = stage.waits("huge", "NoCapacity")["waiting"]["message"]
    assert told.startswith(f"it can never run as it is: it needs 3 cpu of 2 in environment {stage.of('e')}.")
    stage.job("other", queue, placement={"architecture": "amd64"})
    told = stage.waits("other", "PlacementConflict")["waiting"]["message"]
    assert told.startswith("placement.architecture is amd64, and arm64 in environment")
    closed = stage.queue("closed", stage.of("e"), allowedNamespaces=["prod", "team-*"])
    stage.job("stranger", closed)
    stage.waits("stranger", "NamespaceNotAllowed")
    assert stage.running() == {"lost"}


def test_namespaces_are_let_in_by_their_labels(stage: Stage) -> None:
    kube, team = stage.kube, stage.kube.namespace
    environment, selector = stage.environment("e", 2), {"matchLabels": {"example.com/team": team}}
    queue = stage.queue("q", environment, namespaceSelector=selector)
    stage.job("one", queue)
    told = stage.waits("one", "NamespaceNotAllowed")["waiting"]["message"]
    assert "by its allowedNamespaces or namespaceSelector" in told
    kube.patch("Namespace", team, {"metadata": {"labels": {"example.com/team": team}}})
    stage.runs("one")
    kube.patch("Namespace", team, {"metadata": {"labels": {"example.com/team": None}}})
    stage.job("two", queue)
    stage.waits("two", "NamespaceNotAllowed")
    kube.patch("JobQueue", queue, {"spec": {"allowedNamespaces": [team]}})
    stage.runs("one", "two")


def test_jobs_run_where_their_environment_says(stage: Stage) -> None:
    taint = {"key": "batch", "operator": "Exists"}
    environment = stage.environment(
        "e", 1, placement={"nodeLabels": {"pool": "batch"}, "tolerations": [taint]}
    )
    stage.job("one", stage.queue("q", environment), placement={"zones": ["z1"]})
    stage.runs("one")
    job = stage.kube.get("Job", "one-1")
    assert job["metadata"]["labels"]["longshore.dev/queue"] == stage.of("q")
    pod = job["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"pool": "batch"}
    assert pod["tolerations"] == [taint]
    assert "z1" in str(pod["affinity"])


def test_an_array_is_admitted_with_all_that_runs_at_once_or_not_at_all(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 3))
    stage.job("one", queue)
    stage.runs("one")
    stage.job("large", queue, array={"size": 9, "maxParallel": 3})
    assert "needs 3 cpu, 2 free of 3" in stage.waits("large", "NoCapacity")["waiting"]["message"]
    stage.job("small", queue)
    stage.waits("small", "InLine")
    assert stage.running() == {"one"}, "what is free is kept for the head"
    stage.end("one")
    stage.runs("large")


def test_a_retry_waits_in_line_again(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 1))
    stage.job("one", queue, retry={"attempts": 2, "backoffSeconds": 1})
    stage.runs("one")
    stage.job("two", queue)
    stage.waits("two", "NoCapacity")
    stage.fail("one")
    wait(
        lambda: stage.tick() and stage.kube.find("Job", "two-1"),
        "the other has its turn while the first pauses",
    )
    stage.waits("one", "NoCapacity")
    stage.end("two")
    wait(lambda: stage.tick() and stage.kube.find("Job", "one-2"), "the second attempt")
    stage.end("one")
    wait(lambda: stage.kube.status("BatchJob", "one").get("phase") == "Succeeded", "it has succeeded")


def test_suspended_it_gives_its_room_back_and_resumes_when_it_is_admitted_again(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 1))
    stage.job("one", queue)
    stage.runs("one")
    stage.job("two", queue)
    stage.waits("two", "NoCapacity")
    stage.kube.patch("BatchJob", "one", {"spec": {"suspend": True}})
    wait(lambda: stage.tick() and stage.kube.find("Job", "two-1"), "the other has the room")
    stage.kube.patch("BatchJob", "one", {"spec": {"suspend": False}})
    stage.waits("one", "NoCapacity")
    stage.end("two")
    wait(lambda: stage.tick() and stage.kube.find("Job", "one-2"), "it goes on")


def test_a_job_that_is_deleted_while_it_runs_makes_room(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("e", 1))
    stage.job("one", queue)
    stage.runs("one")
    stage.job("two", queue)
    stage.waits("two", "NoCapacity")
    stage.kube.delete("BatchJob", "one")
    stage.runs("two")


def test_nodes_are_the_capacity_of_an_unmanaged_environment(stage: Stage) -> None:
    pool = {"placement": {"nodeLabels": {"pool": stage.kube.namespace}}}
    stage.capacity[stage.of("e")] = 3
    stage.kube.create(stage._object("ComputeEnvironment", stage.of("e"), {"type": "Unmanaged"} | pool))
    queue = stage.queue("q", stage.of("e"))
    wait(
        lambda: stage.kube.condition("ComputeEnvironment", stage.of("e"), "Ready")["reason"] == "NoNodes",
        "no nodes",
    )
    stage.job("one", queue)
    stage.waits("one", "NoCapacity")
    for number in range(2):
        node(stage.kube, f"n{number}-{stage.kube.namespace}", {"pool": stage.kube.namespace}, cpu=2 - number)
    stage.runs("one")
    status = wait(
        lambda: (it := stage.kube.status("ComputeEnvironment", stage.of("e"))).get("cpu") == "1/3" and it,
        "1/3",
    )
    assert status["nodes"] == 2
    assert status["free"] == {"cpu": "2", "memory": "8128Mi", "gpus": 0}
    stage.kube.patch("Node", f"n0-{stage.kube.namespace}", {"spec": {"unschedulable": True}})
    wait(
        lambda: stage.kube.status("ComputeEnvironment", stage.of("e")).get("cpu") == "1/1",
        "a cordoned one is left out",
    )
    stage.job("two", queue)
    stage.waits("two", "NoCapacity")


def node(kube: Kube, name: str, labels: Obj, cpu: int) -> None:
    kube.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
    status = {
        "allocatable": {"cpu": str(cpu), "memory": "4Gi", "pods": "100"},
        "capacity": {"cpu": str(cpu), "memory": "4Gi", "pods": "100"},
        "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": now(), "lastHeartbeatTime": now()}
        ],
    }
    kube.patch("Node", name, {"status": status}, "status")
    kube.patch("Node", name, {"spec": {"taints": None}})


def test_an_admission_changes_the_status_of_a_few_of_those_who_wait(
    stage: Stage, operator: OperatorProcess
) -> None:
    queue = stage.queue("q", stage.environment("e", 1))
    stage.job("first", queue)
    stage.runs("first")
    for number in range(120):
        stage.job(f"w{number:03d}", queue)
    stage.waits("w119", "InLine")
    wait(lambda: stage.kube.status("JobQueue", queue).get("waiting") == 120, "all are counted")
    wait(lambda: quiet(operator), "rest")
    stage.end("first")
    wait(lambda: stage.tick() and "w000" in stage.running(), "the next")
    wait(lambda: stage.kube.status("JobQueue", queue).get("waiting") == 119, "it is counted")
    wait(lambda: stage.kube.status("BatchJob", "w100")["queue"]["position"] == 100, "places are told")
    told = {write.rpartition(" ")[2] for write in operator.writes() if "batchjobs/status w" in write}
    assert told <= {"w000", "w001", "w002", "w005", "w010", "w020", "w050", "w100"}
    assert {"w001", "w100"} <= told


def quiet(operator: OperatorProcess) -> bool:
    """Nothing was written for longer than what is put together to one write."""
    operator.mark()
    since = time.monotonic()
    wait(lambda: time.monotonic() - since > 2.5, "a while")
    return operator.writes() == []


def test_killed_again_and_again_no_job_is_lost_or_run_twice(stage: Stage, operator: OperatorProcess) -> None:
    environments = [stage.environment("e", 2), stage.environment("f", 1)]
    queues = [stage.queue("p", *environments), stage.queue("q", *reversed(environments), priority=1)]
    names = [f"j{number:02d}" for number in range(40)]
    for number, name in enumerate(names):
        stage.job(name, queues[number % 2])
    stage.ending = True
    for most in (38, 30, 22, 10):
        wait(lambda most=most: stage.tick() and len(left(stage)) <= most, f"{most} are left", 90)
        operator.kill()
        stage.tick()
        operator.start()
    wait(lambda: stage.tick() and not left(stage), "all have ended", 90)
    made = [
        each["metadata"]["name"] for kind, each in stage.kube.history("Job", stage.since) if kind == "ADDED"
    ]
    assert sorted(name for name in made if name[0] == "j") == [f"{name}-1" for name in names]
    wait(
        lambda: stage.kube.status("ComputeEnvironment", environments[0]).get("jobs") == 0, "nothing is taken"
    )


def left(stage: Stage) -> list[Obj]:
    return [
        each
        for each in stage.kube.list("BatchJob")
        if (each.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]


def test_the_next_leader_takes_over_with_what_is_taken(
    stage: Stage, operator: OperatorProcess, tmp_path: Path
) -> None:
    queue = stage.queue("q", stage.environment("e", 2))
    for number in range(20):
        stage.job(f"j{number:02d}", queue)
    with OperatorProcess(stage.kube, tmp_path) as other:
        stage.ending = True
        wait(lambda: stage.tick() and len(left(stage)) <= 12, "some have ended", 60)
        operator.kill()
        wait(lambda: stage.tick() and not left(stage), "all have ended", 90)
        assert other.readiness()[1]["role"] == "leader"
    order = [int(name[1:]) for name in stage.admitted()]
    assert max(abs(number - place) for place, number in enumerate(order)) <= 1, "but for two of one moment"


def test_kubectl_tells_the_story(stage: Stage) -> None:
    environment = stage.environment("e", 2)
    queue = stage.queue("q", environment, priority=7)
    for name in ("one", "two", "three"):
        stage.job(name, queue)
    wait(lambda: stage.kube.status("JobQueue", queue).get("waiting") == 1, "one waits")
    wait(lambda: stage.kube.status("ComputeEnvironment", environment).get("cpu") == "2/2", "two run")
    words = stage.kube.server.run("get", "jq", queue).splitlines()[1].split()
    assert words[1:7] == ["True", "Open", "7", "1", "2", "<1m"]
    words = stage.kube.server.run("get", "ce", environment).splitlines()[1].split()
    assert words[1:6] == ["True", "Enabled", "Managed", "2", "2/2"]
    line = stage.kube.server.run("get", "bj", "-n", stage.kube.namespace, "-o", "wide")
    assert queue in line


def test_what_cannot_be_is_refused(stage: Stage) -> None:
    for kind, spec, words in (
        ("JobQueue", {"computeEnvironments": []}, "at least 1 items"),
        ("JobQueue", {"computeEnvironments": ["e"], "allowedNamespaces": ["*-x"]}, "a '*' at its end"),
        ("ComputeEnvironment", {}, "a Managed environment needs capacity"),
        ("ComputeEnvironment", {"capacity": {}}, "set at least one of maxCpu"),
        ("ComputeEnvironment", {"type": "Unmanaged", "capacity": {"maxCpu": 1}}, "leave it out"),
        ("BatchJob", {"image": "x", "share": "a"}, "set queue as well"),
    ):
        with pytest.raises(Refused) as refused:
            stage.kube.create(stage._object(kind, stage.of("bad"), spec))
        assert words in refused.value.message
    stage.environment("e", 1)
    with pytest.raises(Refused, match="type cannot be changed"):
        stage.kube.patch(
            "ComputeEnvironment", stage.of("e"), {"spec": {"type": "Unmanaged", "capacity": None}}
        )
