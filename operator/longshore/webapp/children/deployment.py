"""The Deployment of one revision, for an app that has so many replicas.

`replicas` is held by us only where nothing scales the app; with an autoscaler the field is not in the
object, and the annotation that says who holds it is gone.
"""

from longshore.webapp.app import App
from longshore.webapp.children.pod import template
from longshore.workload.decision import Obj
from longshore.workload.names import REPLICAS_ANNOTATION
from longshore.workload.placement import spread_constraints


def build(app: App, revision: str) -> Obj:
    rollout, held = app.spec.rollout, replicas(app)
    spread = spread_constraints(app.spec.placement, app.selector, matchLabelKeys=["pod-template-hash"])
    strategy: Obj = {"type": "Recreate"}
    if rollout.strategy != "Recreate":
        strategy = rolling(app)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": app.metadata(annotations={REPLICAS_ANNOTATION: "held"} if held is not None else None),
        "spec": {
            **({"replicas": held} if held is not None else {}),
            "progressDeadlineSeconds": rollout.progress_deadline_seconds,
            "revisionHistoryLimit": rollout.history_limit,
            "selector": {"matchLabels": app.selector},
            "strategy": strategy,
            "template": template(app, revision, topologySpreadConstraints=spread),
        },
    }


def rolling(app: App) -> Obj:
    """How pods are replaced step by step."""
    rollout = app.spec.rollout
    limits = {"maxSurge": rollout.max_surge, "maxUnavailable": rollout.max_unavailable}
    return {"type": "RollingUpdate", "rollingUpdate": limits}


def replicas(app: App) -> int | None:
    """How many replicas we hold the app at; None where the autoscaler does."""
    if app.spec.suspend:
        return 0
    return None if app.autoscaled else app.spec.scaling.min_replicas
