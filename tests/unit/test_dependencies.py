"""What a BatchJob waits for, and the sentence that says so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from longshore.api.batchjob import Dependency
from longshore.batchjob.decide import decide
from longshore.batchjob.dependencies import find_cycle, judge, may_close_cycle
from longshore.workload.decision import Create

from tests.unit.facts import NOW, at, batch_facts

Obj = dict[str, Any]


def other(phase: str | None = None, reason: str | None = None, **spec: Any) -> Obj:
    return {"spec": spec, "status": {"phase": phase, "reason": reason} if phase else {}}


def decided(
    depends_on: list[Obj], live: Obj, status: Obj | None = None, **spec: Any
) -> tuple[Obj, list[Obj]]:
    facts = batch_facts(
        {"dependsOn": depends_on} | spec, status=status, dependencies=live, account_exists=True
    )
    decision = decide(facts, NOW)
    assert decision.status is not None
    return decision.status, [step.body for step in decision.steps if isinstance(step, Create)]


def test_it_waits_in_phase_pending_and_names_what_it_waits_for() -> None:
    status, created = decided(
        [{"name": "a"}, {"name": "b", "when": "Completed"}, {"name": "c"}, {"name": "d"}],
        {"a": other("Running"), "b": other(), "c": None, "d": other("Succeeded")},
    )
    assert created == []
    assert (status["phase"], status["reason"]) == ("Pending", "DependencyPending")
    assert status["waiting"]["message"] == (
        "waits for a to succeed; waits for b to end;"
        " waits for c, but there is no BatchJob of that name in this namespace: create it"
    )
    assert status["dependencies"] == [
        {"name": "a", "state": "Waiting"},
        {"name": "b", "state": "Waiting"},
        {"name": "c", "state": "Missing"},
        {"name": "d", "state": "Met"},
    ]
    admitted = next(each for each in status["conditions"] if each["type"] == "Admitted")
    assert (admitted["status"], admitted["reason"]) == ("False", "DependencyPending")


def test_it_starts_when_the_last_is_met() -> None:
    _, created = decided([{"name": "a"}, {"name": "b"}], {"a": other("Succeeded"), "b": other("Succeeded")})
    assert [each["metadata"]["name"] for each in created] == ["import-1"]


def test_a_failed_dependency_fails_it_and_says_which_and_why() -> None:
    status, created = decided(
        [{"name": "a"}, {"name": "b"}], {"a": other("Failed", "OOMKilled"), "b": other("Running")}
    )
    assert created == []
    assert (status["phase"], status["reason"]) == ("Failed", "DependencyFailed")
    failed = next(each for each in status["conditions"] if each["type"] == "Failed")
    assert failed["message"].startswith("a (OOMKilled) failed, which this job depends on: mend that")


def test_the_end_of_a_dependency_is_enough_with_completed() -> None:
    _, created = decided([{"name": "a", "when": "Completed"}], {"a": other("Failed", "Error")})
    assert len(created) == 1


def test_what_was_met_stays_met_after_its_deletion() -> None:
    before = {"dependencies": [{"name": "a", "state": "Met"}, {"name": "b", "state": "Waiting"}]}
    _, created = decided([{"name": "a"}, {"name": "b"}], {"a": None, "b": other("Succeeded")}, before)
    assert len(created) == 1


def test_one_that_is_deleted_while_it_is_waited_for_is_told_apart_from_one_that_never_was() -> None:
    before = {"dependencies": [{"name": "a", "state": "Waiting"}]}
    status, _ = decided([{"name": "a"}], {"a": None}, before)
    assert status["waiting"]["message"] == (
        "a was deleted while this job waited for it: create it again, or delete this one"
    )
    again, _ = decided([{"name": "a"}], {"a": None}, status)
    assert again["dependencies"] == [{"name": "a", "state": "Deleted"}]


def test_a_success_is_remembered_also_while_the_job_is_suspended() -> None:
    status, created = decided([{"name": "a"}], {"a": other("Succeeded")}, suspend=True)
    assert (created, status["reason"]) == ([], "Suspended")
    assert status["dependencies"] == [{"name": "a", "state": "Met"}]


def test_cancelled_and_timed_out_it_does_not_wait_on() -> None:
    cancelled, _ = decided([{"name": "a"}], {"a": None}, cancel={"reason": "enough"})
    assert (cancelled["phase"], cancelled["reason"]) == ("Failed", "Cancelled")


def test_of_many_dependencies_some_are_named_and_the_rest_is_counted() -> None:
    wanted = [Dependency(name=f"j{number}") for number in range(8)]
    found = judge(wanted, {each.name or "": other("Running") for each in wanted}, (), ())
    assert found.waiting == ("DependencyPending", "waits for j0, j1, j2, j3, j4 and 3 more to succeed")


def test_every_member_says_the_same_circle() -> None:
    waits = {"a": {"c"}, "b": {"a"}, "c": {"b"}}  # who waits for whom: dependents by name
    circles = {name: find_cycle(name, lambda each: waits.get(each, set())) for name in "abc"}
    assert set(circles.values()) == {("a", "b", "c")}
    facts = batch_facts({"dependsOn": [{"name": "b"}]}, dependencies={"b": other()}, cycle=circles["a"])
    status = decide(facts, NOW).status
    assert status is not None
    assert (status["phase"], status["reason"]) == ("Pending", "DependencyCycle")
    assert "a → b → c → a" in status["waiting"]["message"]


def test_one_that_waits_for_a_circle_is_not_part_of_it() -> None:
    waits = {"a": {"b", "tail"}, "b": {"a"}}
    assert find_cycle("tail", lambda each: waits.get(each, set())) == ()


@given(
    some.dictionaries(some.integers(0, 8), some.sets(some.integers(0, 8), max_size=4), min_size=1, max_size=9)
)
def test_a_circle_is_found_exactly_when_there_is_one(depends: dict[int, set[int]]) -> None:
    def reaches(start: int, goal: int) -> bool:
        seen, ahead = set(), list(depends.get(start, ()))
        while ahead:
            each = ahead.pop()
            if each == goal:
                return True
            if each not in seen:
                seen.add(each)
                ahead += depends.get(each, ())
        return False

    def dependents(name: str) -> list[str]:
        return [str(each) for each, on in depends.items() if int(name) in on]

    for each in depends:
        found = find_cycle(str(each), dependents)
        assert bool(found) == reaches(each, each)
        for name, following in zip(found, (*found[1:], *found[:1]), strict=True):
            assert int(following) in depends[int(name)]


def test_a_circle_is_looked_for_only_when_one_may_have_been_closed() -> None:
    wanted = [Dependency(name="a")]
    waits_itself = other("Pending", dependsOn=[{"name": "b"}])
    seen = {"dependencies": [{"name": "a", "state": "Waiting"}]}
    assert may_close_cycle(wanted, {"a": waits_itself}, {})
    assert not may_close_cycle(wanted, {"a": waits_itself}, seen)
    assert not may_close_cycle(wanted, {"a": other("Running")}, {})
    in_circle = waits_itself | {"status": {"phase": "Pending", "waiting": {"reason": "DependencyCycle"}}}
    assert may_close_cycle(wanted, {"a": in_circle}, seen)


@pytest.mark.parametrize(("when", "failed_indexes"), [("Succeeded", 0), ("Completed", None)])
def test_a_sequential_array_runs_one_index_at_a_time_and_stops_at_a_failure(
    when: str, failed_indexes: int | None
) -> None:
    _, (job,) = decided([{"type": "Sequential", "when": when}], {}, array={"size": 5})
    assert (job["spec"]["parallelism"], job["spec"]["completions"]) == (1, 5)
    assert job["spec"].get("maxFailedIndexes") == failed_indexes


def test_dependencies_are_not_looked_at_once_it_has_started() -> None:
    status = {
        "dependencies": [{"name": "a", "state": "Met"}],
        "attempts": [{"number": 1, "job": "import-1", "startedAt": at(0)}],
    }
    metadata = {"name": "import-1", "uid": "j", "labels": {"longshore.dev/attempt": "1"}, "creationTimestamp": at(0), "ownerReferences": [{"controller": True, "uid": "uid-1"}]}  # fmt: skip
    job = {"metadata": metadata, "spec": {"template": {"spec": {"containers": []}}}}
    facts = batch_facts({"dependsOn": [{"name": "a"}]}, status=status, jobs=[job], dependencies={"a": None})
    after = decide(facts, NOW).status
    assert after is not None
    assert (after["phase"], after["dependencies"]) == ("Running", status["dependencies"])
