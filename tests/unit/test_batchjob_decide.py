"""Given facts about a BatchJob, this decision; and over random histories: one Job per attempt, always forward."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from longshore.api.batchjob import BatchJobSpec
from longshore.batchjob.attempts import Attempt
from longshore.batchjob.decide import decide
from longshore.batchjob.retry import judge
from longshore.batchjob.status import duration
from longshore.workload.conditions import timestamp
from longshore.workload.decision import Create, Decision, Delete, Patch

from tests.unit.facts import NOW, at, batch_facts, pod

Obj = dict[str, Any]


def created(decision: Decision) -> list[str]:
    return [
        step.body["metadata"]["name"]
        for step in decision.steps
        if isinstance(step, Create) and step.body["kind"] == "Job"
    ]


def test_submitted_it_starts_its_first_attempt() -> None:
    assert created(decide(batch_facts(), NOW)) == ["import-1"]


def test_suspended_it_makes_nothing_and_says_so() -> None:
    decision = decide(batch_facts({"suspend": True}), NOW)
    assert decision.steps == ()
    assert decision.status is not None
    assert (decision.status["phase"], decision.status["waiting"]["reason"]) == ("Runnable", "Suspended")


def starting(seconds: float, **pod_spec: Any) -> Obj:
    """The status so many seconds after the Job was made, while its pod hasn't begun to run."""
    metadata = {
        "name": "import-1",
        "uid": "j1",
        "labels": {"longshore.dev/attempt": "1"},
        "ownerReferences": [OWNER],
    }
    job = {
        "metadata": metadata | {"creationTimestamp": at(0)},
        "spec": {"template": {"spec": {"containers": []}}},
    }
    waiting = pod({"waiting": {"reason": "ContainerCreating"}}, labels=metadata["labels"], phase="Pending")
    waiting["spec"] |= pod_spec
    status = decide(batch_facts(jobs=[job], pods=[waiting]), NOW + timedelta(seconds=seconds)).status
    assert status is not None
    return status  # fmt: skip


def test_where_the_pod_of_a_starting_attempt_stands_is_told_only_when_it_lasts() -> None:
    for spec in ({"nodeName": None}, {"nodeName": "node-1"}):
        soon = starting(9, **spec)
        assert (soon["phase"], soon["waiting"]["message"]) == ("Starting", "its pod is being started")
        assert "pod" not in soon["attempts"][0]
    late = starting(10, nodeName=None)
    assert late["waiting"]["message"] == "its pod waits for a node"
    late = starting(10, nodeName="node-1")
    assert late["waiting"]["message"] == "the node is preparing the container: image and volumes"
    assert (late["attempts"][0]["pod"], late["attempts"][0]["node"]) == ("shop-x", "node-1")


def test_cancelled_before_it_started_it_ends_at_once() -> None:
    decision = decide(batch_facts({"cancel": {"reason": "wrong input"}}), NOW)
    assert decision.steps == ()
    assert decision.status is not None
    assert (decision.status["phase"], decision.status["reason"]) == ("Failed", "Cancelled")
    assert [event.message for event in decision.events] == ["cancelled: wrong input"]


def test_what_has_ended_stays_as_it_is_until_its_time_is_over() -> None:
    status = {"phase": "Failed", "finishedAt": at(0), "observedGeneration": 1}
    facts = batch_facts({"ttlSecondsAfterFinished": 60}, status=status)
    before = decide(facts, NOW + timedelta(seconds=59))
    assert (before.steps, before.status, before.again_in_seconds) == ((), status, 1.0)
    (gone,) = decide(facts, NOW + timedelta(seconds=60)).steps
    assert isinstance(gone, Delete)
    assert (gone.ref.kind, gone.ref.uid) == ("BatchJob", "uid-1")


OWNER = {
    "apiVersion": "longshore.dev/v1alpha1",
    "kind": "BatchJob",
    "name": "import",
    "uid": "uid-1",
    "controller": True,
    "blockOwnerDeletion": True,
}


