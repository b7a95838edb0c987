"""The Service in front of the app: port 80 on a cluster-internal name; TCP apps keep their port.

It points at the port by name, so that a revision that moves the port is rolled out without a gap.
"""

from longshore.webapp.app import App
from longshore.webapp.children.deployment import PORT_NAME
from longshore.workload.decision import Obj

APP_PROTOCOLS = {"HTTP": "http", "H2C": "kubernetes.io/h2c", "GRPC": "grpc", "TCP": None}


def service_port(app: App) -> int:
    return app.spec.port if app.spec.protocol == "TCP" else 80


def build(app: App) -> Obj:
    protocol = APP_PROTOCOLS[app.spec.protocol]
    port: Obj = {
        "name": app.spec.protocol.lower(),
        "port": service_port(app),
        "protocol": "TCP",
        "targetPort": PORT_NAME,
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": app.metadata(),
        "spec": {
            "type": "ClusterIP",
            "selector": app.selector,
            "ports": [port | ({"appProtocol": protocol} if protocol else {})],
        },
    }
