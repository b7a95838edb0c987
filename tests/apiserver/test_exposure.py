"""How apps are exposed, against a real API server with the definitions of Gateway API and cert-manager; the test plays their
controllers. On servers of its own, for what others have would be seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from longshore.cli.main import main

from hack.cluster import audit, crds
from hack.cluster.apiserver import ApiServer
from tests.apiserver.conftest import ROOT
from tests.apiserver.gateways import EXPOSED, answer, gateway
from tests.apiserver.kube import Kube, Obj, Refused, load_crds, wait
from tests.apiserver.operator import OperatorProcess
from tests.apiserver.test_operator import quiet, reconciled
from tests.apiserver.test_webapp import webapp

HOST = {"hosts": ["shop.example.com"]}
ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "Ingress")


def running(kube: Kube, folder: Path, **settings: str) -> OperatorProcess:
    return OperatorProcess(kube, folder, leader_elect="false", discovery_seconds="0.3", **settings)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Kube]:
    def prepare(server: ApiServer) -> None:
        for folder in (ROOT / "crds", crds.folder("gateway-api"), crds.folder("cert-manager")):
            load_crds(Kube(server), folder)

    with ApiServer(prepare=prepare) as server:
        yield Kube(server)


@pytest.fixture(scope="module")
def operator(cluster: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with running(cluster, tmp_path_factory.mktemp("operator")) as found:
        yield found


@pytest.fixture
def kube(cluster: Kube, operator: OperatorProcess, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """A namespace of the test's own with a Gateway, and no WebApps of others."""
    name = f"t-{abs(hash(request.node.nodeid)) % 10**12:x}"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    found = Kube(cluster.server, name)
    found.create(gateway(name, namespaces={"from": "Same"}))
    yield found
    remove_all(found)
    found.delete("Gateway", "public")


def remove_all(kube: Kube) -> None:
    for each in kube.list("WebApp"):
        kube.delete("WebApp", each["metadata"]["name"])
    wait(lambda: not kube.list("WebApp"), "they are gone")


def condition(kube: Kube, name: str = "shop") -> Obj:
    return kube.condition("WebApp", name, "Exposed")


def says(kube: Kube, reason: str, name: str = "shop") -> Obj:
    wait(lambda: condition(kube, name)["reason"] == reason, f"{reason}; it says {condition(kube, name)}")
    return condition(kube, name)


def test_a_route_is_made_followed_and_removed(kube: Kube) -> None:
    app = kube.create(webapp("shop", expose=HOST))
    route = wait(lambda: kube.find("HTTPRoute", "shop"), "a route")
    assert route["metadata"]["ownerReferences"][0]["uid"] == app["metadata"]["uid"]
    says(kube, "RoutePending")
    answer(kube, "HTTPRoute", "shop", False, "NoMatchingParent", "no listener")
    assert "NoMatchingParent, no listener" in says(kube, "RouteRefused")["message"]
    answer(kube, "HTTPRoute", "shop")
    says(kube, "Routed")
    status = kube.status("WebApp", "shop")
    assert status["url"] == "https://shop.example.com"
    assert status["urls"] == ["https://shop.example.com", f"http://shop.{kube.namespace}.svc"]
    kube.patch("WebApp", "shop", {"spec": {"expose": {"path": "/api", "hosts": ["a.example.com"]}}})
    wait(lambda: kube.get("HTTPRoute", "shop")["spec"]["hostnames"] == ["a.example.com"], "another host")
    says(kube, "RoutePending")
    kube.patch("WebApp", "shop", {"spec": {"expose": None}})
    wait(lambda: kube.find("HTTPRoute", "shop") is None, "the route is gone")
    says(kube, "ClusterOnly")
    assert not {"urls", "claims", "engines"} & kube.status("WebApp", "shop").keys()