def suspended_job(still_running: int) -> Obj:
    told = [{"type": "Suspended", "status": "True", "lastTransitionTime": at(5)}]
    metadata = {
        "name": "import-1",
        "uid": "j1",
        "labels": {"longshore.dev/attempt": "1"},
        "creationTimestamp": at(0),
        "ownerReferences": [OWNER],
    }
    spec = {"suspend": True, "template": {"spec": {}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": spec,
        "status": {"conditions": told, "terminating": still_running},
    }


OPEN = {
    "phase": "Running",
    "startedAt": at(0),
    "attempts": [{"number": 1, "job": "import-1", "startedAt": at(0)}],
}


def test_resumed_while_it_was_stopping_it_goes_on_as_a_new_attempt_once_it_has_stopped() -> None:
    waiting = decide(batch_facts(status=OPEN, jobs=[suspended_job(1)]), NOW + timedelta(seconds=10))
    assert waiting.steps == ()
    stopped = decide(batch_facts(status=OPEN, jobs=[suspended_job(0)]), NOW + timedelta(seconds=10))
    assert created(stopped) == ["import-2"]


def test_a_job_whose_owner_reference_was_taken_off_is_taken_back_and_not_run_again() -> None:
    orphan = suspended_job(0)
    orphan["metadata"]["ownerReferences"] = []
    (step,) = decide(batch_facts(status=OPEN, jobs=[orphan]), NOW).steps
    assert isinstance(step, Patch)
    assert (step.ref.name, step.body) == ("import-1", {"metadata": {"ownerReferences": [OWNER]}})


def test_a_deadline_that_has_passed_does_not_make_it_look_again_without_pause() -> None:
    facts = batch_facts({"timeouts": {"totalSeconds": 5}}, status=OPEN, jobs=[suspended_job(1)])
    assert decide(facts, NOW + timedelta(seconds=10)).again_in_seconds is None


FAILED = Attempt(1, "import-1", finished=NOW, exit_code=3, reason="Error")
ANY_EXIT = {"reasons": ["Error"], "action": "Retry"}


@pytest.mark.parametrize(
    ("retry", "reason", "counted", "wait", "why"),
    [
        ({}, "Error", 0, None, "no retries are set"),
        ({"attempts": 3}, "Error", 0, 10, "retried"),
        ({"attempts": 3}, "Error", 1, 20, "retried"),
        ({"attempts": 3}, "Error", 2, None, "attempt 3 of 3 was the last"),
        ({"attempts": 9, "maxBackoffSeconds": 30}, "Error", 5, 30, "retried"),
        (
            {"attempts": 3, "rules": [{"exitCodes": [3], "action": "Fail"}, ANY_EXIT]},
            "Error",
            0,
            None,
            "a retry rule says Fail to exit code 3",
        ),
        (
            {"attempts": 3, "rules": [ANY_EXIT, {"exitCodes": [3], "action": "Fail"}]},
            "Error",
            0,
            10,
            "retried",
        ),
        (
            {"attempts": 1, "rules": [{"reasons": ["NodeLost"], "action": "Retry"}]},
            "NodeLost",
            0,
            10,
            "retried",
        ),
        (
            {"attempts": 1},
            "NodeLost",
            0,
            None,
            "no retries are set. A retry rule with reasons: [NodeLost] and action: Retry has it tried again, which costs no attempt",
        ),
        ({"attempts": 1}, "Suspended", 0, 0, "resumed"),
    ],
)
def test_what_follows_a_failed_attempt(
    retry: Obj, reason: str, counted: int, wait: int | None, why: str
) -> None:
    spec = BatchJobSpec.model_validate({"image": "x", "retry": retry})
    code = 3 if reason == "Error" else None
    verdict = judge(spec, Attempt(1, "import-1", finished=NOW, exit_code=code, reason=reason), counted)
    assert verdict.why == why
    assert verdict.at == (None if wait is None else NOW + timedelta(seconds=wait))


def test_one_that_wrote_more_than_it_may_is_not_told_to_try_again() -> None:
    words = 'the pod was taken from its node: Usage of EmptyDir volume "data" exceeds the limit "1Mi"'
    attempt = Attempt(1, "import-1", finished=NOW, reason="Evicted", message=words)
    assert judge(BatchJobSpec.model_validate({"image": "x"}), attempt, 0).why == "no retries are set"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (133, "2m13s"), (11100, "3h5m"), (187200, "2d4h")])
