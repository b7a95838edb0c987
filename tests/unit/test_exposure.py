"""What `expose` becomes, engine by engine, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from longshore.webapp.children.backends import Backend, backend_refs
from longshore.webapp.decide import decide
from longshore.webapp.surroundings import Surroundings
from longshore.workload.decision import Apply, Decision, Delete

from tests.unit.facts import NOW, app_facts
from tests.unit.gateways import (
    CERT_MANAGER,
    LISTENER_SETS,
    answered,
    gateway,
    ingress_class,
    listener,
    live,
    with_gateways,
)
from tests.unit.test_webapp_decide import applied, condition

Obj = dict[str, Any]
KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "XListenerSet", "Ingress", "Certificate")
HOST = {"hosts": ["shop.example.com"]}
ISSUED = HOST | {"tls": {"issuer": {"name": "ca", "kind": "ClusterIssuer"}}}


def decided(expose: Obj | None, around: Surroundings, **spec: Any) -> Decision:
    body = spec | ({"expose": expose} if expose is not None else {})
    facts = app_facts(body, surroundings=around)
    facts.app["spec"] = facts.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return decide(facts, NOW)


def made(decision: Decision) -> dict[str, Obj]:
    """Children by kind; what redirects is told by its name, too."""
    return {
        step.body["kind"]
        + ("/redirect" if step.body["metadata"]["name"] == "shop-redirect" else ""): step.body
        for step in decision.steps
        if isinstance(step, Apply) and step.body["kind"] in KINDS
    }


def told(decision: Decision) -> tuple[str, str, str]:
    each = condition(decision, "Exposed")
    return each["status"], each["reason"], each["message"]


def round_trip(expose: Obj, around: Surroundings, answer: Any = answered, **spec: Any) -> Decision:
    """The decision once the children are there and the controller has answered."""
    children = [
        answer(body) if body["kind"].endswith("Route") else live(body)
        for body in made(decided(expose, around, **spec)).values()
    ]
    return decided(expose, replace(around, live=children), **spec)


def test_without_expose_it_is_reached_inside_the_cluster_whatever_there_is() -> None:
    decision = decided(None, with_gateways(ingress_classes=[ingress_class()]))
    assert made(decision) == {}
    assert told(decision)[:2] == ("True", "ClusterOnly")
    assert not {"urls", "claims", "engines"} & decision.status.keys()


@pytest.mark.parametrize(
    ("protocol", "kind", "expose", "listeners", "url"),
    [
        ("HTTP", "HTTPRoute", HOST | {"path": "/api"}, [listener()], "http://shop.example.com/api"),
        ("H2C", "HTTPRoute", HOST, [listener(protocol="HTTPS", port=443)], "https://shop.example.com"),
        ("GRPC", "GRPCRoute", HOST, [listener(port=8000)], "grpc://shop.example.com:8000"),
        ("TLS", "TLSRoute", HOST, [listener(protocol="TLS", port=8443, tls={"mode": "Passthrough"})], "tls://shop.example.com:8443"),
        ("TCP", "TCPRoute", {"gateway": {"name": "public", "namespace": "infra", "sectionName": "db"}}, [listener("db", "TCP", 5432)], "tcp://192.0.2.7:5432"),
    ],
)  # fmt: skip
def test_the_protocol_decides_on_the_route(
    protocol: str, kind: str, expose: Obj, listeners: list[Obj], url: str
) -> None:
    around = with_gateways(gateway(*listeners))
    route = made(decided(expose, around, protocol=protocol))
    assert list(route) == [kind]
    parent = route[kind]["spec"]["parentRefs"][0]
    assert (parent["namespace"], parent["name"]) == ("infra", "public")
    done = round_trip(expose, around, protocol=protocol)
    assert told(done)[:2] == ("True", "Routed")
    assert done.status["url"] == url
    assert done.status["engines"]["routing"] == "GatewayAPI"


def test_backends_are_services_with_weights() -> None:
    assert backend_refs([Backend("shop", 90), Backend("shop-canary", 10)], 80) == [
        {"name": "shop", "port": 80, "weight": 90},
        {"name": "shop-canary", "port": 80, "weight": 10},
    ]


SAYS = {
    "no answer yet": (live, "RoutePending", "has not said yet"),
    "refused": (lambda body: answered(body, "Accepted", "False", "NotAllowedByListeners", "no"), "RouteRefused", "NotAllowedByListeners"),
    "no backend": (lambda body: answered(body, "ResolvedRefs", "False", "BackendNotFound", "no service"), "RouteRefused", "BackendNotFound"),
    "an answer to an older version": (lambda body: answered(body) | {"metadata": body["metadata"] | {"generation": 2, "uid": "x"}}, "RoutePending", "has not said yet"),
}  # fmt: skip


@pytest.mark.parametrize("what", SAYS)
def test_it_says_what_the_controller_says(what: str) -> None:
    answer, reason, words = SAYS[what]
    decision = round_trip(HOST, with_gateways(), answer)
    status, said, message = told(decision)
    assert (status, said) == ("False", reason)
    assert words in message
    assert decision.status["url"] == "http://shop.prod.svc"


MISSING = {
    "none": ([], {}, "there is no Gateway: ask"),
    "of another namespace only": ([gateway(listener(from_="Same"))], {}, "takes no routes of namespace prod"),
    "of its own namespace where nothing is said": ([gateway({"name": "web", "protocol": "HTTP", "port": 80})], {}, "takes no routes of namespace prod"),
    "not for the host": ([gateway(listener(hostname="*.example.org"))], {}, "no listener that takes shop.example.com"),
    "no right labels": ([gateway(listener(from_="Selector", selector={"matchLabels": {"a": "b"}}))], {}, "takes no routes of namespace prod"),
    "not its kind": ([gateway(listener(rule={"kinds": [{"kind": "GRPCRoute"}]}))], {}, "has no listener for a HTTPRoute"),
    "named and missing": ([gateway()], {"gateway": {"name": "other"}}, "there is no Gateway prod/other"),
    "named section missing": ([gateway()], {"gateway": {"name": "public", "namespace": "infra", "sectionName": "x"}}, "has no listener x"),
    "no TLS": ([gateway()], {"tls": {"secretName": "mine"}}, "has no HTTPS listener"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISSING)
def test_where_no_gateway_fits_nothing_is_made_and_it_says_why(what: str) -> None:
    gateways, more, words = MISSING[what]
    around = replace(with_gateways(), gateways=gateways)
    decision = decided(HOST | more, around)
    assert made(decision) == {}
    assert told(decision)[:2] == ("False", "GatewayMissing")
    assert words in told(decision)[2]
    assert "claims" not in decision.status


def test_a_host_that_was_routed_is_kept_while_nothing_routes_it() -> None:
    facts = app_facts({"expose": HOST}, surroundings=Surroundings(), status={"claims": HOST["hosts"]})
    assert decide(facts, NOW).status["claims"] == HOST["hosts"]


def test_the_gateway_that_has_the_route_is_kept() -> None:
    old, new = gateway(name="old", age=1), gateway(name="new", age=9)
    first = made(decided(HOST, with_gateways(old)))["HTTPRoute"]
    both = with_gateways(old, new, live=[live(first)])
    assert made(decided(HOST, both))["HTTPRoute"]["spec"]["parentRefs"][0]["name"] == "old"
    fresh = with_gateways(old, new)
    assert made(decided(HOST, fresh))["HTTPRoute"]["spec"]["parentRefs"][0]["name"] == "new"


def test_a_selector_of_labels_lets_the_namespace_in() -> None:
    selector = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["shop"]}]}
    around = with_gateways(
        gateway(listener(from_="Selector", selector=selector)), namespace_labels={"team": "shop"}
    )
    assert list(made(decided(HOST, around))) == ["HTTPRoute"]


def test_with_a_certificate_it_is_attached_to_https_only() -> None:
    around = with_gateways(gateway(listener(), listener("websecure", "HTTPS", 443)))
    children = made(decided(HOST | {"tls": {"secretName": "mine"}}, around))
    assert sections(children["HTTPRoute"]) == ["websecure"]
    assert sections(children["HTTPRoute/redirect"]) == ["web"]


def sections(route: Obj) -> list[str]:
    return [each["sectionName"] for each in route["spec"]["parentRefs"]]


@pytest.mark.parametrize(
    ("port", "to"),
    [
        (443, {"scheme": "https", "statusCode": 301}),
        (8443, {"scheme": "https", "statusCode": 301, "port": 8443}),
    ],
)
def test_with_a_certificate_http_is_redirected_to_where_tls_is_spoken(port: int, to: Obj) -> None:
    around = with_gateways(gateway(listener(), listener("websecure", "HTTPS", port)))
    route = made(decided(HOST | {"path": "/api", "tls": {"secretName": "mine"}}, around))[
        "HTTPRoute/redirect"
    ]
    assert route["spec"]["hostnames"] == ["shop.example.com"]
    assert route["spec"]["rules"] == [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/api"}}],
            "filters": [{"type": "RequestRedirect", "requestRedirect": to}],
        }
    ]


SECURE = listener("websecure", "HTTPS", 443)


@pytest.mark.parametrize(
    ("tls", "listeners", "spec"),
    [
        ({"secretName": "mine", "redirect": False}, [listener(), SECURE], {}),
        ({"secretName": "mine"}, [listener(hostname="other.example.com"), SECURE], {}),
        ({"secretName": "mine"}, [listener(from_="Same"), SECURE], {}),
        ({"secretName": "mine"}, [SECURE], {}),
        ({"secretName": "mine"}, [listener(), SECURE], {"protocol": "GRPC"}),
        (None, [listener(), SECURE], {}),
    ],
)
def test_nothing_is_redirected(tls: Obj | None, listeners: list[Obj], spec: Obj) -> None:
    expose = HOST | ({"tls": tls} if tls else {})
    children = made(decided(expose, with_gateways(gateway(*listeners)), **spec))
    assert "HTTPRoute/redirect" not in children
    assert len(children) == 1


def test_a_gateway_that_lets_listeners_in_gets_one_for_each_host() -> None:
    allowed = {"namespaces": {"from": "All"}}
    around = with_gateways(gateway(allowedListeners=allowed), apis=LISTENER_SETS | CERT_MANAGER)
    children = made(decided(ISSUED, around))
    assert children.keys() == {"Certificate", "XListenerSet", "HTTPRoute", "HTTPRoute/redirect"}
    spec = children["XListenerSet"]["spec"]
    assert spec["listeners"][0]["tls"]["certificateRefs"] == [{"name": "shop-webapp-tls"}]
    assert children["Certificate"]["spec"]["secretName"] == "shop-webapp-tls"
    assert children["HTTPRoute"]["spec"]["parentRefs"] == [
        {"group": "gateway.networking.x-k8s.io", "kind": "XListenerSet", "namespace": "prod", "name": "shop"}
    ]


def test_a_gateway_that_lets_no_listeners_in_gets_none() -> None:
    around = with_gateways(
        gateway(listener(), listener("s", "HTTPS", 443)), apis=LISTENER_SETS | CERT_MANAGER
    )
    assert made(decided(ISSUED, around)).keys() == {"Certificate", "HTTPRoute", "HTTPRoute/redirect"}


def test_a_certificate_that_is_not_there_yet_is_told_with_the_words_of_cert_manager() -> None:
    around = with_gateways(gateway(listener("s", "HTTPS", 443)), apis=CERT_MANAGER)
    ready = {"type": "Ready", "status": "False", "message": "Issuing certificate as Secret does not exist"}

    def answer(status: Obj) -> Decision:
        children = made(decided(ISSUED, around))
        held = [answered(children["HTTPRoute"]), live(children["Certificate"], {"conditions": [status]})]
        return decided(ISSUED, replace(around, live=held))

    pending = answer(ready)
    assert told(pending)[:2] == ("False", "CertificatePending")
    assert "Secret does not exist" in told(pending)[2]
    assert told(answer(ready | {"status": "True"}))[1] == "Routed"


def test_without_cert_manager_it_says_so() -> None:
    around = with_gateways(gateway(listener("s", "HTTPS", 443)))
    decision = decided(ISSUED, around)
    assert "Certificate" not in made(decision)
    assert told(decision)[:2] == ("False", "CertManagerMissing")


def test_without_gateway_api_it_is_an_ingress() -> None:
    around = Surroundings(ingress_classes=[ingress_class("a"), ingress_class("b", default=True)])
    decision = decided(HOST | {"tls": {"secretName": "mine"}}, around)
    spec = made(decision)["Ingress"]["spec"]
    assert spec["ingressClassName"] == "b"
    assert spec["tls"] == [{"hosts": ["shop.example.com"], "secretName": "mine"}]
    assert told(decision)[:2] == ("False", "AddressPending")
    held = live(made(decision)["Ingress"], {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})
    done = decided(HOST | {"tls": {"secretName": "mine"}}, replace(around, live=[held]))
    assert told(done)[:2] == ("True", "Routed")
    assert done.status["url"] == "https://shop.example.com"
    assert done.status["engines"] == {"routing": "Ingress", "tls": "Secret"}


NO_INGRESS = {
    "no class": ([], {}, "HTTP", "ClusterOnly"),
    "no default class": ([ingress_class("a"), ingress_class("b")], {}, "HTTP", "GatewayMissing"),
    "a Gateway named": ([ingress_class()], {"gateway": {"name": "x"}}, "HTTP", "GatewayMissing"),
    "TLS": ([ingress_class()], {}, "TLS", "GatewayMissing"),
}


@pytest.mark.parametrize("what", NO_INGRESS)
def test_where_no_ingress_will_do_nothing_is_made(what: str) -> None:
    classes, more, protocol, reason = NO_INGRESS[what]
    decision = decided(HOST | more, Surroundings(ingress_classes=classes), protocol=protocol)
    assert made(decision) == {}
    assert told(decision)[:2] == ("False", reason)


def test_a_class_that_is_named_wins_over_gateways() -> None:
    around = with_gateways(ingress_classes=[ingress_class()])
    assert list(made(decided(HOST | {"ingressClassName": "nginx"}, around))) == ["Ingress"]


def test_what_belongs_to_the_other_engine_goes_first() -> None:
    ingress = live(made(decided(HOST, Surroundings(ingress_classes=[ingress_class()])))["Ingress"])
    decision = decided(HOST, with_gateways(live=[ingress]))
    last = [step for step in decision.steps if isinstance(step, Delete) or step.body["kind"] in KINDS]
    assert isinstance(last[0], Delete)
    assert last[0].ref.kind == "Ingress"
    assert isinstance(last[1], Apply)
    assert last[1].body["kind"] == "HTTPRoute"


def test_what_is_no_longer_asked_for_goes() -> None:
    route = live(made(decided(HOST, with_gateways()))["HTTPRoute"])
    gone = decided(None, Surroundings(live=[route]))
    assert [step.ref.kind for step in gone.steps if isinstance(step, Delete)] == ["HTTPRoute"]


def test_confined_to_namespaces_a_gateway_that_is_named_is_trusted_to_judge_itself() -> None:
    around = Surroundings(apis=with_gateways().apis, sees_all=False)
    named = HOST | {"gateway": {"name": "public", "namespace": "infra"}}
    assert list(made(decided(named, around))) == ["HTTPRoute"]
    assert told(decided(HOST, around))[1] == "GatewayMissing"


def test_exposing_makes_no_new_revision() -> None:
    def revision(decision: Decision) -> str:
        return str(applied(decision, "ControllerRevision")[0]["metadata"]["name"])

    assert revision(decided(HOST, with_gateways())) == revision(decided(None, with_gateways()))
