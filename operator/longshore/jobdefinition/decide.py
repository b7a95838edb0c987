"""The whole decision on a JobDefinition: the steps in their order, the status, when to look again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from longshore.api.jobdefinition import JobDefinitionSpec
from longshore.jobdefinition import status as statuses
from longshore.jobdefinition.children import batchjob, revision
from longshore.jobdefinition.facts import Facts
from longshore.jobdefinition.revisions import data_of, latest, to_drop
from longshore.jobdefinition.schedules import Plan, plan
from longshore.workload.decision import Create, Decision, Delete, Obj, Patch, Ref, Step
from longshore.workload.names import RECONCILE_ANNOTATION, SCHEDULE_LABEL
from longshore.workload.parameters import BadParameters, broken_patterns, fill_in, settle


def decide(facts: Facts, now: datetime) -> Decision:
    """What to do about a JobDefinition, given everything that is known of it."""
    if facts.definition["metadata"].get("annotations", {}).get(RECONCILE_ANNOTATION) == "disabled":
        message = "reconciling is disabled: remove the annotation longshore.dev/reconcile to go on"
        return Decision(status=statuses.paused(facts, message, now))
    if mistakes := _mistakes(facts.spec):
        return Decision(status=statuses.refused(facts, "Invalid", "; ".join(mistakes), now))
    data = data_of(facts.spec)
    number, exists = latest(facts, data)
    if not exists:
        status = None
        if facts.refusal is not None:
            status = statuses.refused(facts, facts.refusal.reason, facts.refusal.message, now)
        return Decision((Create(revision.build(facts, number, data)),), status)
    plans = _plans(facts, now)
    status = statuses.build(facts, number, plans, now)
    events = tuple(each.event for each in plans if each.event)
    again = 0.0 if _records_a_run(facts, status) else _again(plans, now)
    return Decision(_steps(facts, plans, number), status, events, again)


def _records_a_run(facts: Facts, status: Obj) -> bool:
    """Whether jobs that have ended may go as soon as this is written: none does before its run is recorded."""
    before, after = (
        {each["name"]: each.get("nextRun") for each in told.get("schedules", ())}
        for told in (facts.status, status)
    )
    ended = any((each.get("status") or {}).get("phase") in ("Succeeded", "Failed") for each in facts.jobs)
    return ended and before != after


def _mistakes(spec: JobDefinitionSpec) -> list[str]:
    """What is wrong with template, parameters and the parameters of schedules, a sentence each."""
    found = broken_patterns(spec.parameters)
    if found:
        return found
    try:
        fill_in(data_of(spec)["template"], dict.fromkeys(spec.parameters, ""))
    except BadParameters as bad:
        found.append(f"template: {bad}")
    for schedule in spec.schedules:
        try:
            settle(spec.parameters, schedule.parameters)
        except BadParameters as bad:
            found.append(f"schedule {schedule.name}: {bad}")
    return found


def _plans(facts: Facts, now: datetime) -> list[Plan]:
    """One for each schedule. Those whose job the API server refused last time come last, not to hold the others."""
    before = {each["name"]: each for each in facts.status.get("schedules", ())}
    since = facts.created if "observedGeneration" not in facts.status else now
    plans = [
        plan(each, before.get(each.name), jobs_of(facts, each.name), since, now)
        for each in facts.spec.schedules
    ]
    return sorted(plans, key=lambda each: "message" in before.get(each.schedule.name, {}))


def jobs_of(facts: Facts, schedule: str) -> list[dict[str, object]]:
    """The BatchJobs of one schedule."""
    return [each for each in facts.jobs if each["metadata"].get("labels", {}).get(SCHEDULE_LABEL) == schedule]


def _steps(facts: Facts, plans: Sequence[Plan], number: int) -> tuple[Step, ...]:
    cancel = {"spec": {"cancel": {"reason": "replaced by the next run of its schedule"}}}
    return (
        *(Patch(Ref.of(job), cancel) for each in plans for job in each.cancel),
        *(Create(batchjob.build(facts, each.schedule, each.run, number)) for each in plans if each.run),
        *(Delete(Ref.of(job)) for each in plans for job in each.delete),
        *(Delete(Ref.of(each)) for each in to_drop(facts)),
    )


def _again(plans: Sequence[Plan], now: datetime) -> float | None:
    moments = [each.next for each in plans if each.next is not None and each.next > now]
    return (min(moments) - now).total_seconds() if moments else None