def test_a_duration_reads_as_in_kubectl(seconds: int, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


class World(RuleBasedStateMachine):
    """A BatchJob, its Jobs, and a controller that may crash between any two writes and read an old status."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.spec: Obj = {"image": "x", "retry": {"attempts": 3, "backoffSeconds": 5}}
        self.status: Obj = {}
        self.older: Obj = {}
        self.jobs: dict[str, Obj] = {}
        self.runs: dict[str, int] = {}
        self.phases: list[str] = []

    def facts(self, status: Obj) -> Any:
        return batch_facts(self.spec, status=status, jobs=list(self.jobs.values()), account_exists=True)

    @rule(seconds=some.integers(0, 30))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(stale=some.booleans(), crash=some.booleans())
    def reconcile(self, stale: bool, crash: bool) -> None:
        for _ in range(3):
            decision = decide(self.facts(self.older if stale else self.status), self.now)
            for step in decision.steps:
                if isinstance(step, Create):
                    self._create(step.body)
                elif isinstance(step, Patch):
                    self.jobs[step.ref.name]["spec"] |= step.body["spec"]
            if crash:
                return
            if not decision.steps:
                break
        if decision.status is not None and not stale:
            self.older, self.status = self.status, decision.status
            self.phases.append(decision.status["phase"])

    def _create(self, body: Obj) -> None:
        name = body["metadata"]["name"]
        if name in self.jobs:  # the API server says that it exists
            return
        metadata = body["metadata"] | {"uid": f"job-{name}", "creationTimestamp": timestamp(self.now)}
        self.jobs[name] = body | {"metadata": metadata, "status": {}}
        self.runs[name] = self.runs.get(name, 0) + 1

    @precondition(lambda self: any(not job["status"].get("conditions") for job in self.jobs.values()))
    @rule(succeeds=some.booleans())
    def a_job_ends(self, succeeds: bool) -> None:
        job = next(job for job in self.jobs.values() if not job["status"].get("conditions"))
        if job["spec"].get("suspend"):
            told = {"type": "Suspended", "status": "True"}
        else:
            told = {
                "type": "Complete" if succeeds else "Failed",
                "status": "True",
                "reason": "BackoffLimitExceeded",
            }
        job["status"] = {"conditions": [told | {"lastTransitionTime": timestamp(self.now)}]}

    @rule(suspended=some.booleans())
    def suspend(self, suspended: bool) -> None:
        self.spec = self.spec | {"suspend": suspended}

    @rule()
    def cancel(self) -> None:
        self.spec = self.spec | {"cancel": {"reason": "enough"}}

    @invariant()
    def no_attempt_runs_twice(self) -> None:
        assert all(times == 1 for times in self.runs.values())

    @invariant()
    def an_end_is_an_end(self) -> None:
        ends = [phase for phase in self.phases if phase in ("Succeeded", "Failed")]
        assert len(set(ends)) <= 1
        assert not ends or self.phases[self.phases.index(ends[0]) :] == [ends[0]] * (
            len(self.phases) - self.phases.index(ends[0])
        )

    @invariant()
    def no_attempt_follows_one_that_succeeded(self) -> None:
        ended = [
            name
            for name, job in self.jobs.items()
            if any(each["type"] == "Complete" for each in job["status"].get("conditions", ()))
        ]
        assert not ended or max(self.jobs, key=lambda name: int(name.rpartition("-")[2])) in ended

    @invariant()
    def at_most_one_attempt_is_open(self) -> None:
        assert sum(not job["status"].get("conditions") for job in self.jobs.values()) <= 1

    @invariant()
    def attempts_that_count_stay_within_the_limit(self) -> None:
        assert self.status.get("attemptsCounted", 0) <= 3


World.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestWorld = World.TestCase
