"""Gathers the facts about one BatchJob and has the decision carried out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from longshore.api import GROUP, VERSION
from longshore.api.batchjob import BatchJobSpec
from longshore.batchjob import status as statuses
from longshore.batchjob.decide import FINISHED, decide
from longshore.batchjob.facts import Facts, attempt_of, is_orphan
from longshore.batchjob.work import SHARED_ACCOUNT
from longshore.cluster.client import ApiError
from longshore.cluster.resources import CONFIG_MAPS, JOBS, PODS, SERVICE_ACCOUNTS, SERVICES, Resource
from longshore.runtime.gathering import (
    ALLOWED,
    PODS_OF_OURS,
    account_allowed,
    children,
    evidence,
    mistakes_in,
    owned,
    slim_pod,
    warnings_on,
)
from longshore.runtime.queue import Key
from longshore.runtime.reconciler import carry_out
from longshore.runtime.wiring import Context, Kind
from longshore.workload.conditions import parse_time
from longshore.workload.decision import Decision, Refusal
from longshore.workload.names import ATTEMPT_LABEL, BATCHJOB_LABEL

Obj = dict[str, Any]
BATCHJOBS = Resource(GROUP, VERSION, "batchjobs", "BatchJob")
PATIENCE = timedelta(seconds=5)
"""How long a Job may be without pods before the Job controller's events are read."""


async def reconcile(key: Key, context: Context) -> float | None:
    """Brings one BatchJob to what is wanted of it. Returns the seconds after which to look again, if any."""

    async def once(batchjob: Obj, refusal: Refusal | None) -> Decision:
        now = context.now()
        try:
            spec = BatchJobSpec.model_validate(batchjob["spec"])
        except ValidationError as error:
            facts = Facts(batchjob, BatchJobSpec(image="unread"))
            return Decision(status=statuses.refused(facts, "Invalid", mistakes_in(error), now))
        return decide(await gather(key, batchjob, spec, refusal, context), now)

    return await carry_out(KIND, key, once, context)


async def gather(
    key: Key, batchjob: Obj, spec: BatchJobSpec, refusal: Refusal | None, context: Context
) -> Facts:
    """Everything that is known: from the caches, and from the server where an attempt's fate hangs on it."""
    if (batchjob.get("status") or {}).get("phase") in FINISHED:
        return Facts(batchjob, spec)
    jobs = await _jobs(key, batchjob, context)
    pods = await _pods(key, batchjob, jobs, context)
    return Facts(
        batchjob=batchjob,
        spec=spec,
        jobs=jobs,
        pods=pods,
        evidence=await evidence(context, key.namespace, pods),
        pods_refused=await _pods_refused(jobs, pods, spec.nodes.count if spec.nodes else 1, context),
        account_allowed=account_allowed(context, key.namespace, spec.service_account_name),
        account_exists=context.stores[SERVICE_ACCOUNTS.plural].get(key.namespace, SHARED_ACCOUNT) is not None,
        refusal=refusal,
        last_words=context.settings.last_words,
    )


async def _jobs(key: Key, batchjob: Obj, context: Context) -> list[Obj]:
    """Jobs of the cache; one that must be running and isn't there is looked for on the server."""
    store = context.stores[JOBS.plural]
    held = {each["metadata"]["name"] for each in _ours(store.by_index(str(key)), batchjob)}
    for attempt in (batchjob.get("status") or {}).get("attempts", ()):
        if "finishedAt" not in attempt and attempt["job"] not in held:
            try:
                job = await context.client.get(JOBS, key.namespace, attempt["job"])
            except ApiError as error:
                if error.status != 404:
                    raise
            else:
                job["metadata"].pop("managedFields", None)
                store.put(job)
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
            for reason, message in reversed(
                await warnings_on(context, metadata["namespace"], metadata["uid"])
            ):
                if reason == "FailedCreate":
                    return message
    return None


KIND = Kind(
    name="BatchJob",
    resource=BATCHJOBS,
    label=BATCHJOB_LABEL,
    watches=(
        children(CONFIG_MAPS),
        children(JOBS),
        children(SERVICE_ACCOUNTS),
        children(SERVICES),
        PODS_OF_OURS,
        ALLOWED,
    ),
    state_name="phase",
    state=lambda batchjob: (batchjob.get("status") or {}).get("phase") or "Submitted",
    reconcile=reconcile,
)
