"""The headless Service that gives the pods of a gang stable names: ATTEMPT'S JOB-INDEX.SERVICE."""

from longshore.batchjob.work import Work
from longshore.workload.decision import Obj
from longshore.workload.names import BATCHJOB_LABEL


def build(work: Work) -> Obj | None:
    """The pods find each other while they start, so that those which aren't ready have names, too."""
    if work.spec.nodes is None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": work.metadata(work.service_name),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {BATCHJOB_LABEL: work.name},
        },
    }
