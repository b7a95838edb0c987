"""The route of an app through a Gateway: HTTPRoute, GRPCRoute, TLSRoute or TCPRoute."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.webapp.app import App
from longshore.webapp.children.backends import Backend, backend_refs
from longshore.webapp.children.service import service_port
from longshore.webapp.gateways import HTTPS_PORT
from longshore.workload.decision import Obj
from longshore.workload.names import child_name


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


def redirect(
    app: App, api_version: str, parents: Sequence[Obj], hosts: Sequence[str], path: str, port: int
) -> Obj:
    """Sends what comes without TLS to where it is spoken, at this port."""
    to: Obj = {"scheme": "https", "statusCode": 301} | ({"port": port} if port != HTTPS_PORT else {})
    return {
        "apiVersion": api_version,
        "kind": "HTTPRoute",
        "metadata": app.metadata(child_name(app.name, "redirect")),
        "spec": {
            "parentRefs": list(parents),
            "hostnames": list(hosts),
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": path}}],
                    "filters": [{"type": "RequestRedirect", "requestRedirect": to}],
                }
            ],
        },
    }
