"""Gateways and what else a cluster may have, as short as tests can say them."""

from __future__ import annotations

from typing import Any

from longshore.webapp.surroundings import Surroundings

from tests.unit.facts import at

Obj = dict[str, Any]
GATEWAY_API = {
    "Gateway": "gateway.networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "GRPCRoute": "gateway.networking.k8s.io/v1",
    "TLSRoute": "gateway.networking.k8s.io/v1alpha3",
    "TCPRoute": "gateway.networking.k8s.io/v1alpha2",
}
CERT_MANAGER = {"Certificate": "cert-manager.io/v1"}
LISTENER_SETS = {"XListenerSet": "gateway.networking.x-k8s.io/v1alpha1"}


def listener(
    name: str = "web", protocol: str = "HTTP", port: int = 80, from_: str = "All", **more: Any
) -> Obj:
    namespaces: Obj = {"from": from_}
    if from_ == "Selector":
        namespaces["selector"] = more.pop("selector")
    rule = {"namespaces": namespaces} | more.pop("rule", {})
    return {"name": name, "protocol": protocol, "port": port, "allowedRoutes": rule} | more


def gateway(
    *listeners: Obj, name: str = "public", namespace: str = "infra", age: float = 0, **spec: Any
) -> Obj:
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "creationTimestamp": at(-age)}
    status = {
        "conditions": [{"type": "Programmed", "status": "True", "reason": "Programmed", "message": ""}],
        "addresses": [{"value": "192.0.2.7"}],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": metadata,
        "spec": {"listeners": list(listeners or [listener()])} | spec,
        "status": status,
    }


def ingress_class(name: str = "nginx", default: bool = False) -> Obj:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {"metadata": {"name": name, "annotations": annotations, "creationTimestamp": at(0)}}


def with_gateways(*gateways: Obj, **more: Any) -> Surroundings:
    apis = GATEWAY_API | more.pop("apis", {})
    return Surroundings(apis=apis, gateways=gateways or (gateway(),), **more)


def live(body: Obj, status: Obj | None = None, generation: int = 1) -> Obj:
    """A child as the server holds it."""
    metadata = body["metadata"] | {"uid": f"uid-{body['kind']}", "generation": generation}
    return body | {"metadata": metadata} | ({"status": status} if status else {})


def answered(
    body: Obj, type_: str = "Accepted", status: str = "True", reason: str = "", message: str = ""
) -> Obj:
    """A route to which the Gateway's controller has said this, and nothing against the rest."""
    told = {"Accepted": ("True", "Accepted", ""), "ResolvedRefs": ("True", "ResolvedRefs", "")}
    told[type_] = (status, reason or type_, message)
    conditions = [
        {"type": each, "status": one, "reason": two, "message": three, "observedGeneration": 1}
        for each, (one, two, three) in told.items()
    ]
    parents = [{"parentRef": ref, "conditions": conditions} for ref in body["spec"]["parentRefs"]]
    return live(body, {"parents": parents})
