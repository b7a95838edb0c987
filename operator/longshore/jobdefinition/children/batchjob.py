"""The BatchJob of one run of a schedule, named by definition, schedule and minute: there can be only one."""

from datetime import UTC, datetime

from longshore.api import API_VERSION
from longshore.api.jobdefinition import Schedule
from longshore.jobdefinition.facts import Facts
from longshore.workload.decision import Obj
from longshore.workload.names import (
    JOBDEFINITION_LABEL,
    SCHEDULE_LABEL,
    child_name,
    labels,
    owner_reference,
)

COMPONENT = "batchjob"
KEPT_SECONDS = 31536000
"""How many are kept is the schedule's to say; after a year they go in any case."""
_MINUTE = "%Y%m%d%H%M"


def build(facts: Facts, schedule: Schedule, run: datetime, revision: int) -> Obj:
    spec: Obj = {
        "definition": {"name": facts.name, "revision": revision},
        "ttlSecondsAfterFinished": KEPT_SECONDS,
    }
    spec |= schedule.model_dump(include={"queue", "priority", "share"}, exclude_defaults=True)
    if schedule.parameters:
        spec["parameters"] = dict(schedule.parameters)
    return {
        "apiVersion": API_VERSION,
        "kind": "BatchJob",
        "metadata": {
            "name": name(facts.name, schedule.name, run),
            "namespace": facts.namespace,
            "labels": labels(JOBDEFINITION_LABEL, facts.name, COMPONENT, {SCHEDULE_LABEL: schedule.name}),
            "ownerReferences": [owner_reference("JobDefinition", facts.name, facts.uid)],
        },
        "spec": spec,
    }


def name(definition: str, schedule: str, run: datetime) -> str:
    """The name of a run, with its minute in UTC. A schedule's name has no `-`, so no two definitions share one."""
    return child_name(definition, f"{schedule}-{run.astimezone(UTC):{_MINUTE}}")


def run_of(job: Obj) -> datetime | None:
    """The minute that the job was made for; None where the name doesn't end with one."""
    text = job["metadata"]["name"].rpartition("-")[2]
    try:
        return datetime.strptime(text, _MINUTE).replace(tzinfo=UTC)
    except ValueError:
        return None
