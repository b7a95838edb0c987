"""Gathers the facts about releases: from the caches, and from the server where a run hangs on it.

That a Job doesn't exist is believed of the server only: on the word of an old cache a migration would be run
again, or be given up while it runs.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from longshore.cluster.client import ApiError
from longshore.cluster.resources import CONTROLLER_REVISIONS, JOBS, PODS, Resource
from longshore.runtime.gathering import evidence, owned, slim_pod, warnings_on
from longshore.runtime.queue import Key
from longshore.runtime.wiring import Context
from longshore.webapp.facts import Facts
from longshore.webapp.rollout import choose
from longshore.workload.conditions import parse_time
from longshore.workload.names import RELEASE_LABEL, child_name

Obj = dict[str, Any]
PATIENCE = timedelta(seconds=5)
"""How long a Job may be without pods before the Job controller's events are read."""


async def with_releases(key: Key, facts: Facts, context: Context) -> Facts:
    """The facts, and what is known of releases."""
    facts = _from_caches(key, facts, context)
    if facts.spec.release is None and not facts.release_jobs:
        return facts
    for revision, name in choose(facts, None, context.now()).release.absent:
        await _refresh(CONTROLLER_REVISIONS, key.namespace, child_name(key.name, revision), context)
        await _refresh(JOBS, key.namespace, name, context)
    facts = _from_caches(key, facts, context)
    for job in facts.release_jobs:
        await _read_end(key, job, facts, context)
    facts = _from_caches(key, facts, context)
    found = await evidence(context, key.namespace, facts.release_pods)
    refused = await _pods_refused(facts, context)
    return replace(facts, evidence={**facts.evidence, **found}, release_refused=refused)


def _from_caches(key: Key, facts: Facts, context: Context) -> Facts:
    uid, born = facts.app["metadata"]["uid"], facts.app["metadata"]["creationTimestamp"]
    held = context.stores[JOBS.plural].by_index(str(key))
    jobs = owned(held, uid) + [
        each
        for each in held
        if not each["metadata"].get("ownerReferences") and each["metadata"]["creationTimestamp"] >= born
    ]
    uids = {each["metadata"]["uid"] for each in jobs}
    pods = [
        each
        for each in context.stores[PODS.plural].by_index(str(key))
        if any(owner["uid"] in uids for owner in each["metadata"].get("ownerReferences", ()))
    ]
    revisions = owned(context.stores[CONTROLLER_REVISIONS.plural].by_index(str(key)), uid)
    return replace(facts, release_jobs=jobs, release_pods=pods, revisions=revisions)


async def _refresh(resource: Resource, namespace: str, name: str, context: Context) -> None:
    try:
        live = await context.client.get(resource, namespace, name)
    except ApiError as error:
        if error.status != 404:
            raise
    else:
        live["metadata"].pop("managedFields", None)
        context.stores[resource.plural].put(
            live | {"apiVersion": resource.api_version, "kind": resource.kind}
        )


async def _read_end(key: Key, job: Obj, facts: Facts, context: Context) -> None:
    """The cache of pods may lag behind that of Jobs: the end of a pod is read where it is missing."""
    failed = any(
        each["type"] == "Failed" and each["status"] == "True"
        for each in job.get("status", {}).get("conditions", ())
    )
    if not failed or "ttlSecondsAfterFinished" in job["spec"]:
        return
    mine = [
        pod
        for pod in facts.release_pods
        if any(owner["uid"] == job["metadata"]["uid"] for owner in pod["metadata"]["ownerReferences"])
    ]
    if mine and all(pod.get("status", {}).get("phase") in ("Succeeded", "Failed") for pod in mine):
        return
    for pod in await context.client.list_all(
        PODS, key.namespace, labelSelector=f"{RELEASE_LABEL}={key.name}"
    ):
        context.stores[PODS.plural].put(slim_pod(pod))


async def _pods_refused(facts: Facts, context: Context) -> str | None:
    """The Job controller's last complaint about a Job that has no pod."""
    if facts.release_pods:
        return None
    for job in facts.release_jobs:
        metadata, status = job["metadata"], job.get("status", {})
        young = context.now() - parse_time(metadata["creationTimestamp"]) < PATIENCE
        if status.get("conditions") or status.get("active") or young:
            continue
        for reason, message in reversed(await warnings_on(context, metadata["namespace"], metadata["uid"])):
            if reason == "FailedCreate":
                return message
    return None
