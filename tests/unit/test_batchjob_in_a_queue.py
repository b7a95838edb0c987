"""Given facts about a BatchJob of a queue, and what the queue answers, this decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from longshore.api.common import NodeSelection
from longshore.batchjob.decide import asks, decide
from longshore.batchjob.definition import Definition
from longshore.queueing.model import Ticket, Wait
from longshore.queueing.objects import claim_of
from longshore.workload.decision import Create, Decision

from tests.unit.facts import NOW, at, batch_facts
from tests.unit.test_batchjob_decide import suspended_job

Obj = dict[str, Any]
LATER = NOW + timedelta(seconds=60)
QUEUED = {"queue": "q"}
ROOM = Ticket(environment="pool")
NODES = NodeSelection(node_labels={"pool": "batch"})


def no_room(position: int | None = 1, message: str = "needs 4 cpu", reason: str = "NoCapacity") -> Ticket:
    return Ticket(wait=Wait(reason, message, position))


def jobs(decision: Decision) -> list[Obj]:
    return [step.body for step in decision.steps if isinstance(step, Create) and step.body["kind"] == "Job"]


def told(decision: Decision) -> Obj:
    assert decision.status is not None
    return decision.status


def in_pool(attempt: int = 1, **status: Any) -> Obj:
    held = {"attempt": attempt, "since": at(0), "environment": "pool", "admittedAt": at(1)}
    return {"status": status | {"queue": held}, "environment": "pool", "nodes": NODES}


def failed_job(number: int = 1) -> Obj:
    condition = {
        "type": "Failed",
        "status": "True",
        "lastTransitionTime": at(20),
        "reason": "BackoffLimitExceeded",
    }
    job = suspended_job(0)
    job["metadata"]["name"] = f"import-{number}"
    return job | {"spec": {"template": {"spec": {}}}, "status": {"conditions": [condition]}}


def test_a_job_takes_what_its_definition_asks_for() -> None:
    whole = {
        "resources": {"requests": {"cpu": "1500m", "memory": "512Mi"}, "gpu": {"count": 2}},
        "array": {"size": 3},
    }
    facts = batch_facts(QUEUED | whole, ticket=ROOM, definition=Definition("train", 4))
    queue = told(decide(facts, NOW))["queue"]
    assert queue["requests"] == {"cpu": "4500m", "memory": "1536Mi", "gpus": 6}
    job = facts.batchjob | {"spec": QUEUED | {"definition": {"name": "train"}}, "status": {"queue": queue}}
    claim = claim_of(job)
    assert claim is not None
    assert claim.need == (4500, 1536 << 20, 6)


def test_an_attempt_that_gets_more_memory_asks_for_it() -> None:
    spec = QUEUED | {"size": "Nano", "retry": {"attempts": 3}, "memoryGrowth": {"factor": 2, "max": "1Gi"}}
    ended = {
        "number": 1,
        "job": "import-1",
        "startedAt": at(1),
        "finishedAt": at(20),
        "reason": "OOMKilled",
        "memory": "128Mi",
    }
    facts = batch_facts(spec, status={"attempts": [ended], "attemptsCounted": 1}, ticket=ROOM)
    facts.batchjob["spec"] = spec
    assert told(decide(facts, LATER))["queue"]["requests"] == {"cpu": "100m", "memory": "256Mi"}


def test_without_room_it_makes_nothing_and_says_why() -> None:
    decision = decide(batch_facts(QUEUED, ticket=no_room()), NOW)
    assert decision.steps == ()
    status = told(decision)
    assert (status["phase"], status["reason"]) == ("Runnable", "NoCapacity")
    assert status["waiting"] == {"reason": "NoCapacity", "message": "needs 4 cpu", "since": at(0)}
    assert status["queue"] == {"attempt": 1, "since": at(0), "position": 1}
    assert status["conditions"][0]["status"] == "False"


def test_room_is_in_the_status_before_there_is_a_job() -> None:
    granted = decide(batch_facts(QUEUED, ticket=ROOM), NOW)
    assert granted.steps == ()
    assert granted.again_in_seconds == 0
    assert told(granted)["queue"] == {
        "attempt": 1,
        "since": at(0),
        "environment": "pool",
        "admittedAt": at(0),
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }
    assert (told(granted)["phase"], told(granted)["conditions"][0]["status"]) == ("Runnable", "True")
    (job,) = jobs(decide(batch_facts(QUEUED, status=told(granted), environment="pool", nodes=NODES), NOW))
    assert job["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "batch"}
    assert job["metadata"]["labels"]["longshore.dev/environment"] == "pool"


def test_the_queue_is_asked_only_for_what_is_to_be_started() -> None:
    assert asks(batch_facts(QUEUED), NOW)[0] == 1
    assert asks(batch_facts(), NOW) is None
    assert asks(batch_facts(QUEUED | {"suspend": True}), NOW) is None
    assert asks(batch_facts(QUEUED, account_allowed=False), NOW) is None
    assert asks(batch_facts(QUEUED, **in_pool()), NOW) is None
    assert asks(batch_facts(QUEUED, status={"phase": "Failed"}), NOW) is None


def test_while_reason_and_place_are_the_same_the_same_words_are_told_and_since_never_moves() -> None:
    first = told(decide(batch_facts(QUEUED, ticket=no_room(50, "12 cpu free", "InLine")), NOW))
    same = decide(batch_facts(QUEUED, status=first, ticket=no_room(50, "3 cpu free", "InLine")), LATER)
    assert told(same) == first
    moved = told(decide(batch_facts(QUEUED, status=first, ticket=no_room(1, "3 cpu free")), LATER))
    assert (moved["waiting"]["message"], moved["queue"]["position"]) == ("3 cpu free", 1)
    assert moved["waiting"]["since"] == moved["queue"]["since"] == at(0)


def test_while_nothing_can_be_said_what_was_told_is_told_on() -> None:
    first = told(decide(batch_facts(QUEUED, ticket=no_room(50)), NOW))
    assert told(decide(batch_facts(QUEUED, status=first), LATER)) == first
    assert told(decide(batch_facts(QUEUED), NOW))["waiting"]["reason"] == "InLine"


def test_an_admission_to_an_environment_that_is_gone_is_none() -> None:
    facts = batch_facts(QUEUED, status=in_pool()["status"])
    decision = decide(facts, NOW)
    assert jobs(decision) == []
    assert told(decision)["queue"] == {"attempt": 1, "since": at(0)}
    assert asks(facts, NOW)[0] == 1


def test_the_end_of_an_attempt_gives_the_room_back_and_the_retry_asks_for_its_own() -> None:
    spec = QUEUED | {"retry": {"attempts": 2, "backoffSeconds": 30}}
    running = in_pool(phase="Running", attempts=[{"number": 1, "job": "import-1", "startedAt": at(2)}])
    pausing = told(decide(batch_facts(spec, jobs=[failed_job()], **running), NOW + timedelta(seconds=21)))
    assert (pausing["phase"], pausing["waiting"]["reason"]) == ("Runnable", "BackOff")
    assert "queue" not in pausing
    again = decide(batch_facts(spec, jobs=[failed_job()], status=pausing, ticket=no_room()), LATER)
    assert jobs(again) == []
    assert told(again)["queue"] == {"attempt": 2, "since": at(60), "position": 1}
    admitted = in_pool(2)["status"] | {"attempts": pausing["attempts"], "attemptsCounted": 1}
    (job,) = jobs(decide(batch_facts(spec, jobs=[failed_job()], **in_pool() | {"status": admitted}), LATER))
    assert job["metadata"]["name"] == "import-2"


def test_the_room_of_an_attempt_that_has_ended_is_not_the_next_one_s() -> None:
    spec = QUEUED | {"retry": {"attempts": 2, "backoffSeconds": 0}}
    running = in_pool(phase="Running", attempts=[{"number": 1, "job": "import-1", "startedAt": at(2)}])
    decision = decide(batch_facts(spec, jobs=[failed_job()], **running), LATER)
    assert jobs(decision) == []
    assert told(decision)["queue"] == {"attempt": 2, "since": at(60)}


def test_a_suspended_array_gives_its_room_back_once_it_stands_still_and_asks_before_it_goes_on() -> None:
    spec = QUEUED | {"array": {"size": 4}}
    running = in_pool(
        phase="Running", startedAt=at(2), attempts=[{"number": 1, "job": "import-1", "startedAt": at(2)}]
    )
    stopping = decide(batch_facts(spec | {"suspend": True}, jobs=[suspended_job(1)], **running), LATER)
    assert told(stopping)["queue"]["environment"] == "pool"
    still = decide(batch_facts(spec | {"suspend": True}, jobs=[suspended_job(0)], **running), LATER)
    assert "queue" not in told(still)
    resumed = batch_facts(spec, jobs=[suspended_job(0)], status=told(still), ticket=no_room())
    assert asks(resumed, LATER)[0] == 1
    decision = decide(resumed, LATER)
    assert decision.steps == ()
    assert (told(decision)["phase"], told(decision)["waiting"]["reason"]) == ("Runnable", "NoCapacity")


def test_what_waits_for_something_else_is_not_in_the_queue() -> None:
    waiting = told(decide(batch_facts(QUEUED, ticket=no_room()), NOW))
    refused = told(decide(batch_facts(QUEUED, status=waiting, account_allowed=False), LATER))
    assert refused["waiting"]["reason"] == "ServiceAccountNotAllowed"
    assert "queue" not in refused


def test_where_it_ran_is_kept_with_its_end() -> None:
    running = in_pool(phase="Running", attempts=[{"number": 1, "job": "import-1", "startedAt": at(2)}])
    status = told(decide(batch_facts(QUEUED, jobs=[failed_job()], **running), LATER))
    assert (status["phase"], status["queue"]["environment"]) == ("Failed", "pool")
