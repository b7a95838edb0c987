"""The ConfigMap with the job's files."""

from longshore.batchjob.work import Work
from longshore.workload.decision import Obj
from longshore.workload.pod import files_data


def build(work: Work) -> Obj | None:
    if work.files_name is None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": work.metadata(work.files_name),
        "data": files_data(work.spec.files),
    }
