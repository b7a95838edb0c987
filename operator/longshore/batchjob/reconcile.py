"""Gathers the facts about one BatchJob and has the decision carried out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from longshore.api.batchjob import BatchJobSpec
from longshore.api.common import NodeSelection
from longshore.batchjob import status as statuses
from longshore.batchjob.decide import FINISHED, asks, decide
from longshore.batchjob.facts import Facts, attempt_of, is_orphan
from longshore.batchjob.parts import Parts, as_one, look_at, number_of
from longshore.batchjob.prerequisites import (
    progress,
    read_definition,
    read_dependencies,
    standing,
    waits_for,
)
from longshore.batchjob.work import SHARED_ACCOUNT
from longshore.cluster.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    JOBS,
    PODS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from longshore.queueing.model import Ticket, Wait
from longshore.runtime.gathering import (
    ALLOWED,
    PODS_OF_OURS,
    account_allowed,
    children,
    evidence,
    look_up,
    mistakes_in,
    owned,
    read,
    refusals,
    slim_pod,
)
from longshore.runtime.kinds import BATCHJOBS
from longshore.runtime.queue import Key
from longshore.runtime.reconciler import carry_out
from longshore.runtime.wiring import Context, Kind
from longshore.workload.conditions import parse_time
from longshore.workload.decision import Decision, Refusal
from longshore.workload.names import ATTEMPT_LABEL, BATCHJOB_LABEL

Obj = dict[str, Any]
PATIENCE = timedelta(seconds=5)
"""How long a Job may be without pods before the Job controller's events are read."""


async def reconcile(key: Key, context: Context) -> float | None:
    """Brings one BatchJob to what is wanted of it. Returns the seconds after which to look again, if any."""

    async def once(batchjob: Obj, refusal: Refusal | None) -> Decision:
        now = context.now()
        try:
            spec = read(BatchJobSpec, batchjob, context)
        except ValidationError as error:
            facts = Facts(batchjob, BatchJobSpec(image="unread"))
            return Decision(status=statuses.refused(facts, "Invalid", mistakes_in(error), now))
        facts = await gather(key, batchjob, spec, refusal, context)
        if spec.queue is not None:
            facts = replace(facts, ticket=_ticket(facts, spec.queue, context))
        return decide(facts, now)

    return await carry_out(KIND, key, once, context)


def _ticket(facts: Facts, queue: str, context: Context) -> Ticket | None:
    """What the queue answers, now that everything else is known."""
    admitter, asked = context.admitter, asks(facts, context.now())
    if admitter is None:
        message = f"queue {queue} is not looked after: queues need an operator for the whole cluster, without watchNamespaces"
        return Ticket(wait=Wait("QueueMissing", message))
    if asked is None:
        admitter.withdraw(facts.batchjob["metadata"]["uid"])
        return None
    return admitter.ask(facts.batchjob, asked[1])


async def gather(
    key: Key, batchjob: Obj, spec: BatchJobSpec, refusal: Refusal | None, context: Context
) -> Facts:
    """Everything that is known: from the caches, and from the server where an attempt's fate hangs on it."""
    if (batchjob.get("status") or {}).get("phase") in FINISHED:
        return Facts(batchjob, spec)
    jobs = await _jobs(key, batchjob, context)
    pods = await _pods(key, batchjob, jobs, context)
    spec, definition = await read_definition(key, batchjob, spec, jobs, context)
    dependencies, cycle = ({}, ()) if jobs else read_dependencies(key, batchjob, spec, context)
    environment, nodes = _environment(batchjob, context)
    parts = _parts(key, batchjob, spec, jobs, context)
    return Facts(
        batchjob=batchjob,
        spec=spec,
        definition=definition,
        dependencies=dependencies,
        cycle=cycle,
        jobs=jobs if parts is None else _told_as_one(batchjob, spec, parts),
        parts=parts,
        pods=pods,
        evidence=await evidence(context, key.namespace, pods),
        pods_refused=await _pods_refused(jobs, pods, spec.nodes.count if spec.nodes else 1, context),
        account_allowed=account_allowed(context, key.namespace, spec.service_account_name),
        account_exists=context.stores[SERVICE_ACCOUNTS.plural].get(key.namespace, SHARED_ACCOUNT) is not None,
        refusal=refusal,
        environment=environment,
        nodes=nodes,
        last_words=context.settings.last_words,
    )


def _environment(batchjob: Obj, context: Context) -> tuple[str | None, NodeSelection | None]:
    """The environment that the job is admitted to, if it is there, and on which nodes its jobs run."""
    name = (batchjob.get("status") or {}).get("queue", {}).get("environment")
    found = context.parents["ComputeEnvironment"].get("", name) if name and context.admitter else None
    if found is None:
        return None, None
    return name, NodeSelection.model_validate(found["spec"].get("placement") or {})