def test_what_somebody_else_changed_is_put_back(kube: Kube) -> None:
    kube.create(webapp("shop", expose=HOST))
    wait(lambda: kube.find("HTTPRoute", "shop"), "a route")
    kube.patch("HTTPRoute", "shop", {"spec": {"hostnames": ["evil.example.com"]}})
    wait(lambda: kube.get("HTTPRoute", "shop")["spec"]["hostnames"] == HOST["hosts"], "the host is back")


def test_a_route_of_that_name_that_is_not_ours_is_left_alone(kube: Kube) -> None:
    spec = {"hostnames": ["theirs.example.com"]}
    foreign = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop"},
        "spec": spec,
    }
    kube.create(foreign)
    kube.create(webapp("shop", expose=HOST))
    wait(lambda: kube.condition("WebApp", "shop", "Ready")["reason"] == "NameConflict", "a conflict")
    assert kube.get("HTTPRoute", "shop")["spec"]["hostnames"] == ["theirs.example.com"]
    assert kube.find("Deployment", "shop")


def test_each_protocol_has_its_route_and_a_change_leaves_one(kube: Kube) -> None:
    for kind in ROUTES:
        spec = {"protocol": "HTTP"} | EXPOSED[kind]
        if kube.find("WebApp", "shop"):
            kube.patch("WebApp", "shop", {"spec": {"expose": None}})
            kube.patch("WebApp", "shop", {"spec": spec})
        else:
            kube.create(webapp("shop", **spec))
        wait(lambda kind=kind: kube.find(kind, "shop"), f"a {kind}")
        wait(lambda kind=kind: [each for each in ROUTES if kube.find(each, "shop")] == [kind], "and no other")


def test_a_certificate_and_listeners_are_made_where_the_cluster_knows_them(kube: Kube) -> None:
    kube.create(webapp("shop", **EXPOSED["HTTPRoute"]))
    route = wait(lambda: kube.find("HTTPRoute", "shop"), "a route")
    assert route["spec"]["parentRefs"][0]["kind"] == "XListenerSet"
    assert kube.get("XListenerSet", "shop")["spec"]["parentRef"]["name"] == "public"
    answer(kube, "HTTPRoute", "shop")
    says(kube, "CertificatePending")
    name = kube.get("Certificate", "shop-webapp-tls")["spec"]["secretName"]
    told = {"type": "Ready", "status": "True", "reason": "Ready", "message": "up to date"}
    kube.patch("Certificate", name, {"status": {"conditions": [told]}}, "status")
    says(kube, "Routed")
    kube.patch("WebApp", "shop", {"spec": {"expose": {"tls": {"issuer": None, "secretName": "mine"}}}})
    wait(lambda: kube.find("Certificate", name) is None, "the certificate is gone")
    listeners = kube.get("XListenerSet", "shop")["spec"]["listeners"]
    wait(
        lambda: (
            kube.get("XListenerSet", "shop")["spec"]["listeners"][0]["tls"]["certificateRefs"][0]["name"]
            == "mine"
        ),
        f"the Secret of the user's is named, not {listeners}",
    )


def test_the_older_keeps_a_host_and_when_it_goes_the_younger_gets_it(kube: Kube, cluster: Kube) -> None:
    other = Kube(cluster.server, f"{kube.namespace}-b")
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other.namespace}})
    other.create(gateway(other.namespace, namespaces={"from": "Same"}))
    kube.create(webapp("shop", expose=HOST))
    wait(lambda: kube.status("WebApp", "shop").get("claims"), "it holds its host")
    other.create(webapp("thief", expose=HOST))
    told = says(other, "HostConflict", "thief")
    assert f"held by WebApp {kube.namespace}/shop" in told["message"]
    assert other.find("HTTPRoute", "thief") is None
    assert kube.find("HTTPRoute", "shop")
    kube.delete("WebApp", "shop")
    wait(lambda: other.find("HTTPRoute", "thief"), "the younger has it now")
    kube.create(webapp("shop", expose=HOST))
    assert f"held by WebApp {other.namespace}/thief" in says(kube, "HostConflict")["message"]
    other.patch("WebApp", "thief", {"spec": {"expose": {"hosts": ["else.example.com"]}}})
    wait(lambda: kube.find("HTTPRoute", "shop"), "who claimed it is given what another gave up")
    remove_all(other)
    other.delete("Gateway", "public")


