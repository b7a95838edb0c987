"""An array runs the indexes that are wanted, and is done by the criterion that was set."""

from __future__ import annotations

from typing import Any

import pytest
from longshore.api.batchjob import BatchJobSpec
from longshore.api.ranges import indexes_of, ranges
from longshore.batchjob.decide import decide
from longshore.batchjob.indexes import count
from longshore.workload.decision import Create, Decision, Patch
from pydantic import ValidationError

from tests.unit.facts import NOW, Obj, batch_facts, ended_container, made_job, pod_of

SOME = {"array": {"size": 10, "indexes": "3,7-9"}}


def job_of(spec: Obj) -> Obj:
    steps = decide(batch_facts(spec), NOW).steps
    return next(step.body for step in steps if isinstance(step, Create) and step.body["kind"] == "Job")


def look(spec: Obj, job: Obj, pods: tuple[Obj, ...] = (), **more: Any) -> Decision:
    return decide(batch_facts(spec, jobs=[job], pods=pods, **more), NOW)


def status_of(decision: Decision) -> Obj:
    assert decision.status is not None
    return decision.status


def patches(decision: Decision) -> list[tuple[str | None, Obj]]:
    return [(step.subresource, step.body) for step in decision.steps if isinstance(step, Patch)]


def test_indexes_are_told_as_ranges_and_read_again() -> None:
    assert ranges([7, 1, 3, 4, 5]) == "1,3-5,7"
    assert indexes_of("1,3-5,7,4") == {1, 3, 4, 5, 7}
    assert count("1,3-5,7") == 5
    assert count(None) == 0


def test_its_job_waits_until_the_others_are_told_as_done_and_then_goes_on() -> None:
    made = job_of(SOME)
    assert (made["spec"]["suspend"], made["spec"]["completions"]) == (True, 10)
    unseen = made_job(made)
    assert look(SOME, unseen).steps == (), "the Job controller still writes to it"
    suspended = made_job(made, ("Suspended", "JobSuspended"))
    (mark,) = patches(look(SOME, suspended))
    assert mark == (
        "status",
        {
            "metadata": {"resourceVersion": "7"},
            "status": {"completedIndexes": "0-2,4-6", "succeeded": 6},
        },
    )
    marked = made_job(made, ("Suspended", "JobSuspended"), completedIndexes="0-2,4-6", succeeded=6)
    assert patches(look(SOME, marked)) == [(None, {"spec": {"suspend": False}})]


def test_while_that_is_prepared_it_is_starting_and_counts_the_wanted_ones() -> None:
    status = status_of(look(SOME, made_job(job_of(SOME))))
    assert (status["phase"], status["done"]) == ("Starting", "0/4")
    assert status["array"] == {"succeeded": 0, "failed": 0, "running": 0, "pending": 4}


def test_only_the_wanted_ones_count() -> None:
    job = made_job(job_of(SOME), completedIndexes="0-7", failedIndexes="9", active=1)
    job["spec"]["suspend"] = False
    assert status_of(look(SOME, job))["array"] == {
        "succeeded": 2,
        "failed": 1,
        "running": 1,
        "pending": 0,
        "failedIndexes": "9",
    }


def test_all_indexes_need_no_preparation() -> None:
    assert "suspend" not in job_of({"array": {"size": 4, "indexes": "0-3"}})["spec"]


@pytest.mark.parametrize(
    ("policy", "rule", "most"),
    [
        ({"succeededCount": 2}, {"succeededCount": 8}, None),
        ({"succeededIndexes": "8-9,3"}, {"succeededIndexes": "3,8-9"}, None),
        (
            {"succeededIndexes": "3,8", "succeededCount": 1},
            {"succeededIndexes": "3,8", "succeededCount": 1},
            None,
        ),
        ({"maxFailedIndexes": 0}, None, 0),
    ],
)
def test_the_job_knows_when_it_is_done(policy: Obj, rule: Obj | None, most: int | None) -> None:
    spec = job_of(SOME | {"successPolicy": policy})["spec"]
    assert spec.get("successPolicy") == ({"rules": [rule]} if rule else None)
    assert spec.get("maxFailedIndexes") == most


def test_the_status_says_by_which_criterion_it_has_succeeded() -> None:
    spec = {"array": {"size": 10}, "successPolicy": {"succeededCount": 6}}
    job = made_job(job_of(spec), ("Complete", "SuccessPolicy"), completedIndexes="0-5", failedIndexes="7,9")
    status = status_of(look(spec, job))
    assert (status["phase"], status["reason"]) == ("Succeeded", "SuccessPolicyMet")
    complete = next(each for each in status["conditions"] if each["type"] == "Complete")
    assert complete["message"] == (
        "6 of 10 indexes have succeeded; successPolicy asks for 6. 2 failed, 2 were not needed any more"
    )


def test_the_status_says_by_which_criterion_it_has_failed() -> None:
    spec = {"array": {"size": 10}, "successPolicy": {"maxFailedIndexes": 1}}
    job = made_job(
        job_of(spec), ("Failed", "MaxFailedIndexesExceeded"), completedIndexes="0-5", failedIndexes="7,9"
    )
    status = status_of(look(spec, job, (pod_of(job, 7, **ended_container(3)),)))
    assert (status["phase"], status["reason"]) == ("Failed", "MaxFailedIndexesExceeded")
    failed = next(each for each in status["conditions"] if each["type"] == "Failed")
    assert failed["message"].startswith(
        "2 of 10 indexes failed, more than successPolicy.maxFailedIndexes, 1: 7,9. One of them: the container ended with"
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"array": {"size": 5, "indexes": "3-1"}}, "3-1 is no range: write the lower index first, 1-3"),
        (
            {"array": {"size": 5, "indexes": "1,5"}},
            "indexes begin at 0 and end below size: there is no 5 of 5",
        ),
        ({"array": {"size": 5, "indexes": "1;2"}}, "write indexes and ranges of them, such as 3,7-9"),
        (
            {"array": {"size": 9, "indexes": "0-3"}, "successPolicy": {"succeededIndexes": "3-4"}},
            "successPolicy.succeededIndexes names 4, which the array doesn't run",
        ),
        (
            {"array": {"size": 9, "indexes": "0-3"}, "successPolicy": {"succeededCount": 5}},
            "successPolicy.succeededCount is 5, but only 4 indexes can count",
        ),
    ],
)
def test_what_admission_cannot_look_into_is_refused_when_it_is_read(spec: Obj, words: str) -> None:
    with pytest.raises(ValidationError) as error:
        BatchJobSpec.model_validate({"image": "x"} | spec)
    assert words in str(error.value)
