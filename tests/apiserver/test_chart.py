"""What the chart can add around the operator is taken by the API server, and is not there unasked."""

from __future__ import annotations

from hack.cluster.apiserver import ApiServer
from tests.apiserver import chart
from tests.apiserver.kube import Kube

PEER = "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.team=monitoring"


def policy(*values: str) -> chart.Obj:
    (found,) = [each for each in chart.render(*values) if each["kind"] == "NetworkPolicy"]
    return found


def test_unasked_there_is_no_network_policy() -> None:
    assert "NetworkPolicy" not in {each["kind"] for each in chart.render()}


def test_a_network_policy_lets_nobody_in_but_who_is_named(server: ApiServer) -> None:
    closed, named = policy("networkPolicy.create=true"), policy("networkPolicy.create=true", PEER)
    assert not closed["spec"]["ingress"]
    (rule,) = named["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}]
    assert [port["port"] for port in rule["ports"]] == [8080]
    kube = Kube(server, "default")
    for each in (closed, named):
        each["metadata"]["namespace"] = "default"
        kube.request("POST", "apis/networking.k8s.io/v1/namespaces/default/networkpolicies?dryRun=All", each)
