"""The commands for batch jobs against a real API server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.apiserver.kube import Kube, now, wait
from tests.apiserver.test_batchjob import batchjob, ended, pods_of, running, stop_pods
from tests.apiserver.test_cli import longshore

pytestmark = pytest.mark.usefixtures("operator")


def test_what_is_submitted_is_listed_cancelled_and_tried_again(kube: Kube, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(json.dumps(batchjob(retry={"attempts": 2})))
    made = longshore(kube, "submit", "-f", str(file))
    assert made.stdout.splitlines()[0] == f"{kube.namespace}/import was created", made.output
    running(kube)
    (head, row) = longshore(kube, "jobs").stdout.splitlines()
    assert (head.split()[:3], row.split()[:4]) == (
        ["NAME", "PHASE", "REASON"],
        ["import", "Running", "Running", "1"],
    )
    early = longshore(kube, "retry", "import")
    assert early.stderr.startswith("error: import has not ended: longshore cancel import")

    assert longshore(kube, "cancel", "import", "--reason", "wrong day").exit_code == 0
    stop_pods(kube, 1)
    assert ended(kube, "Failed")["reason"] == "Cancelled"
    assert kube.condition("BatchJob", "import", "Failed")["message"] == "cancelled: wrong day"
    late = longshore(kube, "cancel", "import")
    assert (late.exit_code, late.stderr) == (
        1,
        "error: import has failed already; there is nothing to cancel\n",
    )

    names = [longshore(kube, "retry", name).stdout.split()[0] for name in ("import", "import")]
    assert names == [f"{kube.namespace}/import-retry-1", f"{kube.namespace}/import-retry-2"]
    again = kube.get("BatchJob", "import-retry-2")["spec"]
    assert (again["retry"]["attempts"], "cancel" in again) == (2, False)


def test_failed_indexes_are_run_again_by_another_job(kube: Kube) -> None:
    kube.create(batchjob(array={"size": 4}))
    pods = wait(lambda: len(it := kube.list("Pod", pods_of(1))) == 4 and it, "four pods")
    for pod in pods:
        code = 1 if pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] in "13" else 0
        state = {"exitCode": code, "reason": "Error", "startedAt": now(), "finishedAt": now()}
        kube.set_pod(pod, "Failed" if code else "Succeeded", {"terminated": state})
    ended(kube, "Failed")
    retried = longshore(kube, "retry", "import", "--failed")
    assert retried.stdout.splitlines()[1] == "# it runs indexes 1,3", retried.output
    assert kube.get("BatchJob", "import-retry-1")["spec"]["array"]["indexes"] == "1,3"
    wait(lambda: len(kube.list("Pod", "longshore.dev/batchjob=import-retry-1")) == 2, "two pods")


def test_a_mistake_that_the_server_finds_is_named_with_its_line(kube: Kube, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(
        "apiVersion: longshore.dev/v1alpha1\nkind: BatchJob\nmetadata:\n  name: import\nspec:\n"
        "  image: import:1\n  array: {size: 4}\n  nodes: {count: 4}\n"
    )
    found = longshore(kube, "submit", "-f", str(file))
    assert found.exit_code == 1
    assert found.stderr.startswith(f"{file}:5: spec: Invalid value: set at most one of array and nodes")


def test_a_log_that_is_not_there_yet_is_explained(kube: Kube) -> None:
    kube.create(batchjob(suspend=True))
    wait(lambda: kube.status("BatchJob", "import").get("waiting"), "it waits")
    found = longshore(kube, "logs", "import")
    assert found.stderr == ("error: import has not started: suspended: set spec.suspend to false to go on\n")
    empty = longshore(kube, "jobs", "--queue", "night")
    assert empty.stderr == f"there is no BatchJob of queue night in namespace {kube.namespace}\n"


def test_a_job_is_made_from_a_definition_with_its_parameters(kube: Kube) -> None:
    template = {"image": "report:1", "args": ["${params.day}"]}
    spec = {"template": template, "parameters": {"day": {"required": True}}}
    kube.create(batchjob("report") | {"kind": "JobDefinition", "spec": spec})
    made = longshore(kube, "submit", "report", "--param", "day=monday")
    assert made.exit_code == 0, made.output
    name = made.stdout.split()[0].partition("/")[2]
    assert name.startswith("report-")
    job = wait(lambda: kube.find("Job", f"{name}-1"), "its Job")
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["monday"]
    assert longshore(kube, "submit", "report", "--param", "day").stderr == (
        "error: --param day has no value: write --param NAME=VALUE\n"
    )
    assert longshore(kube, "submit").stderr.startswith("error: name a JobDefinition")


def test_a_queue_tells_who_waits_in_it_and_why(kube: Kube) -> None:
    name = kube.namespace
    for kind, spec in (
        ("ComputeEnvironment", {"capacity": {"maxCpu": 1}}),
        ("JobQueue", {"computeEnvironments": [name], "maxRunningJobs": 1, "priority": 7}),
    ):
        kube.create(batchjob(name) | {"kind": kind, "spec": spec})
    for job in ("first", "second"):
        kube.create(batchjob(job, queue=name))
        wait(lambda job=job: kube.status("BatchJob", job).get("queue"), "it is in the queue")
    wait(lambda: kube.status("JobQueue", name).get("waiting") == 1, "the queue has counted")
    assert [name, "Open", "7", "1", "1"] in [
        line.split()[:5] for line in longshore(kube, "queue").stdout.splitlines()
    ]
    (_, row) = longshore(kube, "queue", name).stdout.partition("\n\n")[2].splitlines()
    assert row.split()[:4] == ["1", "0", name, "second"]
    assert "runs its maximum of 1 job" in row
    assert longshore(kube, "queue", "none").stderr == (
        "error: there is no JobQueue none: longshore queue lists all\n"
    )
