"""The gateway that the cluster's owner set up answers for an app, by Gateway API and by Ingress."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

from tests.e2e.cluster import Cluster, Obj, is_ready
from tests.e2e.objects import web_app
from tests.e2e.waiting import wait_for


def test_a_route_leads_to_the_app(namespace: Cluster, gateway: None) -> None:
    namespace.apply(web_app("shop"))
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    host = f"{namespace.namespace}.test"
    backend = {"backendRefs": [{"name": "shop", "port": 80}]}
    namespace.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "shop"},
            "spec": {
                "parentRefs": [{"name": "public", "namespace": "traefik"}],
                "hostnames": [host],
                "rules": [backend],
            },
        }
    )
    namespace.kubectl(
        "wait", "httproute/shop", "--timeout=30s",
        "--for=jsonpath={.status.parents[0].conditions[?(@.type=='Accepted')].status}=True",
    )  # fmt: skip
    assert _answer(namespace, host) == "version v1"


def test_an_ingress_leads_to_the_app(namespace: Cluster, gateway: None) -> None:
    namespace.apply(web_app("shop"))
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    host = f"{namespace.namespace}.test"
    service = {"service": {"name": "shop", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": service}
    namespace.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "shop"},
            "spec": {"ingressClassName": "traefik", "rules": [{"host": host, "http": {"paths": [path]}}]},
        }
    )
    assert _answer(namespace, host) == "version v1"


def test_the_gateway_is_programmed_and_says_its_address(cluster: Cluster, gateway: None) -> None:
    found: Obj = json.loads(
        cluster.in_namespace("traefik").kubectl("get", "gateway", "public", "--output=json")
    )
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert (conditions["Accepted"], conditions["Programmed"]) == ("True", "True")
    assert found["status"]["addresses"][0]["value"] == "traefik.traefik.svc.cluster.local"


def _answer(namespace: Cluster, host: str) -> str:
    """What the gateway answers for a host, once it knows it."""
    with namespace.in_namespace("traefik").port_forward("service/traefik", 80) as address:

        def ask() -> str:
            try:
                with urlopen(Request(f"{address}/", headers={"Host": host}), timeout=5) as reply:
                    return str(reply.read().decode().strip())
            except OSError as error:
                return str(error)

        return wait_for(ask, lambda said: "404" not in said, f"the gateway knows {host}", 30)
