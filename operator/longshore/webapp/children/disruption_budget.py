"""The PodDisruptionBudget: a node drain takes one replica at a time, unless the app says otherwise.

None for an app that never has a second replica: it would only block drains. Pods that aren't ready may
always be evicted, so that a broken app doesn't hold a node.
"""

from longshore.webapp.app import App
from longshore.workload.decision import Obj


def build(app: App) -> Obj | None:
    scaling, wanted = app.spec.scaling, app.spec.availability
    most = max(scaling.min_replicas, scaling.max_replicas or 0)
    if most < 2 or (wanted is None and scaling.min_replicas < 2):
        return None
    if wanted is not None and wanted.min_available is not None:
        limit: Obj = {"minAvailable": wanted.min_available}
    else:
        limit = {
            "maxUnavailable": wanted.max_unavailable if wanted and wanted.max_unavailable is not None else 1
        }
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": app.metadata(),
        "spec": {
            **limit,
            "selector": {"matchLabels": app.selector},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
