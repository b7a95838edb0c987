"""The Service in front of the app: port 80 on a cluster-internal name; apps that speak TLS or TCP and extra ports keep theirs.

It points at ports by name, so that a revision that moves the port is rolled out without a gap.
"""

from longshore.webapp.app import App, all_pods_of
from longshore.webapp.children.pod import PORT_NAME
from longshore.workload.decision import Obj

H2C = "kubernetes.io/h2c"
APP_PROTOCOLS = {"HTTP": "http", "H2C": H2C, "GRPC": H2C, "TLS": None, "TCP": None}
"""gRPC is HTTP/2 without TLS. Not every gateway knows `grpc` here; Traefik refuses a route to it."""


def service_port(app: App) -> int:
    return app.spec.port if app.spec.protocol in ("TLS", "TCP") else 80


def build(app: App) -> Obj:
    tries = app.spec.rollout.strategy == "Canary"
    return body(app, app.name, all_pods_of(app.name) if tries else app.selector)


def body(app: App, name: str, selector: dict[str, str]) -> Obj:
    """A Service with the ports of the app in front of these pods."""
    main = _port(app.spec.protocol.lower(), service_port(app), PORT_NAME, app.spec.protocol)
    extra = [_port(each.name, each.port, each.name, each.protocol) for each in app.spec.extra_ports]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": app.metadata(name),
        "spec": {
            "type": "ClusterIP",
            "selector": selector,
            "ports": [main, *extra],
        },
    }


def _port(name: str, number: int, target: str, protocol: str) -> Obj:
    made: Obj = {"name": name, "port": number, "protocol": "TCP", "targetPort": target}
    spoken = APP_PROTOCOLS[protocol]
    return made | ({"appProtocol": spoken} if spoken else {})
