"""What is said of queues and environments. Figures that move by themselves are told roughly."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

from longshore.queueing.admission import Admission
from longshore.queueing.amounts import UNLIMITED, Amounts, render
from longshore.queueing.model import Environment, Queue
from longshore.workload.conditions import Condition, timestamp
from longshore.workload.conditions import render as conditions
from longshore.workload.decision import Obj

_AGES = (60, 300, 900, 3600, 21600, 86400, 604800)
_TOLD = ("<1m", "1m", "5m", "15m", "1h", "6h", "1d", "7d")


def of_queue(jobqueue: Obj, queue: Queue, admission: Admission, now: datetime) -> Obj:
    """The whole status of a JobQueue."""
    before, line = jobqueue.get("status") or {}, admission.line(queue.name)
    generation, oldest = jobqueue["metadata"]["generation"], line.oldest()
    made: Obj = {
        "observedGeneration": generation,
        "conditions": conditions(
            [_queue_ready(queue, admission)], before.get("conditions", []), generation, now
        ),
        "waiting": len(line),
        "running": line.running,
    }
    if oldest is not None:
        made["oldestWaiting"] = _TOLD[bisect_right(_AGES, now.timestamp() - oldest)]
    if queue.state == "Draining":
        made["drainingSince"] = before.get("drainingSince") or timestamp(now)
    return made


def next_age_seconds(oldest: float | None, now: datetime) -> float | None:
    """After how many seconds the oldest has to be told otherwise."""
    if oldest is None:
        return None
    age = now.timestamp() - oldest
    return next((border - age for border in _AGES if border > age), None)


def _queue_ready(queue: Queue, admission: Admission) -> Condition:
    missing = [name for name in queue.environments if name not in admission.environments]
    if queue.state == "Stopped":
        return Condition("Ready", False, "Stopped", "it starts no jobs: set spec.state to Open to go on")
    if queue.state == "Draining":
        return Condition(
            "Ready", False, "Draining", "it takes no more jobs: set spec.state to Open to take them again"
        )
    if missing:
        names = ", ".join(missing)
        return Condition(
            "Ready",
            False,
            "EnvironmentMissing",
            f"ComputeEnvironment {names} does not exist: create it, or change the queue",
        )
    if not any(admission.environments[name].enabled for name in queue.environments):
        return Condition(
            "Ready",
            False,
            "EnvironmentDisabled",
            "each of its environments is disabled: set the state of one to Enabled",
        )
    return Condition("Ready", True, "Open", "jobs are taken and started")


def of_environment(
    obj: Obj, environment: Environment, nodes: int | None, admission: Admission, now: datetime
) -> Obj:
    """The whole status of a ComputeEnvironment. `nodes` are those that give an Unmanaged one its capacity; None
    while they aren't known, and of a Managed one."""
    before, generation = obj.get("status") or {}, obj["metadata"]["generation"]
    used, free = admission.used(environment.name), admission.free(environment)
    unread = nodes is None and obj["spec"].get("type") == "Unmanaged"
    ready = _environment_ready(environment, nodes, free, unread)
    made: Obj = {
        "observedGeneration": generation,
        "conditions": conditions([ready], before.get("conditions", []), generation, now),
        "jobs": admission.jobs(environment.name),
        "allocated": _amounts(used, environment.capacity),
        "free": _amounts(Amounts(*(max(each, 0) for each in free)), environment.capacity),
    }
    for field, column in (("cpu_millis", "cpu"), ("memory_bytes", "memory"), ("gpus", "gpus")):
        if (limit := getattr(environment.capacity, field)) < UNLIMITED:
            made[column] = f"{render(field, getattr(used, field))}/{render(field, limit)}"
    return made | ({"nodes": nodes} if nodes is not None else {})


def _environment_ready(environment: Environment, nodes: int | None, free: Amounts, unread: bool) -> Condition:
    if not environment.enabled:
        return Condition(
            "Ready",
            False,
            "Disabled",
            "it takes no jobs, those that run go on: set spec.state to Enabled to take them again",
        )
    if unread:
        return Condition(
            "Ready",
            False,
            "NodesUnknown",
            "nodes could not be read yet: where that lasts, let the operator list and watch nodes",
        )
    if nodes == 0:
        return Condition(
            "Ready",
            False,
            "NoNodes",
            "no node that is ready and takes pods is selected: add nodes, or correct spec.placement",
        )
    if min(free) < 0:
        return Condition(
            "Ready",
            True,
            "Overcommitted",
            "it was made smaller than what runs in it: nothing is admitted until enough has ended",
        )
    return Condition("Ready", True, "Enabled", "jobs are taken")


def _amounts(amounts: Amounts, capacity: Amounts) -> Obj:
    """Each resource that has a limit."""
    found = {
        "cpu": render("cpu_millis", amounts.cpu_millis) if capacity.cpu_millis < UNLIMITED else None,
        "memory": render("memory_bytes", amounts.memory_bytes) if capacity.memory_bytes < UNLIMITED else None,
        "gpus": amounts.gpus if capacity.gpus < UNLIMITED else None,
    }
    return {name: amount for name, amount in found.items() if amount is not None}
