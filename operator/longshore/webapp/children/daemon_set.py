"""The DaemonSet of one revision, for an app that has one replica on each node that placement selects."""

from longshore.webapp.app import App
from longshore.webapp.children.pod import template
from longshore.workload.decision import Obj


def build(app: App, revision: str) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": app.metadata(),
        "spec": {
            "revisionHistoryLimit": app.spec.rollout.history_limit,
            "selector": {"matchLabels": app.selector},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": _rolling(app)},
            "template": template(app, revision),
        },
    }


def _rolling(app: App) -> Obj:
    """A DaemonSet takes a surge or missing replicas, not both. To recreate is to let all of them be missing."""
    rollout = app.spec.rollout
    if rollout.strategy == "Recreate":
        return {"maxSurge": 0, "maxUnavailable": "100%"}
    if rollout.max_unavailable in (0, "0%"):
        return {"maxSurge": rollout.max_surge, "maxUnavailable": 0}
    return {"maxSurge": 0, "maxUnavailable": rollout.max_unavailable}
