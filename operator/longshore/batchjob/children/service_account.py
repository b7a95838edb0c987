"""The account that jobs of a namespace share when they name none: no rights, no token, no owner."""

from longshore.batchjob.work import SHARED_ACCOUNT, Work
from longshore.workload.decision import Obj
from longshore.workload.names import MANAGED_BY, MANAGER


def build(work: Work) -> Obj | None:
    if work.spec.service_account_name is not None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": SHARED_ACCOUNT, "namespace": work.namespace, "labels": {MANAGED_BY: MANAGER}},
        "automountServiceAccountToken": False,
    }