def test_a_gateway_that_comes_later_or_ceases_to_take_the_host_is_followed(kube: Kube) -> None:
    kube.delete("Gateway", "public")
    kube.create(webapp("shop", expose=HOST))
    says(kube, "GatewayMissing")
    kube.create(gateway(kube.namespace, "late"))
    wait(lambda: kube.find("HTTPRoute", "shop"), "a route")
    listeners = [{"name": "web", "protocol": "HTTP", "port": 80, "hostname": "other.example.com"}]
    kube.patch("Gateway", "late", {"spec": {"listeners": listeners}})
    assert "no listener that takes shop.example.com" in says(kube, "GatewayMissing")["message"]
    wait(lambda: kube.find("HTTPRoute", "shop") is None, "the route is gone")
    kube.create(gateway(kube.namespace))
    wait(lambda: kube.find("HTTPRoute", "shop"), "another takes it")
    kube.delete("Gateway", "late")


def test_nothing_is_written_when_nothing_changed_nor_by_a_restart(
    kube: Kube, operator: OperatorProcess
) -> None:
    for kind, spec in EXPOSED.items():
        kube.create(webapp(kind.lower(), **spec))
        wait(lambda kind=kind: kube.find(kind, kind.lower()), f"a {kind}")
    for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"):
        answer(kube, kind, kind.lower())
    says(kube, "CertificatePending", "httproute")
    says(kube, "Routed", "grpcroute")
    wait(lambda: quiet(operator), "all is settled")
    operator.kill()
    operator.start()
    wait(lambda: reconciled(operator) >= len(EXPOSED), "all are looked at again")
    assert operator.writes() == []
    kube.patch("Gateway", "public", {"metadata": {"annotations": {"a": "b"}}})
    kube.create(webapp("last", expose=HOST))
    wait(lambda: kube.find("HTTPRoute", "last"), "what came after the change of the Gateway")
    assert {each.split()[-1] for each in operator.writes()} <= {"last", "last-webapp"} | revisions(kube)


def revisions(kube: Kube) -> set[str]:
    return {each["metadata"]["name"] for each in kube.list("ControllerRevision", "longshore.dev/webapp=last")}


def test_plan_shows_the_route_and_whose_host_it_is(kube: Kube, tmp_path: Path) -> None:
    def plan(name: str) -> str:
        file = tmp_path / "app.yaml"
        file.write_text(
            f"apiVersion: longshore.dev/v1alpha1\nkind: WebApp\nmetadata:\n  name: {name}\nspec:\n  image: shop:1\n  expose:\n    hosts: [shop.example.com]\n"
        )
        arguments = [
            "plan",
            "-f",
            str(file),
            "--kubeconfig",
            str(kube.server.kubeconfig),
            "-n",
            kube.namespace,
        ]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    assert "HTTPRoute/shop planned" in plan("shop")
    kube.create(webapp("shop", expose=HOST))
    wait(lambda: kube.status("WebApp", "shop").get("claims"), "it holds its host")
    assert "HTTPRoute/younger" not in plan("younger")


