"""A user submits, follows and repeats jobs from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, Obj, phase_is
from tests.e2e.objects import TINY, batch_job


def written(folder: Path, job: Obj) -> str:
    file = folder / "job.yaml"
    file.write_text(json.dumps(job))
    return str(file)


@pytest.mark.parametrize(
    ("words", "code", "log"),
    [
        (("take", "1"), 0, "took 1 MiB\n"),
        (("say-last-words", "no orders today", "42"), 42, "no orders today\n"),
    ],
)
def test_a_job_that_is_followed_shows_its_log_and_gives_its_exit_code(
    namespace: Cluster, tmp_path: Path, words: tuple[str, ...], code: int, log: str
) -> None:
    file = written(tmp_path, batch_job("import", *words))
    found = namespace.longshore("submit", "-f", file, "--name", "today", "--follow")
    assert (found.exit_code, found.stdout) == (code, log), found.output
    assert f"{namespace.namespace}/today was created" in found.stderr
    assert ("# Succeeded" if code == 0 else "# failed: Error, attempt 1 failed") in found.stderr
    again = namespace.longshore("submit", "-f", file, "--name", "today")
    assert (again.exit_code, "choose another name with --name" in again.stderr) == (1, True)


def test_only_the_failed_indexes_of_an_array_run_again_under_their_own_numbers(namespace: Cluster) -> None:
    namespace.apply(batch_job("render", "fail-indexes", "2,7,8", array={"size": 10}))
    namespace.wait("BatchJob", "render", phase_is("Failed"), "ends with three failed indexes", 120)
    assert namespace.longshore("logs", "render", "--index", "7").stdout == "index 7 fails\n"
    retried = namespace.longshore("retry", "render", "--failed")
    assert retried.stdout.splitlines()[1] == "# it runs indexes 2,7,8", retried.output
    job = namespace.wait("BatchJob", "render-retry-1", phase_is("Failed"), "has run them", 120)
    assert job["status"]["array"] == {
        "succeeded": 0,
        "failed": 3,
        "running": 0,
        "pending": 0,
        "failedIndexes": "2,7,8",
    }
    assert len(namespace.list("Pod", batchjob="render-retry-1")) == 3
    assert namespace.longshore("logs", "render-retry-1", "--index", "2").stdout == "index 2 fails\n"
    listed = namespace.longshore("jobs").stdout.splitlines()
    assert [line.split()[:3] for line in listed[1:]] == [
        ["render", "Failed", "IndexesFailed"],
        ["render-retry-1", "Failed", "IndexesFailed"],
    ]


def test_an_array_is_done_when_enough_of_it_has_succeeded(namespace: Cluster) -> None:
    namespace.apply(
        batch_job(
            "some",
            "fail-indexes",
            "0",
            array={"size": 12, "maxParallel": 2},
            successPolicy={"succeededCount": 3},
        ),
        batch_job(
            "few",
            "fail-indexes",
            "0,1,2,3",
            array={"size": 40, "maxParallel": 1},
            successPolicy={"maxFailedIndexes": 1},
        ),
    )
    job = namespace.wait("BatchJob", "some", phase_is("Succeeded"), "succeeds", 90)
    assert job["status"]["reason"] == "SuccessPolicyMet"
    job = namespace.wait("BatchJob", "few", phase_is("Failed"), "fails before all have run", 90)
    assert job["status"]["reason"] == "MaxFailedIndexesExceeded"
    assert job["status"]["array"]["pending"] > 30


def test_an_attempt_that_ran_out_of_memory_is_followed_by_one_with_more(namespace: Cluster) -> None:
    namespace.apply(
        batch_job(
            "grow",
            "take",
            "80",
            resources={**TINY, "limits": {"memory": "48Mi"}},
            retry={"attempts": 3, "backoffSeconds": 1},
            memoryGrowth={"factor": 3, "max": "256Mi"},
        )
    )
    job = namespace.wait("BatchJob", "grow", phase_is("Succeeded"), "succeeds with more memory", 90)
    assert [(each["reason"], each["memory"]) for each in job["status"]["attempts"]] == [
        ("OOMKilled", "48Mi"),
        ("Succeeded", "144Mi"),
    ]
    told = [each["message"] for each in namespace.list("Event") if each["reason"] == "MemoryGrown"]
    assert told == ["attempt 2 runs with 144Mi after OOM at 48Mi"]
