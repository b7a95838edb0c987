"""Reads queues, environments, requests and claims out of the objects of the API.

BatchJobs are read as they are, without their models: there are many of them, and little of each counts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache

import orjson

from longshore.api.common import NodeSelection, Resources
from longshore.api.computeenvironment import Capacity, ComputeEnvironmentSpec
from longshore.api.jobqueue import JobQueueSpec
from longshore.queueing.amounts import (
    UNLIMITED,
    Amounts,
    cpu_millis,
    exact_memory,
    memory_bytes,
    render_cpu,
)
from longshore.queueing.model import Claim, Environment, Nodes, Queue, Request, Shape
from longshore.workload.conditions import parse_time
from longshore.workload.decision import Obj
from longshore.workload.names import RECONCILE_ANNOTATION
from longshore.workload.pod import resources

ENDED = frozenset({"Succeeded", "Failed"})


NO_NAMESPACE = ""
"""A pattern that matches none."""


def queue_of(jobqueue: Obj, spec: JobQueueSpec, now: datetime, selected: Iterable[str] = ()) -> Queue:
    """`selected` are the namespaces that have the labels of its namespaceSelector."""
    since = (jobqueue.get("status") or {}).get("drainingSince")
    fair, by_labels = spec.fair_share, spec.namespace_selector is not None
    return Queue(
        name=jobqueue["metadata"]["name"],
        environments=tuple(spec.compute_environments),
        priority=spec.priority,
        state=spec.state,
        draining_since=(parse_time(since) if since else now).timestamp()
        if spec.state == "Draining"
        else None,
        max_running=spec.max_running_jobs,
        max_waiting=spec.max_waiting_jobs,
        backfill=spec.backfill,
        half_life_seconds=float(fair.half_life_seconds) if fair else None,
        weights=tuple((each.name, each.weight) for each in fair.shares) if fair else (),
        namespaces=tuple(spec.allowed_namespaces) + (tuple(selected) or (NO_NAMESPACE,) if by_labels else ()),
    )


def environment_of(name: str, spec: ComputeEnvironmentSpec, there: Amounts) -> Environment:
    """`there` is what the nodes of an Unmanaged one can allocate."""
    capacity = _capacity(spec.capacity) if spec.capacity is not None else there
    return Environment(name, capacity, spec.state == "Enabled", nodes_of(spec.placement))


def _capacity(capacity: Capacity) -> Amounts:
    return Amounts(
        cpu_millis(capacity.max_cpu) if capacity.max_cpu is not None else UNLIMITED,
        memory_bytes(capacity.max_memory) if capacity.max_memory is not None else UNLIMITED,
        capacity.max_gpus if capacity.max_gpus is not None else UNLIMITED,
    )


def nodes_of(placement: NodeSelection) -> Nodes:
    return Nodes(
        placement.architecture,
        placement.capacity,
        frozenset(placement.zones),
        frozenset(placement.node_labels.items()),
    )


def request_of(batchjob: Obj, spec: Obj) -> Request:
    """The request of a job that names a queue; `spec` is what it runs, with a definition what both make together."""
    metadata = batchjob["metadata"]
    return Request(
        uid=metadata["uid"],
        queue=spec["queue"],
        share=spec.get("share", ""),
        priority=int(spec.get("priority", 0)),
        submitted=parse_time(metadata["creationTimestamp"]).timestamp(),
        name=metadata["name"],
        shape=Shape(metadata["namespace"], need_of(spec), _nodes(orjson.dumps(spec.get("placement") or {}))),
    )


def claim_of(batchjob: Obj) -> Claim | None:
    """What the job takes by its status; None if that doesn't say that it is admitted."""
    status, spec = batchjob.get("status") or {}, batchjob["spec"]
    environment = status.get("queue", {}).get("environment")
    if environment is None or status.get("phase") in ENDED or "queue" not in spec:
        return None
    uid, share = batchjob["metadata"]["uid"], spec.get("share", "")
    taken = status["queue"].get("requests")
    return Claim(uid, spec["queue"], share, environment, _amounts(taken) if taken else need_of(spec))


def written(need: Amounts) -> Obj:
    """Amounts as the status of a job has them."""
    made: Obj = {"cpu": render_cpu(need.cpu_millis), "memory": exact_memory(need.memory_bytes)}
    return made | ({"gpus": need.gpus} if need.gpus else {})


def _amounts(requests: Obj) -> Amounts:
    return Amounts(
        cpu_millis(requests["cpu"]), memory_bytes(requests["memory"]), int(requests.get("gpus", 0))
    )


def says_all(batchjob: Obj) -> bool:
    """Whether the object alone says what its next attempt asks for: it has no definition, and no memory that grows."""
    return "definition" not in batchjob["spec"] and "memoryGrowth" not in batchjob["spec"]


def is_queued(batchjob: Obj) -> bool:
    """Whether the status says that the job waits in its queue, and it isn't kept from being looked after."""
    status, annotations = batchjob.get("status") or {}, batchjob["metadata"].get("annotations", {})
    queued = "queue" in status and "environment" not in status["queue"] and "waiting" in status
    return (
        queued
        and status.get("phase") not in ENDED
        and "queue" in batchjob["spec"]
        and annotations.get(RECONCILE_ANNOTATION) != "disabled"
    )


def history_of(batchjob: Obj, now: float) -> Iterator[tuple[float, float]]:
    """From when to when the job has taken room so far, in seconds since 1970."""
    status = batchjob.get("status") or {}
    for attempt in status.get("attempts", ()):
        if "startedAt" in attempt and "finishedAt" in attempt:
            yield parse_time(attempt["startedAt"]).timestamp(), parse_time(attempt["finishedAt"]).timestamp()
    if claim_of(batchjob) is not None:
        yield parse_time(status["queue"]["admittedAt"]).timestamp(), now


def need_of(spec: Obj) -> Amounts:
    """What all pods of the job ask for that run at once."""
    array, nodes = spec.get("array"), spec.get("nodes")
    pods = min(array.get("maxParallel") or array["size"], array["size"]) if array else 1
    pods = nodes["count"] if nodes else pods
    return _need_of_pod(spec.get("size"), orjson.dumps(spec.get("resources"))).times(pods)


@lru_cache(1024)
def _need_of_pod(size: str | None, exact: bytes) -> Amounts:
    written = orjson.loads(exact)
    requests = resources(size, Resources.model_validate(written) if written else None)["requests"]
    gpus = written["gpu"]["count"] if written and "gpu" in written else 0
    return Amounts(cpu_millis(requests.get("cpu", 0)), memory_bytes(requests["memory"]), gpus)


@lru_cache(1024)
def _nodes(placement: bytes) -> Nodes:
    written = orjson.loads(placement)
    written.pop("spread", None)
    return nodes_of(NodeSelection.model_validate(written))
