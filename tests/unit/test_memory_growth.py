"""An attempt that ran out of memory is followed by one with more, up to the ceiling."""

from __future__ import annotations

from datetime import timedelta

import pytest
from longshore.batchjob.attempts import Attempt
from longshore.batchjob.decide import decide
from longshore.batchjob.growth import next_limit
from longshore.workload.decision import Create, Decision
from longshore.workload.pod import with_memory
from longshore.workload.quantities import parse_quantity

from tests.unit.facts import NOW, Obj, at, batch_facts, ended_container, made_job, pod_of

GROWS = {
    "size": "Micro",
    "retry": {"attempts": 4, "backoffSeconds": 10},
    "memoryGrowth": {"factor": 1.5, "max": "1Gi"},
}


def created(decision: Decision) -> Obj:
    return next(
        step.body for step in decision.steps if isinstance(step, Create) and step.body["kind"] == "Job"
    )


def out_of_memory(job: Obj) -> Obj:
    return pod_of(job, **ended_container(137, "OOMKilled"))


@pytest.mark.parametrize(
    ("limit", "reason", "factor", "most", "expected"),
    [
        ("256Mi", "OOMKilled", 2, "1Gi", "512Mi"),
        ("256Mi", "OOMKilled", 1.1, "1Gi", "282Mi"),
        ("600Mi", "OOMKilled", 2, "1Gi", "1Gi"),
        ("1Gi", "OOMKilled", 2, "1Gi", "1Gi"),
        ("2Gi", "OOMKilled", 2, "1Gi", "2Gi"),
        ("512Mi", "Error", 2, "1Gi", "512Mi"),
        ("512Mi", "NodeLost", 2, "1Gi", "512Mi"),
        ("1G", "OOMKilled", 4, 8000000000, "3815Mi"),
    ],
)
def test_what_the_next_attempt_gets(
    limit: str, reason: str, factor: float, most: str | int, expected: str
) -> None:
    spec = batch_facts(GROWS | {"memoryGrowth": {"factor": factor, "max": most}}).spec
    last = Attempt(1, "import-1", finished=NOW, reason=reason, memory=limit)
    assert next_limit(spec, [last]) == expected


def test_without_growth_an_attempt_is_made_from_the_spec() -> None:
    last = Attempt(1, "import-1", finished=NOW, reason="OOMKilled", memory="512Mi")
    assert next_limit(batch_facts({"retry": {"attempts": 2}}).spec, [last]) is None


def test_from_one_attempt_to_the_next_the_status_tells_the_memory() -> None:
    first = made_job(created(decide(batch_facts(GROWS), NOW)), ("Failed", "BackoffLimitExceeded"))
    paused = decide(batch_facts(GROWS, jobs=[first], pods=[out_of_memory(first)]), NOW)
    assert paused.status is not None
    assert paused.status["attempts"][0]["memory"] == "512Mi"
    assert paused.status["waiting"]["message"].endswith(f"attempt 2 starts at {at(10)} with 768Mi")

    later = NOW + timedelta(seconds=10)
    second = created(decide(batch_facts(GROWS, status=paused.status, jobs=[first]), later))
    resources = second["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources == {
        "requests": {"cpu": "250m", "memory": "768Mi"},
        "limits": {"cpu": "250m", "memory": "768Mi"},
    }

    job = made_job(second)
    facts = batch_facts(GROWS, status=paused.status, jobs=[first, job], pods=[pod_of(job)])
    runs = decide(facts, later)
    words = "attempt 2 runs with 768Mi after OOM at 512Mi"
    assert [(event.reason, event.message) for event in runs.events] == [("MemoryGrown", words)]
    assert runs.status is not None
    running = next(each for each in runs.status["conditions"] if each["type"] == "Running")
    assert (running["message"], runs.status["attempts"][1]["memory"]) == (words, "768Mi")

    again = decide(batch_facts(GROWS, status=runs.status, jobs=[first, job], pods=[pod_of(job)]), later)
    assert (again.events, again.status) == ((), runs.status)


def test_a_job_that_ran_out_of_all_that_it_may_grow_to_is_told_of_the_ceiling() -> None:
    spec = GROWS | {"retry": {"attempts": 1}, "memoryGrowth": {"factor": 2, "max": "512Mi"}}
    first = made_job(created(decide(batch_facts(spec), NOW)), ("Failed", "BackoffLimitExceeded"))
    ended = decide(batch_facts(spec, jobs=[first], pods=[out_of_memory(first)]), NOW)
    assert ended.status is not None
    failed = next(each for each in ended.status["conditions"] if each["type"] == "Failed")
    assert failed["message"].endswith(
        "no retries are set, and its memory had grown to memoryGrowth.max, 512Mi: raise that"
    )


def test_a_request_below_the_limit_stays_in_proportion() -> None:
    resources = {"requests": {"cpu": "1", "memory": "100Mi"}, "limits": {"memory": "400Mi"}}
    assert with_memory(resources, "1Gi") == {
        "requests": {"cpu": "1", "memory": "256Mi"},
        "limits": {"memory": "1Gi"},
    }


@pytest.mark.parametrize(
    ("text", "size"),
    [("1Ki", 1024), ("1.5Gi", 1610612736), (2000, 2000), ("2k", 2000), ("3M", 3000000), ("500m", 0.5)],
)
def test_an_amount_in_bytes(text: str | int, size: float) -> None:
    assert float(parse_quantity(text)) == size
