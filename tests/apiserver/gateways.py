"""Gateways, apps that are exposed through them, and what their controllers would say."""

from __future__ import annotations

from typing import Any

from tests.apiserver.kube import Kube, Obj, now

CONTROLLER = "example.com/gateway"


def gateway(namespace: str, name: str = "public", namespaces: Obj | None = None, **spec: Any) -> Obj:
    """A Gateway with a listener of each protocol that takes all routes, but for TCP of its own namespace only."""
    rule = {"namespaces": namespaces or {"from": "Selector", "selector": {}}}
    certificate = {"mode": "Terminate", "certificateRefs": [{"name": "cert"}]}
    listeners = [
        {"name": "web", "protocol": "HTTP", "port": 80, "allowedRoutes": rule},
        {"name": "websecure", "protocol": "HTTPS", "port": 443, "allowedRoutes": rule, "tls": certificate},
        {
            "name": "through",
            "protocol": "TLS",
            "port": 8443,
            "allowedRoutes": rule,
            "tls": {"mode": "Passthrough"},
        },
        {"name": "db", "protocol": "TCP", "port": 5432},
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "gatewayClassName": "any",
            "listeners": listeners,
            "allowedListeners": {"namespaces": {"from": "All"}},
        }
        | spec,
    }


ISSUER = {"issuer": {"name": "ca", "kind": "ClusterIssuer"}}
EXPOSED: dict[str, Obj] = {
    "HTTPRoute": {"expose": {"hosts": ["http.example.com"], "tls": ISSUER}},
    "GRPCRoute": {"protocol": "GRPC", "expose": {"hosts": ["grpc.example.com"]}},
    "TLSRoute": {"protocol": "TLS", "expose": {"hosts": ["tls.example.com"]}},
    "TCPRoute": {"protocol": "TCP", "expose": {"gateway": {"name": "public", "sectionName": "db"}}},
    "Ingress": {"expose": {"hosts": ["ingress.example.com"], "ingressClassName": "nginx"}},
}
"""A spec for each kind of route."""


def answer(
    kube: Kube, kind: str, name: str, accepted: bool = True, reason: str = "", message: str = ""
) -> None:
    """The Gateway's controller takes the route, or says why not."""
    route = kube.get(kind, name)
    generation = route["metadata"]["generation"]
    conditions = [
        {
            "type": type_,
            "status": "True" if accepted else "False",
            "reason": reason or type_,
            "message": message,
            "observedGeneration": generation,
            "lastTransitionTime": now(),
        }
        for type_ in ("Accepted", "ResolvedRefs")
    ]
    parents = [
        {"parentRef": ref, "controllerName": CONTROLLER, "conditions": conditions}
        for ref in route["spec"]["parentRefs"]
    ]
    kube.patch(kind, name, {"status": {"parents": parents}}, "status")
