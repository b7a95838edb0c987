"""The Deployment of one revision: probes, draining, limits, spread.

`replicas` is held by us only where nothing scales the app; with an autoscaler the field is not in the
object, and the annotation that says who holds it is gone.
"""

from math import ceil

from longshore.api.webapp import Health
from longshore.webapp.app import COMPONENT, App
from longshore.workload.decision import Obj
from longshore.workload.helpers import init_containers
from longshore.workload.names import REPLICAS_ANNOTATION, REVISION_LABEL, WEBAPP_LABEL, labels
from longshore.workload.placement import spread_constraints
from longshore.workload.pod import container, pod_spec

PORT_NAME = "app"
CONTAINER = "app"
STARTUP_PERIOD_SECONDS = 2
LIVENESS_PATIENCE = 3
"""Liveness gives up after this many times the failures that readiness does: restarting is the last resort."""


def build(app: App, revision: str) -> Obj:
    spec, rollout = app.spec, app.spec.rollout
    held = replicas(app)
    strategy: Obj = {"type": "Recreate"}
    if rollout.strategy == "Rolling":
        rolling = {"maxSurge": rollout.max_surge, "maxUnavailable": rollout.max_unavailable}
        strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
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
            "template": {
                "metadata": _pod_metadata(app, revision),
                "spec": pod_spec(
                    spec,
                    container(spec, CONTAINER, **_serving(app)),
                    app.service_account,
                    app.files_name,
                    **init_containers(spec, spec.init_containers, spec.sidecars),
                    terminationGracePeriodSeconds=spec.termination_grace_period_seconds,
                    topologySpreadConstraints=spread_constraints(
                        spec.placement, app.selector, matchLabelKeys=["pod-template-hash"]
                    ),
                ),
            },
        },
    }


def replicas(app: App) -> int | None:
    """How many replicas we hold the app at; None where the autoscaler does."""
    if app.spec.suspend:
        return 0
    return None if app.autoscaled else app.spec.scaling.min_replicas


def _pod_metadata(app: App, revision: str) -> Obj:
    made: Obj = {
        "labels": labels(WEBAPP_LABEL, app.name, COMPONENT, app.spec.labels) | {REVISION_LABEL: revision}
    }
    return made | ({"annotations": dict(app.spec.annotations)} if app.spec.annotations else {})


def _serving(app: App) -> Obj:
    health, check = app.spec.health, _check(app)
    base = {"timeoutSeconds": health.timeout_seconds, "successThreshold": 1}
    made: Obj = {
        "ports": [
            _port(PORT_NAME, app.spec.port),
            *(_port(each.name, each.port) for each in app.spec.extra_ports),
        ],
        "startupProbe": check
        | base
        | {
            "periodSeconds": STARTUP_PERIOD_SECONDS,
            "failureThreshold": ceil(health.startup_seconds / STARTUP_PERIOD_SECONDS),
        },
        "readinessProbe": check | base | _rhythm(health, 1),
        "livenessProbe": check | base | _rhythm(health, LIVENESS_PATIENCE),
    }
    if app.spec.drain_seconds:
        made["lifecycle"] = {"preStop": {"sleep": {"seconds": app.spec.drain_seconds}}}
    return made


def _port(name: str, number: int) -> Obj:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _rhythm(health: Health, patience: int) -> Obj:
    return {"periodSeconds": health.interval_seconds, "failureThreshold": health.failure_threshold * patience}


def _check(app: App) -> Obj:
    health = app.spec.health
    if health.path is not None:
        return {"httpGet": {"path": health.path, "port": PORT_NAME, "scheme": "HTTP"}}
    if health.grpc is not None:
        return {"grpc": {"port": health.grpc.port or app.spec.port, "service": health.grpc.service}}
    port = health.tcp.port if health.tcp else None
    return {"tcpSocket": {"port": port or PORT_NAME}}
