"""KEDA's ScaledObject, where KEDA follows the app's schedules; it makes the HorizontalPodAutoscaler then."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.webapp.app import App
from longshore.webapp.children import autoscaler
from longshore.workload.decision import Obj


def build(app: App, triggers: Sequence[Obj], by_load: bool, at_least: int = 0) -> Obj:
    """`triggers` are those of the schedules; `by_load`: the app is scaled by its load as well; it
    doesn't go below `at_least` replicas, where that is more than the minimum."""
    scaling = app.spec.scaling
    loads = [
        {"type": name, "metricType": "Utilization", "metadata": {"value": str(percent)}}
        for name, percent in autoscaler.percents(app).items()
    ]
    behavior = {"scaleDown": {"stabilizationWindowSeconds": scaling.scale_down_delay_seconds}}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": app.metadata(),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name},
            "minReplicaCount": max(scaling.min_replicas, at_least),
            "maxReplicaCount": scaling.max_replicas,
            "triggers": [*triggers, *(loads if by_load else [])],
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
        },
    }
