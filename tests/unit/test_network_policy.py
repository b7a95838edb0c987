"""What `network` becomes: one NetworkPolicy, or none."""

from __future__ import annotations

from typing import Any

from longshore.webapp.app import all_pods_of
from longshore.webapp.decide import decide
from longshore.workload.decision import Delete

from tests.unit.facts import NOW, app_facts
from tests.unit.test_webapp_decide import applied, condition

Obj = dict[str, Any]


def policy(network: Obj) -> Obj | None:
    bodies = applied(decide(app_facts({"network": network}), NOW), "NetworkPolicy")
    return bodies[0]["spec"] if bodies else None


def test_there_is_none_where_everything_is_allowed() -> None:
    assert policy({}) is None
    assert policy({"allowFrom": "Any"}) is None


def test_it_goes_when_it_is_no_longer_wanted() -> None:
    live = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "shop", "uid": "n1"},
    }
    decision = decide(app_facts(network_policy=live), NOW)
    assert [step.ref.kind for step in decision.steps if isinstance(step, Delete)] == ["NetworkPolicy"]


def test_it_holds_for_the_app_and_its_releases_and_for_no_job_of_the_same_name() -> None:
    found = policy({"allowFrom": "Namespace"})
    assert found is not None
    assert found["podSelector"] == {
        "matchLabels": {
            "app.kubernetes.io/instance": "shop",
            "app.kubernetes.io/managed-by": "longshore",
        },
        "matchExpressions": [
            {"key": "app.kubernetes.io/component", "operator": "In", "values": ["webapp", "release"]}
        ],
    }


def test_who_may_come_in() -> None:
    namespace, gateway = policy({"allowFrom": "Namespace"}), policy({"allowFrom": "Gateway"})
    assert namespace is not None
    assert gateway is not None
    assert (namespace["policyTypes"], namespace["ingress"]) == (
        ["Ingress"],
        [{"from": [{"podSelector": {}}]}],
    )
    labelled = {"matchLabels": {"longshore.dev/gateway": "true"}}
    assert gateway["ingress"] == [{"from": [{"namespaceSelector": labelled}]}]


def test_no_egress_rule_leaves_dns_only() -> None:
    found = policy({"egress": []})
    assert found is not None
    assert found["policyTypes"] == ["Egress"]
    (dns,) = found["egress"]
    assert [(each["port"], each["protocol"]) for each in dns["ports"]] == [(53, "UDP"), (53, "TCP")]


def test_where_it_may_go_to() -> None:
    rules = [
        {"webApp": "cart"},
        {"podsIn": "databases", "ports": [{"port": 5432}]},
        {
            "cidr": "0.0.0.0/0",
            "except": ["10.0.0.0/8"],
            "ports": [{"port": 443}, {"port": 443, "protocol": "UDP"}],
        },
    ]
    found = policy({"egress": rules})
    assert found is not None
    assert found["egress"][1:] == [
        {"to": [{"podSelector": {"matchLabels": all_pods_of("cart")}}]},
        {
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "databases"}}}],
            "ports": [{"port": 5432, "protocol": "TCP"}],
        },
        {
            "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}],
            "ports": [{"port": 443, "protocol": "TCP"}, {"port": 443, "protocol": "UDP"}],
        },
    ]


def test_the_status_says_who_reaches_it_and_a_change_makes_no_new_revision() -> None:
    open_, closed = app_facts(), app_facts({"network": {"allowFrom": "Namespace"}})
    told = [condition(decide(facts, NOW), "Exposed")["message"] for facts in (open_, closed)]
    assert told == [
        "reached inside the cluster at http://shop.prod.svc",
        "reached by pods of namespace prod at http://shop.prod.svc",
    ]
    names = [
        applied(decide(facts, NOW), "ControllerRevision")[0]["metadata"]["name"] for facts in (open_, closed)
    ]
    assert names[0] == names[1]
