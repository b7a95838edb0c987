"""The Deployment of a revision that is tried beside the one that serves, and what only exists with it.

Its pods carry a label of their own instead of that of the app: the app's Deployment, its autoscaler and its
disruption budget select by that, and would count them. The app's Service selects both.
"""

from __future__ import annotations

from longshore.webapp.app import App
from longshore.webapp.children import autoscaler as autoscalers
from longshore.webapp.children import deployment as deployments
from longshore.webapp.children import service
from longshore.webapp.children.pod import template
from longshore.workload.decision import Obj
from longshore.workload.names import CANARY_LABEL, REPLICAS_ANNOTATION
from longshore.workload.placement import spread_constraints


def deployment(app: App, revision: str, replicas: int | None) -> Obj:
    """`replicas` is None where an autoscaler holds them."""
    selector = app.canary_selector
    spread = spread_constraints(app.spec.placement, selector, matchLabelKeys=["pod-template-hash"])
    held = replicas is not None
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": app.metadata(app.canary_name, {REPLICAS_ANNOTATION: "held"} if held else None),
        "spec": {
            **({"replicas": replicas} if held else {}),
            "progressDeadlineSeconds": app.spec.rollout.progress_deadline_seconds,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": selector},
            "strategy": deployments.rolling(app),
            "template": template(app, revision, CANARY_LABEL, topologySpreadConstraints=spread),
        },
    }


def autoscaler(app: App, least: int) -> Obj | None:
    """Where a route gives the revision its share, the share needs an autoscaler of its own."""
    return autoscalers.body(app, app.canary_name, least)


def services(app: App) -> tuple[Obj, Obj]:
    """What a route divides requests between: the replicas that serve, and those that are tried."""
    return (
        service.body(app, app.stable_name, app.selector),
        service.body(app, app.canary_name, app.canary_selector),
    )
