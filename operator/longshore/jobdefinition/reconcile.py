"""Gathers the facts about one JobDefinition and has the decision carried out."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from longshore.api.batchjob import JobTemplate
from longshore.api.jobdefinition import JobDefinitionSpec
from longshore.cluster.client import ApiError
from longshore.cluster.resources import CONTROLLER_REVISIONS
from longshore.jobdefinition import status as statuses
from longshore.jobdefinition.decide import decide
from longshore.jobdefinition.facts import Facts
from longshore.jobdefinition.revisions import number_of
from longshore.runtime.gathering import children, mistakes_in, owned
from longshore.runtime.kinds import BATCHJOBS, JOBDEFINITIONS
from longshore.runtime.queue import Key
from longshore.runtime.reconciler import carry_out
from longshore.runtime.wiring import Context, Kind
from longshore.workload.decision import Create, Decision, Patch, Refusal
from longshore.workload.names import JOBDEFINITION_LABEL, pin

Obj = dict[str, Any]


async def reconcile(key: Key, context: Context) -> float | None:
    """Brings one JobDefinition to what is wanted of it. Returns the seconds after which to look again, if any."""
    certain = False

    async def once(definition: Obj, refusal: Refusal | None) -> Decision:
        nonlocal certain
        now = context.now()
        try:
            spec = JobDefinitionSpec.model_validate(definition["spec"])
        except ValidationError as error:
            facts = Facts(definition, JobDefinitionSpec(template=JobTemplate(image="unread")))
            return Decision(status=statuses.refused(facts, "Invalid", mistakes_in(error), now))
        decision = decide(gather(key, definition, spec, refusal, context), now)
        if certain or not _runs(decision):
            return decision
        certain = True
        live = await _read_live(key, context)
        if live is None or live["metadata"]["uid"] != definition["metadata"]["uid"]:
            return Decision()
        return await once(live, refusal)

    return await carry_out(KIND, key, once, context)


def gather(
    key: Key, definition: Obj, spec: JobDefinitionSpec, refusal: Refusal | None, context: Context
) -> Facts:
    """Everything that is known, from the caches."""
    uid, batchjobs = definition["metadata"]["uid"], context.parents[BATCHJOBS.kind]
    revisions = owned(context.stores[CONTROLLER_REVISIONS.plural].by_index(str(key)), uid)
    return Facts(
        definition=definition,
        spec=spec,
        revisions=revisions,
        jobs=owned(batchjobs.by_index(uid), uid),
        pinned=frozenset(
            number
            for number in map(number_of, revisions)
            if batchjobs.names_by_index(pin(key.namespace, key.name, number))
        ),
        refusal=refusal,
    )


def _runs(decision: Decision) -> bool:
    """Whether a job is to be made or cancelled because of the time."""
    return any(
        (isinstance(step, Create) and step.body["kind"] == BATCHJOBS.kind) or isinstance(step, Patch)
        for step in decision.steps
    )


async def _read_live(key: Key, context: Context) -> Obj | None:
    """Puts the definition and the jobs of its schedules into the caches as the server has them.

    What was made and has ended, been deleted and recorded may all be newer than a cache: of a new leader, say.
    """
    try:
        live = await context.client.get(JOBDEFINITIONS, key.namespace, key.name)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    live["metadata"].pop("managedFields", None)
    live |= {"apiVersion": JOBDEFINITIONS.api_version, "kind": JOBDEFINITIONS.kind}
    context.parents[JOBDEFINITIONS.kind].put(live)
    selector = f"{JOBDEFINITION_LABEL}={key.name}"
    for job in await context.client.list_all(BATCHJOBS, key.namespace, labelSelector=selector):
        job["metadata"].pop("managedFields", None)
        context.parents[BATCHJOBS.kind].put(job)
    return live


def _ready(definition: Obj) -> str:
    conditions = (definition.get("status") or {}).get("conditions", ())
    return next((each["status"] for each in conditions if each["type"] == "Ready"), "Unknown")


def _standing(definition: Obj) -> str:
    """What BatchJobs that wait for it go by."""
    status = definition.get("status") or {}
    return f"{status.get('observedGeneration')} {status.get('revision')} {_ready(definition)}"


KIND = Kind(
    name=JOBDEFINITIONS.kind,
    resource=JOBDEFINITIONS,
    label=JOBDEFINITION_LABEL,
    watches=(children(CONTROLLER_REVISIONS),),
    state_name="ready",
    state=_ready,
    reconcile=reconcile,
    standing=_standing,
)
