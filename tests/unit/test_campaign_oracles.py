"""What the campaigns around waiting judge by: histories that are right, and those that must never be."""

from __future__ import annotations

from tests.apiserver.kube import Obj
from tests.campaigns.waiting import Load, out_of_order, overcommitted

LOAD = Load(
    "pair", 3, {"one": (0,), "two": (0,), "gang": (0,)},
    {"gang": {"nodes": {"count": 2}, "dependsOn": [{"name": "one"}]}, "two": {"dependsOn": [{"name": "one", "when": "Completed"}]}},
)  # fmt: skip
Event = tuple[str, Obj]


def job(name: str, type_: str = "ADDED", ended: bool = False) -> Event:
    conditions = [{"type": "Complete", "status": "True"}] if ended else []
    labels = {"longshore.dev/batchjob": name}
    return type_, {
        "kind": "Job",
        "metadata": {"name": f"{name}-1", "labels": labels},
        "status": {"conditions": conditions},
    }


def batchjob(name: str, phase: str, admitted: bool = False) -> Event:
    queue = {"environment": "room"} if admitted else {}
    return "MODIFIED", {
        "kind": "BatchJob",
        "metadata": {"name": name},
        "status": {"phase": phase, "queue": queue},
    }


def test_who_is_admitted_takes_room_before_there_is_a_job() -> None:
    one, gang, two = (batchjob(name, "Starting", True) for name in ("one", "gang", "two"))
    assert list(overcommitted(LOAD, [one, gang])) == []
    assert [what for what, _ in overcommitted(LOAD, [one, gang, two])] == ["quota"]


def test_a_job_takes_room_whatever_its_status_says() -> None:
    assert list(overcommitted(LOAD, [job("one"), job("gang"), job("two")]))
    assert not list(
        overcommitted(LOAD, [job("one"), job("gang"), job("one", "MODIFIED", ended=True), job("two")])
    )
    assert not list(overcommitted(LOAD, [job("one"), job("gang"), job("one", "DELETED"), job("two")]))


def test_one_that_has_ended_gives_its_room_back() -> None:
    one, gone = batchjob("one", "Running", True), batchjob("one", "Succeeded", True)
    rest = [batchjob("gang", "Starting", True), batchjob("two", "Starting", True)]
    assert not list(overcommitted(LOAD, [one, gone, *rest]))


def test_a_queue_has_its_maximum() -> None:
    few = Load("few", 9, LOAD.codes, {}, most=1)
    assert list(overcommitted(few, [job("one"), job("two")]))
    assert not list(overcommitted(few, [job("one"), batchjob("one", "Running", True)]))


def test_nobody_begins_before_what_it_depends_on() -> None:
    assert list(out_of_order(LOAD, [job("gang")]))
    assert list(out_of_order(LOAD, [batchjob("one", "Running"), job("gang")]))
    assert list(out_of_order(LOAD, [batchjob("one", "Failed"), job("gang")]))
    assert not list(out_of_order(LOAD, [batchjob("one", "Failed"), job("two")]))
    assert not list(out_of_order(LOAD, [batchjob("one", "Succeeded"), job("gang"), job("two")]))
