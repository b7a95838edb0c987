"""Reads what a batch job needs before its first attempt: its JobDefinition and the BatchJobs that it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from longshore.api.batchjob import BatchJobSpec
from longshore.batchjob.decide import FINISHED
from longshore.batchjob.definition import (
    Definition,
    choose,
    no_revision,
    pinned,
    resolve,
    without_template,
)
from longshore.batchjob.dependencies import CYCLE, find_cycle, may_close_cycle
from longshore.cluster.resources import CONTROLLER_REVISIONS
from longshore.runtime.gathering import look_up
from longshore.runtime.kinds import BATCHJOBS, JOBDEFINITIONS
from longshore.runtime.queue import Key
from longshore.runtime.wiring import Context
from longshore.workload.names import pin, revision_name
from longshore.workload.parameters import BadParameters

Obj = dict[str, Any]


async def read_definition(
    key: Key, batchjob: Obj, own: BatchJobSpec, jobs: Sequence[Obj], context: Context
) -> tuple[BatchJobSpec, Definition | None]:
    """What is run, and where that comes from."""
    if own.definition is None:
        return own, None
    name = own.definition.name
    revision, uid = pinned(batchjob.get("status") or {}, jobs)
    if revision is None:
        choice = own.definition.revision or choose(
            name, key.namespace, await _newest_definition(key.namespace, name, context)
        )
        if isinstance(choice, tuple):
            return own, Definition(name, waiting=choice)
        revision = choice
    held = await _revision(key.namespace, name, revision, context)
    if held is not None and uid not in (None, held["metadata"]["uid"]):
        held = None
    started = bool(jobs or (batchjob.get("status") or {}).get("attempts"))
    if held is None and started:
        gone = f"JobDefinition {name} was deleted, so that there is no further attempt"
        return without_template(batchjob["spec"], jobs), Definition(name, revision, uid, gone=gone)
    if held is None:
        return own, Definition(name, revision, uid, waiting=no_revision(name, revision))
    try:
        return resolve(batchjob["spec"], held["data"]), Definition(name, revision, held["metadata"]["uid"])
    except BadParameters as bad:
        return own, Definition(
            name,
            revision,
            held["metadata"]["uid"],
            invalid=f"{bad} (JobDefinition {name}, revision {revision})",
        )


async def _newest_definition(namespace: str, name: str, context: Context) -> Obj | None:
    """The JobDefinition as the server has it: a job that was created after a change is made from what was changed."""
    store = context.parents[JOBDEFINITIONS.kind]
    if store.get(namespace, name) is None:
        return None
    return await look_up(JOBDEFINITIONS, namespace, name, store, context)


async def _revision(namespace: str, definition: str, revision: int, context: Context) -> Obj | None:
    """The revision of the cache; one that isn't there may have been made a moment ago."""
    name, store = revision_name(definition, revision), context.stores[CONTROLLER_REVISIONS.plural]
    held = store.get(namespace, name) or await look_up(CONTROLLER_REVISIONS, namespace, name, store, context)
    return held if held is not None and _made_for(definition, held) else None


def _made_for(definition: str, revision: Obj) -> bool:
    return any(
        owner.get("controller") and owner["kind"] == JOBDEFINITIONS.kind and owner["name"] == definition
        for owner in revision["metadata"].get("ownerReferences", ())
    )


def read_dependencies(
    key: Key, batchjob: Obj, spec: BatchJobSpec, context: Context
) -> tuple[dict[str, Obj | None], tuple[str, ...]]:
    """The BatchJobs that it depends on, and the cycle that it is part of, if it is."""
    store = context.parents[BATCHJOBS.kind]
    wanted = [each for each in spec.depends_on if each.name is not None]
    live = {each.name or "": store.get(key.namespace, each.name or "") for each in wanted}

    def dependents(name: str) -> Iterable[str]:
        waiting = store.names_by_index(str(Key(BATCHJOBS.kind, key.namespace, name)))
        return (each for _, each in waiting)

    if not may_close_cycle(wanted, live, batchjob.get("status") or {}):
        return live, ()
    return live, find_cycle(key.name, dependents)


def waits_for(batchjob: Obj) -> Iterable[str]:
    """Indexes a BatchJob under what it waits for before its first attempt, and under the JobDefinition that made it."""
    metadata, spec, status = batchjob["metadata"], batchjob.get("spec", {}), batchjob.get("status") or {}
    for owner in metadata.get("ownerReferences", ()):
        if owner.get("controller"):
            yield owner["uid"]
    if status.get("phase") in FINISHED:
        return
    if made_from := status.get("definition"):
        yield pin(metadata["namespace"], made_from["name"], made_from["revision"])
    begun = bool(status.get("attempts"))
    for each in spec.get("dependsOn", ()):
        by_index = each.get("type") == "EachToEach"
        if "name" not in each or (begun and not by_index):
            continue
        if by_index:
            yield _progress_of(metadata["namespace"], each["name"])
        yield str(Key(BATCHJOBS.kind, metadata["namespace"], each["name"]))
    if "definition" in spec and not made_from and not begun:
        yield str(Key(JOBDEFINITIONS.kind, metadata["namespace"], spec["definition"]["name"]))


def progress(batchjob: Obj) -> Iterable[str]:
    """How far an array is, for those that follow it index by index."""
    array = (batchjob.get("status") or {}).get("array")
    if array:
        metadata = batchjob["metadata"]
        told = f"{array['succeeded']}/{array['failed']}"
        yield f"{_progress_of(metadata['namespace'], metadata['name'])}|{told}"


def _progress_of(namespace: str, name: str) -> str:
    return f"each/{namespace}/{name}"


def standing(batchjob: Obj) -> str:
    """What others that wait for it go by: whether, and how, it has ended, or that it is in a cycle."""
    status = batchjob.get("status") or {}
    if status.get("phase") in FINISHED:
        return str(status["phase"])
    return CYCLE if (status.get("waiting") or {}).get("reason") == CYCLE else "open"
