"""What is told of requests, queues and environments, and what counts as their capacity."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from longshore.api.common import NodeSelection, Placement
from longshore.api.computeenvironment import ComputeEnvironmentSpec
from longshore.queueing.admission import Admission
from longshore.queueing.amounts import (
    UNLIMITED,
    Amounts,
    cpu_millis,
    memory_bytes,
    parse_quantity,
    render_cpu,
    render_memory,
)
from longshore.queueing.explain import coarse, explain, misplaced
from longshore.queueing.model import Environment, Nodes, Queue, Request, Shape, matches
from longshore.queueing.nodes import allocatable, node_of
from longshore.queueing.objects import environment_of, need_of
from longshore.queueing.status import next_age_seconds, of_environment, of_queue
from longshore.queueing.usage import Usage, part_of
from longshore.workload.placement import within

from tests.unit.facts import NOW

Obj = dict[str, Any]
POOL = Environment("pool", Amounts(4000, 16 << 30, 1))
QUEUE = Queue("q", ("pool",))


def request(uid: str, at: float = 0, cpu: int = 1, **more: Any) -> Request:
    shape = Shape(
        more.pop("namespace", "prod"),
        Amounts(cpu * 1000, 1 << 30, more.pop("gpus", 0)),
        more.pop("nodes", Nodes()),
    )
    return Request(
        uid, more.pop("queue", "q"), more.pop("share", ""), more.pop("priority", 0), at, uid, shape
    )


def admission(
    *requests: Request, queues: tuple[Queue, ...] = (QUEUE,), environments: tuple[Environment, ...] = (POOL,)
) -> Admission:
    """With a round behind it."""
    made = Admission()
    for environment in environments:
        made.set_environment(environment)
    for queue in queues:
        made.set_queue(queue, 0.0)
    for each in requests:
        made.ask(each)
    made.round(1.0)
    return made


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        (2, 2),
        ("1.5Gi", 1610612736),
        ("32386544Ki", 33163821056),
        ("1e3", 1000),
        ("2E", 2 * 10**18),
    ],
)
def test_quantities_are_read(text: str | int, value: float) -> None:
    assert float(parse_quantity(text)) == value


def test_quantities_are_written_as_people_do() -> None:
    assert (render_cpu(2000), render_cpu(2500)) == ("2", "2500m")
    assert (render_memory(3 << 30), render_memory(1536 << 20), render_memory(1000)) == (
        "3Gi",
        "1536Mi",
        "0Mi",
    )


@pytest.mark.parametrize(
    ("spec", "need"),
    [
        ({}, (500, 1 << 30, 0)),
        ({"size": "Large"}, (2000, 4 << 30, 0)),
        ({"size": "Nano", "array": {"size": 100}}, (10_000, 100 * (128 << 20), 0)),
        ({"size": "Nano", "array": {"size": 100, "maxParallel": 4}}, (400, 4 * (128 << 20), 0)),
        ({"size": "Nano", "array": {"size": 2, "maxParallel": 4}}, (200, 2 * (128 << 20), 0)),
        ({"resources": {"limits": {"memory": "1Gi"}, "gpu": {"count": 2}}}, (0, 1 << 30, 2)),
        (
            {"resources": {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": 2}}},
            (250, 1 << 30, 0),
        ),
    ],
)
def test_a_job_needs_what_its_pods_ask_for(spec: Obj, need: tuple[int, int, int]) -> None:
    assert need_of(spec) == Amounts(*need)


def test_names_match_patterns() -> None:
    assert matches("team-*", "team-a")
    assert matches("*", "any")
    assert not matches("team-*", "ops")
    assert not matches("team", "team-a")
    weights = Queue("q", ("e",), weights=(("*", 2), ("team-*", 3), ("team-a", 5)))
    assert [weights.weight_of(share) for share in ("team-a", "team-b", "ops")] == [5, 3, 2]
    assert Queue("q", ("e",)).weight_of("any") == 1


CLOSED = {
    "QueueMissing": admission(request("a"), queues=()),
    "NamespaceNotAllowed": admission(request("a"), queues=(replace(QUEUE, namespaces=("dev-*",)),)),
    "QueueClosed": admission(request("a", 9), queues=(replace(QUEUE, state="Draining", draining_since=8),)),
    "EnvironmentMissing": admission(request("a"), environments=()),
    "EnvironmentDisabled": admission(request("a"), environments=(replace(POOL, enabled=False),)),
    "NoCapacity": admission(request("a", cpu=5)),
    "PlacementConflict": admission(request("a", nodes=Nodes(zones=frozenset({"z1"}))), environments=(replace(POOL, nodes=Nodes(zones=frozenset({"z2"}))),)),
}  # fmt: skip


@pytest.mark.parametrize("reason", CLOSED)
def test_what_can_never_be_is_told_at_once(reason: str) -> None:
    wait = explain(CLOSED[reason], "a")
    assert (wait.reason, wait.position) == (reason, None)


def test_the_reason_of_the_environment_that_is_soonest_mended_is_told() -> None:
    both = replace(QUEUE, environments=("pool", "off", "none"))
    off = Environment("off", Amounts(9000, 1 << 40, 0), enabled=False)
    assert (
        explain(admission(request("a", cpu=8), queues=(both,), environments=(POOL, off)), "a").reason
        == "EnvironmentDisabled"
    )


def test_the_head_is_told_what_is_lacking_and_the_others_who_goes_first() -> None:
    made = admission(
        request("a", 0, 3), request("b", 1, 2, gpus=1), request("c", 2), request("d", 3, priority=-1)
    )
    made.ask(request("e", 4, 4, gpus=1, priority=7))
    assert made.round(2.0) == []
    assert explain(made, "e").message == (
        "needs 4 cpu, 1 free of 4 in environment pool: it is next, and what becomes free is kept for it"
    )
    assert (explain(made, "b").reason, explain(made, "b").position) == ("BehindHigherPriority", 2)
    assert "the next is job e with priority 7" in explain(made, "b").message
    assert (explain(made, "c").reason, explain(made, "c").position) == ("BehindHigherPriority", 5)


def test_other_namespaces_jobs_are_not_named() -> None:
    made = admission(
        request("secret", 0, 4, namespace="bank"),
        request("big", 0, 4, namespace="bank", priority=1),
        request("b", 1),
    )
    assert "secret" not in explain(made, "b").message
    two = (QUEUE, Queue("low", ("pool",)))
    made = admission(
        request("a", 0, 3, namespace="bank"), request("h", 1, 4, namespace="bank"), request("l", 2, 1, queue="low"),
        queues=(replace(QUEUE, priority=1), two[1]),
    )  # fmt: skip
    assert explain(made, "l").message == (
        "what is free in environment pool is kept for a job of another namespace of queue q, which goes first"
    )


def test_places_are_exact_in_front_and_rounded_up_behind() -> None:
    assert [coarse(place) for place in (1, 2, 3, 5, 6, 20, 21, 100, 101, 50_000)] == [
        1, 2, 5, 5, 10, 20, 50, 100, 1000, 100_000,
    ]  # fmt: skip


def test_when_one_is_admitted_those_at_the_borders_of_places_are_told() -> None:
    made = admission(
        request("first", 0, 4), *(request(f"w{number:03d}", 1 + number) for number in range(300))
    )
    told = {uid: explain(made, uid).position for uid in (f"w{number:03d}" for number in range(300))}
    assert list(misplaced(made.line("q"), told.get)) == ["w000"]
    made.release("first", 2.0)
    made.round(2.0)
    changed = set(misplaced(made.line("q"), told.get))
    waiting = [uid for uid in told if made.waiting(uid) is not None]
    assert changed == {uid for uid in waiting if explain(made, uid).position != told[uid]} | {waiting[0]}
    assert len(changed) < 30, "of 300"


def test_a_share_that_has_used_more_waits_for_the_others() -> None:
    fair = replace(QUEUE, half_life_seconds=100.0, weights=(("a", 3), ("b", 1)))
    made = admission(
        *(request(f"a{number}", number, share="a") for number in range(6)),
        *(request(f"b{number}", number, share="b") for number in range(6)), queues=(fair,),
    )  # fmt: skip
    assert sorted(made.claims) == ["a0", "a1", "a2", "b0"]
    assert {explain(made, uid).reason for uid in ("a3", "b1")} == {"NoCapacity", "ShareExhausted"}


def test_usage_counts_half_after_a_half_life() -> None:
    used = Usage().changed(0.5, 0.0, 100.0).changed(-0.5, 10.0, 100.0)
    assert used.rate == 0
    assert used.until(110.0, 100.0).past == pytest.approx(used.past / 2)
    assert used.standing(1, 10.0, 100.0) == used.standing(1, 500.0, 100.0)
    assert part_of(Amounts(1000, 8 << 30, 0), POOL.capacity) == 0.5
    assert part_of(Amounts(1000, 1, 0), Amounts(UNLIMITED, UNLIMITED, UNLIMITED)) == 0.001


def test_a_queue_tells_how_it_stands() -> None:
    made = admission(request("a", NOW.timestamp() - 400, 3), request("b", NOW.timestamp() - 350, 3))
    obj = {"metadata": {"name": "q", "generation": 4}, "spec": {}}
    status = of_queue(obj, QUEUE, made, NOW)
    assert (status["waiting"], status["running"], status["oldestWaiting"]) == (1, 1, "5m")
    assert of_queue(obj | {"status": status}, QUEUE, made, NOW + timedelta(seconds=100)) == status
    assert next_age_seconds(made.line("q").oldest(), NOW) == 550
    (ready,) = status["conditions"]
    assert (ready["status"], ready["reason"], ready["observedGeneration"]) == ("True", "Open", 4)
    reasons = {
        "Stopped": replace(QUEUE, state="Stopped"),
        "Draining": replace(QUEUE, state="Draining"),
        "EnvironmentMissing": replace(QUEUE, environments=("pool", "none")),
    }
    for reason, queue in reasons.items():
        assert of_queue(obj, queue, made, NOW)["conditions"][0]["reason"] == reason
    draining = of_queue(obj, reasons["Draining"], made, NOW)
    assert (
        of_queue(obj | {"status": draining}, reasons["Draining"], made, NOW + timedelta(hours=1))[
            "drainingSince"
        ]
        == draining["drainingSince"]
    )


def test_an_environment_tells_what_is_taken_and_free() -> None:
    made = admission(request("a", cpu=3, gpus=1))
    obj = {"metadata": {"name": "pool", "generation": 1}, "spec": {"type": "Managed"}}
    status = of_environment(obj, POOL, None, made, NOW)
    assert status["allocated"] == {"cpu": "3", "memory": "1Gi", "gpus": 1}
    assert status["free"] == {"cpu": "1", "memory": "15Gi", "gpus": 0}
    assert (status["cpu"], status["memory"], status["gpus"], status["jobs"]) == ("3/4", "1Gi/16Gi", "1/1", 1)
    made.set_environment(smaller := replace(POOL, capacity=Amounts(2000, UNLIMITED, UNLIMITED)))
    status = of_environment(obj, smaller, None, made, NOW)
    assert (status["conditions"][0]["reason"], status["free"]) == ("Overcommitted", {"cpu": "0"})
    assert "memory" not in status


def node(name: str, cpu: str = "4", **more: Any) -> Obj:
    conditions = [{"type": "Ready", "status": "True" if more.pop("ready", True) else "False"}]
    found = {"cpu": cpu, "memory": "8Gi", "nvidia.com/gpu": "2", "pods": "110"}
    return {
        "metadata": {"name": name, "labels": more.pop("labels", {})},
        "spec": more,
        "status": {"allocatable": found, "conditions": conditions},
    }


def test_ready_nodes_of_the_placement_that_take_pods_count() -> None:
    nodes = [
        node("plain", labels={"topology.kubernetes.io/zone": "z1"}),
        node("spot", labels={"karpenter.sh/capacity-type": "spot"}),
        node("cordoned", unschedulable=True),
        node("gone", ready=False),
        node("tainted", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),
    ]
    read = [node_of(each) for each in nodes]

    def count(**selection: Any) -> int:
        return allocatable(read, NodeSelection.model_validate(selection))[1]

    assert allocatable(read, NodeSelection()) == (Amounts(8000, 16 << 30, 4), 2)
    assert count(capacity="Spot") == count(capacity="OnDemand") == count(zones=["z1"]) == 1
    assert count(architecture="arm64") == count(nodeLabels={"a": "b"}) == 0
    assert count(tolerations=[{"key": "gpu", "value": "yes"}]) == 3
    assert count(tolerations=[{"operator": "Exists"}]) == 3
    assert count(tolerations=[{"key": "gpu", "value": "no"}]) == 2


def test_a_job_is_placed_where_both_it_and_its_environment_want_it() -> None:
    job = Placement(zones=["z1", "z2"], node_labels={"disk": "ssd"}, spread="Node")
    there = NodeSelection(
        zones=["z2", "z3"], node_labels={"pool": "batch"}, architecture="arm64", capacity="Spot"
    )
    both = within(job, there)
    assert (both.zones, both.node_labels) == (["z2"], {"disk": "ssd", "pool": "batch"})
    assert (both.architecture, both.capacity, both.spread) == ("arm64", "Spot", "Node")
    assert within(Placement(), NodeSelection()) == Placement()


def test_an_environment_without_a_limit_has_none() -> None:
    spec = ComputeEnvironmentSpec.model_validate({"capacity": {"maxCpu": "1500m"}})
    assert environment_of("e", spec, Amounts()).capacity == Amounts(1500, UNLIMITED, UNLIMITED)
    assert (cpu_millis("1500m"), memory_bytes("1Ki")) == (1500, 1024)
