"""Tells how queues and environments stand. Who is admitted is decided elsewhere, for all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from longshore.api import GROUP, VERSION
from longshore.api.computeenvironment import ComputeEnvironmentSpec
from longshore.api.jobqueue import JobQueueSpec
from longshore.cluster.resources import Resource
from longshore.queueing import status as statuses
from longshore.queueing.objects import environment_of, queue_of
from longshore.runtime.admitter import Admitter
from longshore.runtime.gathering import mistakes_in
from longshore.runtime.queue import Key
from longshore.runtime.reconciler import carry_out
from longshore.runtime.wiring import Context, Kind
from longshore.workload.conditions import Condition, with_one
from longshore.workload.decision import Decision, Refusal

Obj = dict[str, Any]
JOBQUEUES = Resource(GROUP, VERSION, "jobqueues", "JobQueue")
COMPUTE_ENVIRONMENTS = Resource(GROUP, VERSION, "computeenvironments", "ComputeEnvironment")
UNREAD_AGAIN_SECONDS = 5.0
"""While nodes can't be read, it is looked whether they can now: a cluster without nodes has no event that says so."""


async def reconcile_queue(key: Key, context: Context) -> float | None:
    """Brings the status of one JobQueue up to date, and has those looked at whose place in line has changed."""

    def decide(jobqueue: Obj, admitter: Admitter) -> Decision:
        now = context.now()
        queue = queue_of(jobqueue, JobQueueSpec.model_validate(jobqueue["spec"]), now)
        status = statuses.of_queue(jobqueue, queue, admitter.admission, now)
        again = statuses.next_age_seconds(admitter.admission.line(queue.name).oldest(), now)
        return Decision(status=status, again_in_seconds=again)

    return await _tell(JOBQUEUE_KIND, key, decide, context, lambda admitter: admitter.tell(key.name))


async def reconcile_environment(key: Key, context: Context) -> float | None:
    """Brings the status of one ComputeEnvironment up to date, after its nodes were counted."""

    def decide(obj: Obj, admitter: Admitter) -> Decision:
        spec = ComputeEnvironmentSpec.model_validate(obj["spec"])
        status = _status(obj, spec, admitter, context)
        unread = spec.type == "Unmanaged" and "nodes" not in status
        return Decision(status=status, again_in_seconds=UNREAD_AGAIN_SECONDS if unread else None)

    return await _tell(ENVIRONMENT_KIND, key, decide, context)


async def _tell(
    kind: Kind,
    key: Key,
    decide: Callable[[Obj, Admitter], Decision],
    context: Context,
    then: Callable[[Admitter], object] = lambda admitter: None,
) -> float | None:
    """Writes what is decided on an object of this kind, once it is known who is admitted; `then` comes after it."""
    admitter = context.admitter
    if admitter is None or not admitter.is_open():
        return None

    async def once(obj: Obj, refusal: Refusal | None) -> Decision:
        try:
            return decide(obj, admitter)
        except ValidationError as error:
            return _unread(obj, error, context)

    again = await carry_out(kind, key, once, context)
    then(admitter)
    return again


def _status(obj: Obj, spec: ComputeEnvironmentSpec, admitter: Admitter, context: Context) -> Obj:
    admitter.count(obj, spec)
    there, nodes = admitter.capacity_of(spec)
    environment = environment_of(obj["metadata"]["name"], spec, there)
    return statuses.of_environment(obj, environment, nodes, admitter.admission, context.now())


def _unread(obj: Obj, error: ValidationError, context: Context) -> Decision:
    before = obj.get("status") or {}
    condition = Condition("Ready", False, "Invalid", mistakes_in(error))
    generation = obj["metadata"]["generation"]
    told = with_one(condition, before.get("conditions", []), generation, context.now())
    return Decision(status=before | {"observedGeneration": generation, "conditions": told})


JOBQUEUE_KIND = Kind(
    name="JobQueue",
    resource=JOBQUEUES,
    label="",
    watches=(),
    state_name="state",
    state=lambda jobqueue: str(jobqueue["spec"].get("state", "Open")),
    reconcile=reconcile_queue,
    namespaced=False,
)
ENVIRONMENT_KIND = Kind(
    name="ComputeEnvironment",
    resource=COMPUTE_ENVIRONMENTS,
    label="",
    watches=(),
    state_name="state",
    state=lambda obj: str(obj["spec"].get("state", "Enabled")),
    reconcile=reconcile_environment,
    namespaced=False,
)
