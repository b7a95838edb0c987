"""What apps become, read and carried out by a real gateway: Traefik as a process beside the API server.

There are no pods here: an EndpointSlice of the test's own leads each Service to a server on this machine that speaks
every protocol.
"""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hack.cluster import crds, wheels
from hack.cluster.apiserver import ApiServer
from hack.cluster.certificates import Authority
from hack.cluster.processes import free_port, start, stop
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, Obj, load_crds, wait
from tests.apiserver.operator import OperatorProcess
from tests.apiserver.test_cli import longshore
from tests.apiserver.test_webapp import serve, webapp

SOURCES = Path(__file__).parent / "protocols"
ENTRIES = ("web", "websecure", "through", "db")


@dataclass
class Edge:
    """The gateway's ports by entry, the program that asks and answers, and where it answers."""

    kube: Kube
    ports: dict[str, int]
    program: Path
    here: str
    plain: int
    newer: int
    """As plain, and says so."""
    secure: int

    def get(self, url: str, entry: str, protocol: str) -> str:
        """The status, protocol, body, gRPC status and certificate of an answer, parted by |, or why there is none."""
        command = [str(self.program), "get", url, f"127.0.0.1:{self.ports[entry]}", protocol]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).strip()

    def lead(self, name: str, port_name: str, port: int) -> None:
        """Has a server of this machine answer for a Service."""
        self.kube.server.run(
            "apply", "-f", "-",
            stdin=f"""
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-here, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{{addresses: ["{self.here}"], conditions: {{ready: true}}}}]
ports: [{{name: {port_name}, port: {port}, protocol: TCP}}]
""",
        )  # fmt: skip


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    here = own_address()
    if here is None or shutil.which("go") is None:
        pytest.skip("needs Go, and an address that is not 127.0.0.1")
    folder = tmp_path_factory.mktemp("edge")
    program = folder / "protocols"
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=SOURCES, check=True)
    ports = {name: free_port() for name in ENTRIES}
    plain, newer, secure = free_port(), free_port(), free_port()
    authority = Authority(folder)
    own = authority.issue("app", "the-app-itself", server=True)
    servers = [
        start([str(program), "serve", f"{here}:{plain}"], folder / "plain.log"),
        start(
            [str(program), "serve", f"{here}:{newer}"],
            folder / "newer.log",
            env={"SIGNED": " by the newer"},
        ),
        start([str(program), "serve", f"{here}:{secure}", *map(str, own)], folder / "secure.log"),
    ]

    def prepare(server: ApiServer) -> None:
        for each in (ROOT / "crds", crds.folder("gateway-api-1.6")):
            load_crds(Kube(server), each)

    with ApiServer(prepare=prepare) as server:
        kube = Kube(server)
        wait(lambda: kube.find("ServiceAccount", "default"), "the default account")
        kube.create(
            secret("cert", *authority.issue("cert", "of-the-gateway", server=True, hosts=["*.gateway.test"]))
        )
        kube.create(gateway(ports))
        servers.append(traefik(server, ports, folder))
        with OperatorProcess(kube, folder, leader_elect="false", discovery_seconds="0.3"):
            yield Edge(kube, ports, program, here, plain, newer, secure)
        for each in servers:
            stop(each)


def own_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return None if found.startswith("127.") else found


def traefik(server: ApiServer, ports: dict[str, int], folder: Path) -> subprocess.Popen[bytes]:
    server.run("create", "serviceaccount", "traefik")
    server.run(
        "create",
        "clusterrolebinding",
        "traefik",
        "--clusterrole=cluster-admin",
        "--serviceaccount=default:traefik",
    )
    token = server.run("create", "token", "traefik", "--duration=8h").strip()
    provider = {
        "": "true",
        ".endpoint": server.url,
        ".token": token,
        ".certauthfilepath": str(server.ca_file),
        ".experimentalchannel": "true",
        ".statusaddress.ip": "192.0.2.7",
    }
    arguments = [
        *(f"--entrypoints.{name}.address=127.0.0.1:{port}" for name, port in ports.items()),
        *(f"--providers.kubernetesgateway{name}={value}" for name, value in provider.items()),
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=INFO",
    ]
    return start([str(wheels.program("traefik")), *arguments], folder / "traefik.log")


