"""The pods of one revision: probes, draining, limits, and the containers beside the app's."""

from math import ceil
from typing import Any

from longshore.api.webapp import Health
from longshore.webapp.app import COMPONENT, App
from longshore.workload.decision import Obj
from longshore.workload.helpers import init_containers
from longshore.workload.names import REVISION_LABEL, WEBAPP_LABEL, labels
from longshore.workload.pod import container, pod_spec

PORT_NAME = "app"
CONTAINER = "app"
STARTUP_PERIOD_SECONDS = 2
LIVENESS_PATIENCE = 3
"""Liveness gives up after this many times the failures that readiness does: restarting is the last resort."""


def template(app: App, revision: str, **more: Any) -> Obj:
    """The pod template; `more` are further fields of the pod's spec."""
    spec = app.spec
    return {
        "metadata": _metadata(app, revision),
        "spec": pod_spec(
            spec,
            container(spec, CONTAINER, **_serving(app)),
            app.service_account,
            app.files_name,
            **init_containers(spec, spec.init_containers, spec.sidecars),
            terminationGracePeriodSeconds=spec.termination_grace_period_seconds,
            **more,
        ),
    }


def _metadata(app: App, revision: str) -> Obj:
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
        scheme = "HTTPS" if app.spec.protocol == "TLS" else "HTTP"
        return {"httpGet": {"path": health.path, "port": PORT_NAME, "scheme": scheme}}
    if health.grpc is not None:
        return {"grpc": {"port": health.grpc.port or app.spec.port, "service": health.grpc.service}}
    port = health.tcp.port if health.tcp else None
    return {"tcpSocket": {"port": port or PORT_NAME}}
