"""Arrays that follow others index by index, against a Job controller that is played: each index runs once."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from longshore.api.batchjob import BatchJobSpec
from longshore.api.ranges import indexes_of, ranges
from longshore.batchjob.decide import FINISHED, decide
from longshore.batchjob.parts import Parts, as_one, look_at, number_of
from longshore.workload.decision import Create, Decision, Patch

from tests.unit.facts import NOW, Obj, at, batch_facts

FOLLOWS = {"name": "fetch", "type": "EachToEach"}


def ended(type_: str) -> Obj:
    return {"type": type_, "status": "True", "lastTransitionTime": at(0)}


@dataclass
class Stage:
    """One array, the one that it follows, and the Jobs as a cluster has them."""

    spec: Obj
    size: int
    phase: str = "Running"
    """Of the other."""
    done: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    status: Obj = field(default_factory=dict)
    jobs: dict[str, Obj] = field(default_factory=dict)
    runs: Counter[int] = field(default_factory=Counter)
    running: dict[str, set[int]] = field(default_factory=dict)

    def decide(self) -> Decision:
        spec = BatchJobSpec.model_validate({"image": "import:1"} | self.spec)
        their_status = {
            "completedIndexes": ranges(self.done),
            "failedIndexes": ranges(self.failed),
            "conditions": [],
        }
        theirs = {"metadata": {"labels": {}}, "spec": {"completions": self.size}, "status": their_status}
        other = {"spec": {"array": {"size": self.size}}, "status": {"phase": self.phase}}
        lost = (self.status.get("array") or {}).get("notRun")
        others = look_at(spec, {"fetch": other}, {"fetch": [theirs]}, lost)
        parts = Parts(others, sorted(self.jobs.values(), key=number_of))
        attempts = self.status.get("attempts", ())
        assert spec.array is not None
        one = as_one(spec.array, parts, attempts[-1]["job"] if attempts else None)
        facts = batch_facts(
            self.spec,
            status=self.status,
            jobs=[one] if one else [],
            parts=parts,
            dependencies={"fetch": other},
        )
        return decide(facts, NOW)

    def carry_out(self, decision: Decision, most: int = 99, recorded: bool = True) -> None:
        """So many steps of it; what was decided of the status is lost if the operator dies before."""
        for step in decision.steps[:most]:
            if isinstance(step, Create) and step.body["kind"] == "Job":
                made = step.body
                if made["metadata"]["name"] not in self.jobs:
                    made = made | {
                        "metadata": made["metadata"]
                        | {"uid": "uid-1", "resourceVersion": "1", "creationTimestamp": at(0)}
                    }
                    self.jobs[made["metadata"]["name"]] = made | {"status": {"conditions": []}}
            elif isinstance(step, Patch):
                job = self.jobs[step.ref.name]
                part = "status" if step.subresource == "status" else "spec"
                self.jobs[step.ref.name] = job | {part: job[part] | step.body[part]}
        if recorded:
            assert decision.status is not None
            self.status = decision.status

    def play(self, rng: random.Random, fails: float = 0.0) -> None:
        """The Job controller and the pods do something."""
        for name, job in self.jobs.items():
            self.jobs[name] = job | {"status": self._played(name, job, rng, fails)}

    def _played(self, name: str, job: Obj, rng: random.Random, fails: float) -> Obj:
        status, spec, running = dict(job["status"]), job["spec"], self.running.setdefault(name, set())
        if any(each["type"] in ("Complete", "Failed") for each in status["conditions"]):
            return status
        if spec.get("suspend"):
            running.clear()
            return status | {"active": 0, "conditions": [ended("Suspended")]}
        done, failed = (
            set(indexes_of(status[each])) if status.get(each) else set()
            for each in ("completedIndexes", "failedIndexes")
        )
        for index in sorted(running):
            if rng.random() < 0.5:
                running.discard(index)
                (failed if rng.random() < fails else done).add(index)
        for index in sorted(set(range(spec["completions"])) - done - failed - running):
            if len(running) < spec["parallelism"]:
                running.add(index)
                self.runs[index] += 1
        ends = []
        if len(done) + len(failed) == spec["completions"]:
            ends = [ended("Failed") | {"reason": "FailedIndexes"} if failed else ended("Complete")]
        told = {"completedIndexes": ranges(done), "failedIndexes": ranges(failed), "active": len(running)}
        return status | {name: value for name, value in told.items() if value != ""} | {"conditions": ends}


def stage(size: int = 4, when: str = "Succeeded", **array: Any) -> Stage:
    return Stage({"array": {"size": size} | array, "dependsOn": [FOLLOWS | {"when": when}]}, size)


def settle(it: Stage, rng: random.Random, rounds: int = 200, **play: Any) -> None:
    for _ in range(rounds):
        if it.status.get("phase") in FINISHED:
            return
        it.carry_out(it.decide())
        it.play(rng, **play)


@pytest.mark.parametrize("seed", range(25))
def test_each_index_runs_once_and_only_after_its_own_whenever_the_operator_dies(seed: int) -> None:
    rng = random.Random(seed)
    size, at_once = rng.choice((2, 5, 12, 40)), rng.choice((None, 1, 3))
    it = stage(size, **({"maxParallel": at_once} if at_once else {}))
    order = rng.sample(range(size), size)
    for _ in range(4000):
        if order and rng.random() < 0.4:
            it.done.add(order.pop())
        elif not order:
            it.phase = "Succeeded"
        decision = it.decide()
        if it.status.get("phase") in FINISHED:
            break
        dies = rng.random() < 0.3
        it.carry_out(decision, rng.randint(0, 3) if dies else 99, recorded=not dies)
        it.play(rng)
        assert set(it.runs) <= it.done
        assert sum(map(len, it.running.values())) <= (at_once or size)
    assert it.status["phase"] == "Succeeded", it.status
    assert it.runs == Counter(range(size))
    assert (it.status["array"]["succeeded"], it.status["done"]) == (size, f"{size}/{size}")


def test_it_waits_for_the_first_index_and_then_runs_what_may_run() -> None:
    it = stage()
    it.carry_out(it.decide())
    assert it.jobs == {}
    assert (it.status["phase"], it.status["waiting"]["message"]) == ("Pending", "waits for fetch to succeed")
    it.done = {1, 3}
    it.carry_out(it.decide())
    (job,) = it.jobs.values()
    assert job["metadata"]["name"] == "import-1-part1"
    assert job["metadata"]["annotations"] == {"longshore.dev/indexes": "1,3"}
    assert (job["spec"]["suspend"], job["spec"]["completions"], job["spec"]["parallelism"]) == (True, 4, 2)
    settle(it, random.Random(1), rounds=20)
    assert it.runs == Counter([1, 3])
    assert it.status["phase"] == "Running" or it.status["phase"] == "Starting"
    assert it.status["waiting"]["message"] == "2 indexes wait for the same of fetch"
    assert it.status["done"] == "2/4"


def test_what_follows_a_failed_index_is_not_run_and_is_told() -> None:
    it = stage()
    it.done, it.failed = {0, 1}, {2}
    settle(it, random.Random(1), rounds=20)
    assert it.status["array"] == {
        "succeeded": 2,
        "failed": 1,
        "running": 0,
        "pending": 1,
        "failedIndexes": "2",
        "notRun": "2",
    }
    it.done, it.phase = {0, 1, 3}, "Failed"
    settle(it, random.Random(1))
    assert (it.status["phase"], it.status["reason"]) == ("Failed", "IndexesFailed")
    assert it.runs == Counter([0, 1, 3])
    told = next(each for each in it.status["conditions"] if each["type"] == "Failed")["message"]
    assert told.startswith("1 of 4 indexes failed: 2. Not run, for the same index of fetch failed: 2.")


def test_with_completed_the_end_of_an_index_is_enough() -> None:
    it = stage(when="Completed")
    it.done, it.failed = {0, 1}, {2}
    settle(it, random.Random(1), rounds=20)
    assert it.runs == Counter([0, 1, 2])
    it.phase = "Failed"
    settle(it, random.Random(1))
    assert (it.status["phase"], it.runs) == ("Succeeded", Counter(range(4)))


def test_own_indexes_that_fail_are_told_beside_those_that_were_not_run() -> None:
    it = stage()
    it.done, it.failed, it.phase = {0, 1, 3}, {2}, "Failed"
    settle(it, random.Random(1), fails=1.0)
    assert it.status["array"]["failedIndexes"] == "0-3"
    assert it.status["array"]["notRun"] == "2"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"array": {"size": 5}}, "has 5 indexes"),
        ({"image": "one:1"}, "is no array"),
    ],
)
def test_sizes_have_to_be_the_same(other: Obj, told: str) -> None:
    spec = BatchJobSpec.model_validate({"image": "import:1", "array": {"size": 4}, "dependsOn": [FOLLOWS]})
    found = look_at(spec, {"fetch": {"spec": other}}, {}, None)
    decision = decide(batch_facts({"array": {"size": 4}, "dependsOn": [FOLLOWS]}, parts=Parts(found)), NOW)
    assert decision.status is not None
    assert decision.status["reason"] == "DependencyFailed"
    message = next(each for each in decision.status["conditions"] if each["type"] == "Failed")["message"]
    assert (
        message
        == f"fetch, which this array of 4 follows index by index, {told}: both need the same array.size"
    )


@pytest.mark.parametrize("when", ["while it runs", "while it waits", "before it runs"])
def test_it_is_cancelled_wherever_it_stands(when: str) -> None:
    it, rng = stage(), random.Random(1)
    it.done = {0, 2}
    if when == "before it runs":
        it.carry_out(it.decide())
    else:
        settle(it, rng, rounds=3 if when == "while it runs" else 30)
    it.spec["cancel"] = {"reason": "no longer needed"}
    settle(it, rng)
    assert (it.status["phase"], it.status["reason"]) == ("Failed", "Cancelled")
    assert all(job["spec"].get("suspend") or job["status"]["conditions"] for job in it.jobs.values())


def test_suspended_it_stops_and_goes_on_with_what_is_left() -> None:
    it, rng = stage(), random.Random(3)
    it.done = {0, 2}
    settle(it, rng, rounds=3)
    it.spec["suspend"] = True
    it.done = {0, 1, 2, 3}
    settle(it, rng, rounds=20)
    assert sum(map(len, it.running.values())) == 0
    assert it.status["phase"] == "Runnable"
    assert len(it.jobs) == 1
    it.spec["suspend"], it.phase = False, "Succeeded"
    settle(it, rng)
    assert it.status["phase"] == "Succeeded"


def test_a_part_that_somebody_deleted_ends_the_array_and_what_still_runs() -> None:
    it, rng = stage(6), random.Random(1)
    it.done = {0, 2}
    settle(it, rng, rounds=4)
    it.done = {0, 2, 4, 5}
    settle(it, rng, rounds=1)
    assert len(it.jobs) == 2
    del it.jobs["import-1-part1"]
    it.carry_out(it.decide())
    assert (it.status["phase"], it.status["attempts"][-1]["reason"]) == ("Failed", "JobDeleted")
    assert it.jobs["import-1-part2"]["spec"]["suspend"]


def test_a_long_array_is_made_of_few_parts_though_its_indexes_come_one_by_one() -> None:
    it, rng = stage(300), random.Random(1)
    for index in range(300):
        it.done.add(index)
        for _ in range(6):
            it.carry_out(it.decide())
            it.play(rng)
    it.phase = "Succeeded"
    settle(it, rng)
    assert it.runs == Counter(range(300))
    assert len(it.jobs) < 100