def gateway(ports: dict[str, int]) -> Obj:
    tls = {"mode": "Terminate", "certificateRefs": [{"name": "cert"}]}
    listeners = [
        {"name": "web", "protocol": "HTTP", "port": ports["web"]},
        {
            "name": "websecure",
            "protocol": "HTTPS",
            "port": ports["websecure"],
            "hostname": "*.gateway.test",
            "tls": tls,
        },
        {"name": "through", "protocol": "TLS", "port": ports["through"], "tls": {"mode": "Passthrough"}},
        {"name": "db", "protocol": "TCP", "port": ports["db"]},
    ]
    spec = {
        "gatewayClassName": "traefik",
        "listeners": listeners,
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public"},
        "spec": spec,
    }


def secret(name: str, certificate: Path, key: Path) -> Obj:
    data = {"tls.crt": certificate, "tls.key": key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/tls",
        "data": {file: base64.b64encode(path.read_bytes()).decode() for file, path in data.items()},
    }


def exposed(edge: Edge, name: str, port: int, **spec: Obj | str | int) -> Obj:
    """An app that answers, as soon as it is routed."""
    edge.kube.create(webapp(name, **spec))
    protocol = str(spec.get("protocol", "HTTP")).lower()
    wait(lambda: edge.kube.find("Service", name), "its Service")
    edge.lead(name, protocol, port)
    wait(
        lambda: edge.kube.condition("WebApp", name, "Exposed")["reason"] == "Routed",
        f"{name} is routed: {edge.kube.condition('WebApp', name, 'Exposed')}",
    )
    return edge.kube.get("WebApp", name)


def answers(edge: Edge, url: str, entry: str, protocol: str, begins: str) -> str:
    def asked() -> str:
        said = edge.get(url, entry, protocol)
        return said if said.startswith(begins) else ""

    return wait(asked, f"{url} by {protocol}; last: {edge.get(url, entry, protocol)}")


@pytest.fixture(scope="module", autouse=True)
def a_class(edge: Edge) -> None:
    edge.kube.server.run(
        "apply", "-f", "-",
        stdin="{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: traefik}, spec: {controllerName: traefik.io/gateway-controller}}",
    )  # fmt: skip


def test_http_websockets_and_paths(edge: Edge) -> None:
    app = exposed(edge, "shop", edge.plain, expose={"hosts": ["shop.test"], "path": "/api"})
    assert app["status"]["url"] == f"http://shop.test:{edge.ports['web']}/api"
    exposed(edge, "root", edge.plain, expose={"hosts": ["shop.test"]})
    assert answers(edge, "http://shop.test/api/x", "web", "http1", "200") == "200|HTTP/1.1|HTTP/1.1 /api/x|"
    assert answers(edge, "http://shop.test", "web", "websocket", "101") == "101|ping"


def test_http_2_to_the_pod(edge: Edge) -> None:
    exposed(edge, "h2c", edge.plain, protocol="H2C", expose={"hosts": ["h2c.gateway.test"]})
    said = answers(edge, "https://h2c.gateway.test/", "websecure", "http2", "200")
    assert said == "200|HTTP/2.0|HTTP/2.0 /||of-the-gateway"


def test_grpc_with_trailers(edge: Edge) -> None:
    exposed(edge, "grpc", edge.plain, protocol="GRPC", expose={"hosts": ["grpc.gateway.test"]})
    said = answers(edge, "https://grpc.gateway.test/a.B/C", "websecure", "grpc", "200")
    assert said == "200|HTTP/2.0|hello|0|of-the-gateway"


