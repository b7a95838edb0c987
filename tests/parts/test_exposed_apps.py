"""Apps that are exposed through the cluster's real gateway answer there, and say so."""

from __future__ import annotations

from urllib.request import Request, urlopen

from tests.e2e.cluster import Cluster, Obj
from tests.e2e.objects import web_app
from tests.e2e.waiting import wait_for


def is_routed(app: Obj) -> bool:
    conditions = app.get("status", {}).get("conditions", ())
    return any(each["type"] == "Exposed" and each["reason"] == "Routed" for each in conditions)


def test_an_app_with_a_host_answers_through_the_gateway(namespace: Cluster, gateway: None) -> None:
    host = f"{namespace.namespace}.test"
    namespace.apply(web_app("shop", expose={"hosts": [host]}))
    app = namespace.wait("WebApp", "shop", is_routed, "is routed")
    assert app["status"]["urls"][0].endswith(f"//{host}")
    assert app["status"]["engines"]["routing"] == "GatewayAPI"
    assert answer(namespace, host) == "version v1"


def test_an_app_with_a_class_answers_through_its_ingress(namespace: Cluster, gateway: None) -> None:
    host = f"{namespace.namespace}.test"
    namespace.apply(web_app("shop", expose={"hosts": [host], "ingressClassName": "traefik"}))
    app = namespace.wait("WebApp", "shop", is_routed, "is routed")
    assert app["status"]["engines"]["routing"] == "Ingress"
    assert answer(namespace, host) == "version v1"


def test_apps_share_a_host_by_path(namespace: Cluster, gateway: None) -> None:
    host = f"{namespace.namespace}.test"
    namespace.apply(web_app("shop", expose={"hosts": [host]}))
    namespace.apply(web_app("next", tag="v2", expose={"hosts": [host], "path": "/next"}))
    for name in ("shop", "next"):
        namespace.wait("WebApp", name, is_routed, "is routed")
    assert answer(namespace, host) == "version v1"
    assert answer(namespace, host, "/next") == "version v2"


def answer(namespace: Cluster, host: str, path: str = "/") -> str:
    """What the gateway answers for a host, once it knows it."""
    with namespace.in_namespace("traefik").port_forward("service/traefik", 80) as address:

        def ask() -> str:
            try:
                with urlopen(Request(f"{address}{path}", headers={"Host": host}), timeout=5) as reply:
                    return str(reply.read().decode().strip())
            except OSError as error:
                return str(error)

        return wait_for(ask, lambda said: "version" in said, f"the gateway knows {host}{path}", 30)
