"""What is said of a JobDefinition: whether jobs can be made from it, from which revision, and where schedules stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from longshore.jobdefinition.facts import Facts
from longshore.jobdefinition.schedules import Plan
from longshore.workload.conditions import Condition, with_one
from longshore.workload.decision import Obj
from longshore.workload.names import SCHEDULE_LABEL


def build(facts: Facts, revision: int, plans: Sequence[Plan], now: datetime) -> Obj:
    """The whole status."""
    schedules = _schedules(facts, plans)
    parts: Obj = {
        "observedGeneration": facts.generation,
        "conditions": with_one(
            _ready(facts, revision, plans), facts.status.get("conditions", []), facts.generation, now
        ),
        "revision": revision,
        "schedules": schedules,
    }
    if schedules:
        parts["active"] = sum(each["active"] for each in schedules)
    if following := [each["nextRun"] for each in schedules if "nextRun" in each]:
        parts["nextRun"] = min(following)
    return parts


def refused(facts: Facts, reason: str, message: str, now: datetime) -> Obj:
    """The status when no job can be made from the spec as it is: what was known before, and why."""
    condition = Condition("Ready", False, reason, message)
    return facts.status | {
        "observedGeneration": facts.generation,
        "conditions": with_one(condition, facts.status.get("conditions", []), facts.generation, now),
    }


def paused(facts: Facts, message: str, now: datetime) -> Obj:
    """The status while nobody looks after it."""
    condition = Condition("Ready", None, "ReconcileDisabled", message)
    conditions = with_one(condition, facts.status.get("conditions", []), facts.generation, now)
    return facts.status | {"conditions": conditions}


def _ready(facts: Facts, revision: int, plans: Sequence[Plan]) -> Condition:
    if facts.refusal is not None:
        return Condition("Ready", False, facts.refusal.reason, facts.refusal.message)
    if invalid := [each.invalid for each in plans if each.invalid]:
        return Condition("Ready", False, "ScheduleInvalid", "; ".join(sorted(invalid)))
    return Condition("Ready", True, "Ready", f"jobs are made from revision {revision}")


def _schedules(facts: Facts, plans: Sequence[Plan]) -> list[Obj]:
    """In the order of their names. Of the runs that are due the first is the one that was refused, if one was."""
    before = {each["name"]: each for each in facts.status.get("schedules", ())}
    due = next((each for each in plans if each.run is not None), None)
    refusal = facts.refusal.message if facts.refusal is not None else None
    made = []
    for each in plans:
        name = each.schedule.name
        jobs = [job for job in facts.jobs if job["metadata"].get("labels", {}).get(SCHEDULE_LABEL) == name]
        made.append(each.render(before.get(name), jobs, refusal if each is due else None))
    return sorted(made, key=lambda each: str(each["name"]))
