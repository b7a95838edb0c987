"""The ControllerRevision that keeps what BatchJobs are made from: created once, never changed."""

from longshore.jobdefinition.facts import Facts
from longshore.workload.decision import Obj
from longshore.workload.names import (
    JOBDEFINITION_LABEL,
    REVISION_LABEL,
    labels,
    owner_reference,
    revision_name,
)

COMPONENT = "jobdefinition"


def build(facts: Facts, number: int, data: Obj) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision_name(facts.name, number),
            "namespace": facts.namespace,
            "labels": labels(JOBDEFINITION_LABEL, facts.name, COMPONENT, {REVISION_LABEL: str(number)}),
            "ownerReferences": [owner_reference("JobDefinition", facts.name, facts.uid)],
        },
        "revision": number,
        "data": data,
    }