def _parts(
    key: Key, batchjob: Obj, spec: BatchJobSpec, jobs: Sequence[Obj], context: Context
) -> Parts | None:
    """The parts of an array that follows others index by index, and how far these are."""
    if not spec.index_by_index:
        return None
    store, held = context.parents[BATCHJOBS.kind], context.stores[JOBS.plural]
    others = {str(each.name): store.get(key.namespace, str(each.name)) for each in spec.index_by_index}
    theirs = {
        name: _ours(held.by_index(str(Key(key.kind, key.namespace, name))), other)
        for name, other in others.items()
        if other is not None
    }
    lost = ((batchjob.get("status") or {}).get("array") or {}).get("notRun")
    return Parts(look_at(spec, others, theirs, lost), sorted(jobs, key=number_of))


def _told_as_one(batchjob: Obj, spec: BatchJobSpec, parts: Parts) -> list[Obj]:
    assert spec.array is not None, "only arrays have parts"
    attempts = (batchjob.get("status") or {}).get("attempts", ())
    one = as_one(spec.array, parts, attempts[-1]["job"] if attempts else None)
    return [one] if one is not None else []


async def _jobs(key: Key, batchjob: Obj, context: Context) -> list[Obj]:
    """Jobs of the cache; one that must be running and isn't there is looked for on the server."""
    store = context.stores[JOBS.plural]
    held = {each["metadata"]["name"] for each in _ours(store.by_index(str(key)), batchjob)}
    for attempt in (batchjob.get("status") or {}).get("attempts", ()):
        if "finishedAt" not in attempt and attempt["job"] not in held:
            await look_up(JOBS, key.namespace, attempt["job"], store, context)
    return _ours(store.by_index(str(key)), batchjob)


def _ours(jobs: Iterable[Obj], batchjob: Obj) -> list[Obj]:
    """Jobs of this object, also one whose owner reference was taken off: it runs all the same."""
    metadata, found = batchjob["metadata"], list(jobs)
    submitted = parse_time(metadata["creationTimestamp"])
    return owned(found, metadata["uid"]) + [
        each
        for each in found
        if is_orphan(each) and parse_time(each["metadata"]["creationTimestamp"]) >= submitted
    ]


async def _pods(key: Key, batchjob: Obj, jobs: list[Obj], context: Context) -> list[Obj]:
    """Pods of the cache; those of an attempt that has just ended are read when the cache lacks its end.

    Pods of a namesake that was deleted may linger: what counts is the Job that controls a pod.
    """
    store = context.stores[PODS.plural]
    pods = _controlled(store.by_index(str(key)), jobs)
    recorded = {
        each["number"] for each in (batchjob.get("status") or {}).get("attempts", ()) if "finishedAt" in each
    }
    for job in jobs:
        number = attempt_of(job)
        ended = any(
            each["type"] in ("Complete", "Failed") and each["status"] == "True"
            for each in job.get("status", {}).get("conditions", ())
        )
        if not ended or number in recorded:
            continue
        if not any(
            attempt_of(pod) == number and pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
            for pod in pods
        ):
            selector = f"{BATCHJOB_LABEL}={key.name},{ATTEMPT_LABEL}={number}"
            for pod in await context.client.list_all(PODS, key.namespace, labelSelector=selector):
                store.put(slim_pod(pod))
    return _controlled(store.by_index(str(key)), jobs)


def _controlled(pods: Iterable[Obj], jobs: Iterable[Obj]) -> list[Obj]:
    uids = {each["metadata"]["uid"] for each in jobs}
    return [
        each
        for each in pods
        if any(owner["uid"] in uids for owner in each["metadata"].get("ownerReferences", ()))
    ]


async def _pods_refused(jobs: list[Obj], pods: list[Obj], wanted: int, context: Context) -> str | None:
    """Why the API server lets a Job have fewer pods than are wanted at once."""
    for job in jobs:
        metadata, status = job["metadata"], job.get("status", {})
        young = context.now() - parse_time(metadata["creationTimestamp"]) < PATIENCE
        if (
            status.get("conditions")
            or job["spec"].get("suspend")
            or young
            or status.get("active", 0) >= wanted
        ):
            continue
        if sum(attempt_of(pod) == attempt_of(job) for pod in pods) < wanted:
            said = await refusals(context, metadata["namespace"])
            if metadata["uid"] in said:
                return said[metadata["uid"]]
    return None


KIND = Kind(
    name="BatchJob",
    resource=BATCHJOBS,
    label=BATCHJOB_LABEL,
    watches=(
        children(CONFIG_MAPS),
        children(CONTROLLER_REVISIONS),
        children(JOBS),
        children(SERVICE_ACCOUNTS),
        children(SERVICES),
        PODS_OF_OURS,
        ALLOWED,
    ),
    state_name="phase",
    state=lambda batchjob: (batchjob.get("status") or {}).get("phase") or "Submitted",
    reconcile=reconcile,
    index=waits_for,
    standing=standing,
    claims=progress,
)
