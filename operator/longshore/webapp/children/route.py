"""The route of an app through a Gateway: HTTPRoute, GRPCRoute, TLSRoute or TCPRoute."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.webapp.app import App
from longshore.webapp.children.backends import Backend, backend_refs
from longshore.webapp.children.service import service_port
from longshore.workload.decision import Obj


def build(
    app: App, api_version: str, kind: str, parents: Sequence[Obj], hosts: Sequence[str], path: str,
    backends: Sequence[Backend],
) -> Obj:  # fmt: skip
    """`parents` are the parentRefs."""
    rule: Obj = {"backendRefs": backend_refs(backends, service_port(app))}
    if kind == "HTTPRoute":
        rule = {"matches": [{"path": {"type": "PathPrefix", "value": path}}]} | rule
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": app.metadata(),
        "spec": {"parentRefs": list(parents)}
        | ({"hostnames": list(hosts)} if hosts else {})
        | {"rules": [rule]},
    }