def test_tls_to_the_pod(edge: Edge) -> None:
    exposed(edge, "tls", edge.secure, protocol="TLS", expose={"hosts": ["tls.test"]})
    said = answers(edge, "https://tls.test/", "through", "http1", "200")
    assert said == "200|HTTP/1.1|HTTP/1.1 /||the-app-itself"


def test_tcp(edge: Edge) -> None:
    app = exposed(
        edge, "db", edge.plain, protocol="TCP", expose={"gateway": {"name": "public", "sectionName": "db"}}
    )
    assert app["status"]["url"] == f"tcp://192.0.2.7:{edge.ports['db']}"
    assert answers(edge, "http://whatever/", "db", "http1", "200").startswith("200|HTTP/1.1")


def test_with_a_certificate_http_without_tls_is_redirected_unless_it_is_not_to_be(edge: Edge) -> None:
    expose = {"hosts": ["own.gateway.test"], "tls": {"secretName": "cert"}}
    app = exposed(edge, "own", edge.plain, expose=expose)
    assert app["status"]["url"] == f"https://own.gateway.test:{edge.ports['websecure']}"
    said = answers(edge, "https://own.gateway.test/", "websecure", "http1", "200")
    assert said == "200|HTTP/1.1|HTTP/1.1 /||of-the-gateway"
    sent_on = answers(edge, "http://own.gateway.test/x", "web", "http1", "301")
    assert sent_on == f"301|HTTP/1.1|https://own.gateway.test:{edge.ports['websecure']}/x|"
    edge.kube.patch("WebApp", "own", {"spec": {"expose": {"tls": {"redirect": False}}}})
    answers(edge, "http://own.gateway.test/x", "web", "http1", "404")
    assert answers(edge, "https://own.gateway.test/", "websecure", "http1", "200") == said


def test_a_canary_gets_its_share_of_the_requests_and_none_fails(edge: Edge) -> None:
    kube, url = edge.kube, "http://tried.test/"

    def served_by_the_newer(count: int) -> int:
        said = [edge.get(url, "web", "http1") for _ in range(count)]
        assert {each.removesuffix(" by the newer|") for each in said} <= {
            "200|HTTP/1.1|HTTP/1.1 /|",
            "200|HTTP/1.1|HTTP/1.1 /",
        }
        return sum(each.endswith(" by the newer|") for each in said)

    def is_tried(phase: str, step: int) -> bool:
        kube.run_pods("longshore.dev/canary=tried")
        told = kube.status("WebApp", "tried").get("rollout") or {}
        return (told.get("phase"), told.get("step")) == (phase, step)

    steps = [{"weight": 25, "approval": True}, {"weight": 60, "approval": True}]
    rollout = {"strategy": "Canary", "canary": {"steps": steps}}
    exposed(
        edge,
        "tried",
        edge.plain,
        expose={"hosts": ["tried.test"]},
        rollout=rollout,
        scaling={"minReplicas": 4},
    )
    edge.lead("tried-stable", "http", edge.plain)
    edge.lead("tried-canary", "http", edge.newer)
    serve(kube, "tried")
    assert answers(edge, url, "web", "http1", "200").startswith("200")

    kube.patch("WebApp", "tried", {"spec": {"image": "shop:2"}})
    wait(lambda: is_tried("AwaitingApproval", 1), "the first step")
    wait(lambda: served_by_the_newer(4), "the newer one answers, too")
    assert 80 <= served_by_the_newer(400) <= 120  # 25 %
    assert longshore(kube, "approve", "tried").exit_code == 0
    wait(lambda: is_tried("AwaitingApproval", 2), "the second step")
    wait(lambda: served_by_the_newer(20) >= 8, "the share has grown")
    assert 220 <= served_by_the_newer(400) <= 260  # 60 %
    assert longshore(kube, "abort", "tried").exit_code == 0
    wait(lambda: not served_by_the_newer(20), "all requests go where they went before")
    assert served_by_the_newer(100) == 0
    assert kube.condition("WebApp", "tried", "Progressing")["reason"] == "RolledBack"
