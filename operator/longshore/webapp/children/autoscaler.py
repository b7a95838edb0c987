"""The HorizontalPodAutoscaler, where the app may have more replicas than its minimum."""

from longshore.webapp.app import App
from longshore.workload.decision import Obj

DEFAULT_CPU_PERCENT = 70


def build(app: App, at_least: int = 0) -> Obj | None:
    """The app's; it doesn't go below `at_least` replicas, where that is more than the minimum."""
    return body(app, app.name, max(app.spec.scaling.min_replicas, at_least))


def body(app: App, name: str, least: int) -> Obj | None:
    """The one for the Deployment of this name, or none where the app isn't scaled."""
    if not app.autoscaled:
        return None
    scaling = app.spec.scaling
    most = scaling.max_replicas or least
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": app.metadata(name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": min(least, most),
            "maxReplicas": most,
            "metrics": _metrics(app),
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": scaling.scale_down_delay_seconds}},
        },
    }


def percents(app: App) -> dict[str, int]:
    """What is aimed at: cpu, memory or both, in percent of what is requested."""
    targets = app.spec.scaling.targets
    cpu = targets.cpu_percent if targets else None
    memory = targets.memory_percent if targets else None
    wanted = {"cpu": cpu if cpu or memory else DEFAULT_CPU_PERCENT, "memory": memory}
    return {name: percent for name, percent in wanted.items() if percent}


def _metrics(app: App) -> list[Obj]:
    return [
        {
            "type": "Resource",
            "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": percent}},
        }
        for name, percent in percents(app).items()
    ]
