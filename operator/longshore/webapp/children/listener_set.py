"""Listeners of the app's own at a Gateway that lets them in: one with TLS for each host."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.webapp.app import App
from longshore.workload.decision import Obj
from longshore.workload.names import content_hash


def build(
    app: App,
    api_version: str,
    kind: str,
    gateway: tuple[str, str],
    port: int,
    hosts: Sequence[str],
    secret: str,
) -> Obj:
    namespace, name = gateway
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": app.metadata(),
        "spec": {
            "parentRef": {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "namespace": namespace,
                "name": name,
            },
            "listeners": [_listener(host, port, secret) for host in hosts],
        },
    }


def _listener(host: str, port: int, secret: str) -> Obj:
    return {
        "name": f"h-{content_hash(host)}",
        "hostname": host,
        "port": port,
        "protocol": "HTTPS",
        "tls": {"mode": "Terminate", "certificateRefs": [{"name": secret}]},
        "allowedRoutes": {"namespaces": {"from": "Same"}},
    }
