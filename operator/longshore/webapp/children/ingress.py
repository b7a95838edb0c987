"""The Ingress of an app, where there is no Gateway API. It knows no weights: all requests go to the first backend."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.webapp.app import App
from longshore.webapp.children.backends import Backend
from longshore.webapp.children.service import service_port
from longshore.workload.decision import Obj


def build(
    app: App,
    class_name: str,
    hosts: Sequence[str],
    path: str,
    secret: str | None,
    backends: Sequence[Backend],
) -> Obj:
    service = {"name": backends[0].service, "port": {"number": service_port(app)}}
    way = {"path": path, "pathType": "Prefix", "backend": {"service": service}}
    spec: Obj = {
        "ingressClassName": class_name,
        "rules": [{"host": host, "http": {"paths": [way]}} for host in hosts],
    }
    if secret is not None:
        spec["tls"] = [{"hosts": list(hosts), "secretName": secret}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": app.metadata(),
        "spec": spec,
    }
