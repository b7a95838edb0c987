"""A gang runs wholly or not at all: what is made for it, what is said while pods lack a node, when it gives up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from longshore.batchjob.decide import decide
from longshore.workload.conditions import parse_time
from longshore.workload.decision import Apply, Create, Decision, Patch

from tests.unit.facts import NOW, Obj, at, batch_facts, ended_container, made_job, pod_of

GANG = {"nodes": {"count": 4}}
UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient cpu.",
        }
    ],
}


def bodies(decision: Decision) -> dict[str, Obj]:
    return {step.body["kind"]: step.body for step in decision.steps if isinstance(step, Apply | Create)}


def gang_job(*conditions: tuple[str, str], attempt: int = 1, age: float = 60, **status: Any) -> Obj:
    attempts = [
        {"number": n, "job": f"import-{n}", "finishedAt": at(-3600), "reason": "NodeLost"}
        for n in range(1, attempt)
    ]
    before = {"attempts": attempts}
    facts = batch_facts(GANG | {"retry": RETRIES}, status=before)
    return made_job(bodies(decide(facts, NOW))["Job"], *conditions, age=age, **status)


RETRIES = {"attempts": 2, "rules": [{"reasons": ["Evicted", "NodeLost"], "action": "Retry"}]}


def look(pods: list[Obj], job: Obj, seconds: float = 0, **more: Any) -> Decision:
    facts = batch_facts(GANG | {"retry": RETRIES} | more.pop("spec", {}), jobs=[job], pods=pods, **more)
    return decide(facts, NOW + timedelta(seconds=seconds))


def told(decision: Decision) -> Obj:
    assert decision.status is not None
    return decision.status


def test_its_pods_find_each_other_by_names_that_hold_for_an_attempt() -> None:
    made = bodies(decide(batch_facts(GANG), NOW))
    service, job = made["Service"], made["Job"]["spec"]
    pod = job["template"]["spec"]
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert service["spec"]["selector"].items() <= job["template"]["metadata"]["labels"].items()
    assert pod["subdomain"] == service["metadata"]["name"] == "import-nodes"
    assert (job["completionMode"], job["completions"], job["parallelism"], job["backoffLimit"]) == (
        "Indexed",
        4,
        4,
        0,
    )
    variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert variables["LONGSHORE_NODE_COUNT"] == "4"
    assert variables["LONGSHORE_MAIN_ADDRESS"] == "import-1-0.import-nodes"
    assert variables["LONGSHORE_NODE_INDEX"] is None


def test_it_runs_when_the_last_of_its_pods_does() -> None:
    job = gang_job()
    pods = [pod_of(job, index) for index in range(4)]
    pods[2]["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = at(5)
    late = [*pods[:3], pod_of(job, 3, containerStatuses=[])]
    assert told(look(late, job))["phase"] == "Starting"
    status = told(look(pods, job))
    assert (status["phase"], status["startedAt"]) == ("Running", at(5))
    assert (status["attempts"][0]["pod"], "waiting" in status) == ("import-1-0-x", False)


def test_which_pods_lack_a_node_and_why_is_one_sentence() -> None:
    job = gang_job()
    pods = [*(pod_of(job, index) for index in (0, 1, 3)), pod_of(job, 2, node=None, **UNSCHEDULABLE)]
    waiting = told(look(pods, job))["waiting"]
    assert waiting["reason"] == "GangIncomplete"
    assert waiting["message"].startswith(
        "3 of 4 pods run; pod 2 waits because no node fits the pod: 0/3 nodes are available: 3 Insufficient cpu."
    )
    assert "all give theirs back for a while" in waiting["message"]


def test_pods_that_a_quota_keeps_from_being_made_are_lacking_too() -> None:
    job = gang_job()
    refused = 'Error creating: pods "import-1-2-x" is forbidden: exceeded quota: few, requested: pods=1'
    status = told(look([pod_of(job, 0), pod_of(job, 1)], job, pods_refused=refused))
    assert status["waiting"]["message"].startswith(
        "2 of 4 pods run; pods 2-3 wait because the namespace's quota leaves no room for a pod"
    )


def test_a_gang_that_holds_no_node_waits_as_long_as_it_takes() -> None:
    job = gang_job(age=100_000)
    decision = look([pod_of(job, index, node=None, **UNSCHEDULABLE) for index in range(4)], job)
    assert decision.steps == ()
    assert told(decision)["waiting"]["reason"] == "Unschedulable"


def test_a_gang_whose_pods_all_have_a_node_keeps_them_however_long_an_image_takes() -> None:
    job = gang_job(age=100_000)
    pods = [
        *(pod_of(job, index) for index in range(3)),
        pod_of(job, 3, phase="Pending", containerStatuses=[]),
    ]
    assert look(pods, job).steps == ()


@pytest.mark.parametrize(("age", "given_back"), [(599, False), (901, True)])
def test_nodes_that_are_held_for_too_long_without_the_others_are_given_back(
    age: float, given_back: bool
) -> None:
    job = gang_job(age=age)
    pods = [*(pod_of(job, index) for index in range(3)), pod_of(job, 3, node=None, **UNSCHEDULABLE)]
    decision = look(pods, job)
    assert [step.body for step in decision.steps if isinstance(step, Patch)] == (
        [{"spec": {"suspend": True}}] if given_back else []
    )


def test_it_says_when_it_would_give_back_and_does_so_then() -> None:
    job = gang_job(age=0)
    pods = [*(pod_of(job, index) for index in range(3)), pod_of(job, 3, node=None, **UNSCHEDULABLE)]
    message = told(look(pods, job))["waiting"]["message"]
    moment = parse_time(message.split(" a node by ")[1].split(",")[0])
    assert timedelta(seconds=600) <= moment - NOW <= timedelta(seconds=900)
    before = look(pods, job, (moment - NOW).total_seconds() - 1)
    after = look(pods, job, (moment - NOW).total_seconds())
    assert (len(before.steps), len(after.steps)) == (0, 1)
    assert before.again_in_seconds == 1


def given_back(attempts: int = 1) -> Decision:
    """So many attempts in a row that gave their nodes back, the last of them just now."""
    job = gang_job(("Suspended", "JobSuspended"), attempt=attempts, age=2000, terminating=0)
    job["spec"]["suspend"] = True
    recorded = [
        {
            "number": n,
            "job": f"import-{n}",
            "finishedAt": at(-60),
            "reason": "GangIncomplete",
            "counted": False,
        }
        for n in range(1, attempts)
    ]
    return look([], job, status={"attempts": recorded})


def test_an_attempt_that_gave_its_nodes_back_costs_nothing_and_is_followed_by_another_later() -> None:
    decision = given_back()
    (attempt,) = told(decision)["attempts"]
    assert (attempt["reason"], attempt["counted"], told(decision)["attemptsCounted"]) == (
        "GangIncomplete",
        False,
        0,
    )
    assert told(decision)["phase"] == "Runnable"
    waiting = told(decision)["waiting"]
    assert waiting["reason"] == "GangIncomplete"
    assert "not all of its 4 pods found a node in time" in waiting["message"]
    assert decision.again_in_seconds is not None
    assert 60 <= decision.again_in_seconds <= 120


def test_each_time_in_a_row_it_stays_away_longer() -> None:
    waits = {times: given_back(times).again_in_seconds or 0 for times in (1, 3, 5, 9)}
    assert [times for times, wait in waits.items() if 60 <= wait <= 120] == [1]
    assert [times for times, wait in waits.items() if 240 <= wait <= 480] == [3]
    assert [times for times, wait in waits.items() if 960 <= wait <= 1920] == [5, 9]


def test_two_gangs_in_the_same_place_do_not_give_back_and_come_again_together() -> None:
    def moments(uid: str) -> tuple[str, float | None]:
        job = gang_job(age=0)
        pods = [pod_of(job, 0), pod_of(job, 1, node=None)]
        facts = batch_facts(GANG, jobs=[job], pods=pods)
        facts.batchjob["metadata"]["uid"] = uid
        message = told(decide(facts, NOW + timedelta(seconds=20)))["waiting"]["message"]
        return message.split(" a node by ")[1], decide(facts, NOW).again_in_seconds

    assert moments("one") == moments("one")
    assert len({moments(f"uid-{number}")[0] for number in range(20)}) > 15


def test_one_failed_pod_ends_the_attempt_of_all_and_the_next_is_of_all() -> None:
    job = gang_job(("Failed", "BackoffLimitExceeded"))
    pods = [pod_of(job, 0), pod_of(job, 1, **ended_container(7))]
    status = told(look(pods, job))
    (attempt,) = status["attempts"]
    assert (attempt["reason"], attempt["exitCode"], attempt["pod"]) == ("Error", 7, "import-1-1-x")
    again = decide(
        batch_facts(GANG | {"retry": RETRIES}, status=status, jobs=[job]), NOW + timedelta(seconds=10)
    )
    assert bodies(again)["Job"]["metadata"]["name"] == "import-2"
    assert bodies(again)["Job"]["spec"]["completions"] == 4


LOST = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "DeletionByTaintManager",
    "message": "node gone",
    "lastTransitionTime": at(0),
}


def test_a_lost_node_is_the_reason_although_the_other_pods_failed_before_it_was_told() -> None:
    job = gang_job(("Failed", "BackoffLimitExceeded"))
    lost = pod_of(job, 3, **ended_container(137, seconds=40), conditions=[LOST])
    status = told(look([pod_of(job, 0, **ended_container(1, seconds=2)), lost], job))
    assert (status["attempts"][0]["reason"], status["attempts"][0]["counted"]) == ("NodeLost", False)


def test_the_pod_that_failed_by_itself_is_quoted_and_not_those_that_were_stopped_with_it() -> None:
    job = gang_job(("Failed", "BackoffLimitExceeded"))
    stopped = pod_of(job, 0, **ended_container(143))
    stopped["metadata"]["deletionTimestamp"] = at(0)
    (attempt,) = told(look([stopped, pod_of(job, 2, **ended_container(7))], job))["attempts"]
    assert (attempt["exitCode"], attempt["pod"]) == (7, "import-1-2-x")


def test_a_pod_that_is_taken_from_its_node_is_remembered_until_its_job_has_failed() -> None:
    job = gang_job()
    pods = [*(pod_of(job, index) for index in range(3)), pod_of(job, 3, conditions=[LOST])]
    status = told(look(pods, job))
    assert status["attempts"][0]["reason"] == "NodeLost"
    assert status["phase"] == "Running"
    failed = gang_job(("Failed", "BackoffLimitExceeded"))
    ended = told(look([pod_of(job, 0, **ended_container(1))], failed, status=status))
    assert (ended["attempts"][0]["reason"], ended["attempts"][0]["counted"]) == ("NodeLost", False)


def test_time_in_the_queue_ends_when_the_whole_gang_runs() -> None:
    spec, job = {"timeouts": {"queuedSeconds": 30}}, gang_job(age=0)
    some = [pod_of(job, 0), pod_of(job, 1, node=None)]
    assert told(look(some, job, 31, spec=spec))["waiting"]["reason"] == "QueuedTimeout"
    assert told(look([pod_of(job, index) for index in range(4)], job, 31, spec=spec))["phase"] == "Running"


def test_a_job_that_never_ran_is_told_what_it_waited_for() -> None:
    spec, job = {"timeouts": {"queuedSeconds": 30}}, gang_job(age=0)
    some = [pod_of(job, 0), pod_of(job, 1, node=None)]
    before = {"waiting": {"reason": "Unschedulable", "message": "no node fits", "since": at(0)}}
    stopping = told(look(some, job, 31, spec=spec, status=before))
    never = "no container ran within timeouts.queuedSeconds, 30 s after it was submitted. What it waited for: no node fits"
    assert stopping["waiting"]["message"] == f"{never}; its pods are being stopped"
    assert told(look(some, job, 32, spec=spec, status=stopping))["waiting"] == stopping["waiting"]


def test_attempts_that_the_status_has_dropped_are_not_counted_again() -> None:
    job = gang_job(("Failed", "BackoffLimitExceeded"), age=5000)
    recorded = [
        {"number": n, "job": f"import-{n}", "finishedAt": at(-60), "reason": "NodeLost", "counted": False}
        for n in range(2, 12)
    ]
    status = told(look([], job, status={"attempts": recorded, "attemptsCounted": 0}))
    assert [each["number"] for each in status["attempts"]] == list(range(2, 12))
    assert status["attemptsCounted"] == 0