def test_engines_may_arrive_and_go_and_apps_follow_without_a_restart(tmp_path: Path) -> None:
    def made(kube: Kube) -> list[str]:
        return [kind for kind in ("HTTPRoute", "Ingress") if listed(kube, kube.path(kind))]

    def listed(kube: Kube, path: str) -> list[Any]:
        try:
            return list(kube.request("GET", path)["items"])
        except (Refused, ValueError):  # not served, or not yet: the answer may be no JSON
            return []

    with ApiServer(prepare=lambda server: load_crds(Kube(server), ROOT / "crds")) as server:
        kube = Kube(server)
        wait(lambda: kube.find("ServiceAccount", "default"), "the default account")
        with running(kube, tmp_path):
            kube.create(webapp("shop", expose=HOST))
            told = says(kube, "ClusterOnly")
            assert told["status"] == "False"
            assert kube.status("WebApp", "shop")["url"] == "http://shop.default.svc"
            one = {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "IngressClass",
                "metadata": {"name": "nginx"},
                "spec": {"controller": "example.com/x"},
            }
            kube.create(one)
            wait(lambda: made(kube) == ["Ingress"], "an Ingress")
            load_crds(kube, crds.folder("gateway-api"))
            says(kube, "GatewayMissing")
            kube.create(gateway("default"))
            wait(lambda: made(kube) == ["HTTPRoute"], "a route, and no Ingress")
            for each in kube.list("CustomResourceDefinition"):
                if each["spec"]["group"].startswith("gateway.networking."):
                    kube.delete("CustomResourceDefinition", each["metadata"]["name"])
            wait(lambda: made(kube) == ["Ingress"], "an Ingress again", 60)
            load_crds(kube, crds.folder("gateway-api-1.6"))
            kube.create(gateway("default"))
            wait(lambda: made(kube) == ["HTTPRoute"], "a route again", 60)
            kube.patch(
                "WebApp", "shop", {"spec": {"expose": {"tls": {"secretName": "mine", "redirect": False}}}}
            )
            path = "apis/gateway.networking.k8s.io/v1/namespaces/default/listenersets"
            wait(lambda: listed(kube, path), "a listener set of the version that is served")
        asked = [
            (each.verb, each.resource)
            for each in audit.read(server.audit_log, 0, "longshore/")
            if each.resource in ("httproutes", "ingresses")
            and each.verb in ("create", "delete")
            and each.code < 300
        ]
    # Routes may go with their definition, or before it, when that of Gateways goes first.
    assert [each for each in asked if each != ("delete", "httproutes")] == [
        ("create", "ingresses"),
        ("delete", "ingresses"),
        ("create", "httproutes"),
        ("create", "ingresses"),
        ("delete", "ingresses"),
        ("create", "httproutes"),
    ]


def test_listener_sets_move_to_the_released_api_when_it_comes_and_back_when_it_goes(tmp_path: Path) -> None:
    def versions() -> list[str]:
        return [each for each in ("ListenerSet", "XListenerSet") if found(each)]

    def found(kind: str) -> bool:
        try:
            return kube.find(kind, "shop") is not None
        except (Refused, ValueError):  # not served, or not yet: the answer may be no JSON
            return False

    with ApiServer(prepare=lambda server: load_crds(Kube(server), ROOT / "crds")) as server:
        kube = Kube(server)
        wait(lambda: kube.find("ServiceAccount", "default"), "the default account")
        load_crds(kube, crds.folder("gateway-api"))
        kube.create(gateway("default"))
        with running(kube, tmp_path) as operator:
            kube.create(webapp("shop", expose=HOST | {"tls": {"secretName": "mine"}}))
            wait(lambda: versions() == ["XListenerSet"], "one of the experimental API")
            released = tmp_path / "released"
            released.mkdir()
            (path,) = crds.folder("gateway-api-1.6").glob("*gateway.networking.k8s.io_listenersets.yaml")
            (released / path.name).write_text(path.read_text())
            load_crds(kube, released)
            wait(lambda: versions() == ["ListenerSet"], "one of the released API, and no other")
            wait(lambda: quiet(operator), "nothing else is written")
            kube.delete("CustomResourceDefinition", "listenersets.gateway.networking.k8s.io")
            wait(lambda: versions() == ["XListenerSet"], "one of the experimental API again", 60)
