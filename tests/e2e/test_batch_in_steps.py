"""A user defines a job once, with a parameter, and runs a chain of jobs made from it."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, phase_is
from tests.e2e.objects import API, IMAGE, TINY, Obj, batch_job


def definition(name: str) -> Obj:
    template: Obj = {
        "image": f"{IMAGE}:v1",
        "args": ["sleep", "${params.seconds}"],
        "resources": TINY,
        "terminationGracePeriodSeconds": 1,
    }
    parameters = {"seconds": {"default": "1", "pattern": "[0-9]+"}}
    spec = {"template": template, "parameters": parameters}
    return {"apiVersion": API, "kind": "JobDefinition", "metadata": {"name": name}, "spec": spec}


def step(name: str, *depends_on: str, **spec: object) -> Obj:
    base: Obj = {"definition": {"name": "pause"}, "dependsOn": [{"name": each} for each in depends_on]}
    return {"apiVersion": API, "kind": "BatchJob", "metadata": {"name": name}, "spec": base | spec}


def test_a_chain_of_jobs_from_a_definition_runs_in_order(namespace: Cluster) -> None:
    namespace.apply(
        step("third", "second"),
        step("second", "first", parameters={"seconds": "2"}),
        step("first"),
        definition("pause"),
    )
    last = namespace.wait("BatchJob", "third", phase_is("Succeeded"), "succeeds after the others", 120)
    assert last["status"]["definition"]["revision"] == 1
    first, second, third = (
        namespace.get("BatchJob", name)["status"] for name in ("first", "second", "third")
    )
    assert first["finishedAt"] <= second["startedAt"]
    assert second["finishedAt"] <= third["startedAt"]
    container = namespace.get("Job", "second-1")["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["sleep", "2"]
    assert "pause" in namespace.kubectl("get", "jd")


def test_a_failed_step_fails_those_behind_it_and_says_which(namespace: Cluster) -> None:
    namespace.apply(
        definition("pause"), step("first", args=["say-last-words", "no input", "4"]), step("second", "first")
    )
    job = namespace.wait("BatchJob", "second", phase_is("Failed"), "fails with the first")
    assert condition(job, "Failed")["reason"] == "DependencyFailed"
    assert condition(job, "Failed")["message"].startswith("first (Error) failed")


def test_a_schedule_runs_within_its_minute(namespace: Cluster) -> None:
    every_minute = definition("pause")
    every_minute["spec"]["schedules"] = [{"name": "often", "cron": "* * * * *", "timeZone": "Europe/Berlin"}]
    namespace.apply(every_minute)
    found = namespace.wait(
        "JobDefinition",
        "pause",
        lambda it: "lastJob" in (it["status"].get("schedules") or [{}])[0],
        "has run",
        90,
    )
    entry = found["status"]["schedules"][0]
    job = namespace.wait("BatchJob", entry["lastJob"], phase_is("Succeeded"), "succeeds")
    assert job["metadata"]["creationTimestamp"][:16] == entry["lastRun"][:16]


def test_an_array_follows_another_index_by_index_and_leaves_out_what_failed_there(namespace: Cluster) -> None:
    follows = [{"name": "fetch", "type": "EachToEach"}]
    namespace.apply(
        batch_job("resize", "take", "1", array={"size": 4}, dependsOn=follows),
        batch_job("fetch", "fail-indexes", "1", array={"size": 4, "maxParallel": 1}),
    )
    job = namespace.wait("BatchJob", "resize", phase_is("Failed"), "has run what it could", 120)
    counts = {"succeeded": 3, "failed": 1, "running": 0, "pending": 0}
    assert job["status"]["array"] == counts | {"failedIndexes": "1", "notRun": "1"}
    assert "Not run, for the same index of fetch failed: 1." in condition(job, "Failed")["message"]
    pods = namespace.list("Pod", batchjob="resize")
    assert sorted(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] for pod in pods) == [
        "0", "2", "3",
    ]  # fmt: skip
    last_fetched = namespace.get("BatchJob", "fetch")["status"]["finishedAt"]
    assert min(pod["status"]["startTime"] for pod in pods) < last_fetched
