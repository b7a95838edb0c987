"""What the chart can add around the operator is taken by the API server, and is not there unasked."""

from __future__ import annotations

import pytest
import yaml

from hack.cluster.apiserver import ApiServer
from tests.apiserver import chart
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, Refused, load_crds, wait
from tests.campaigns.scenarios import webapp

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


def test_with_a_list_of_domains_keys_of_all_others_are_refused() -> None:
    added = policies("longshore-keys", "allowedKeyDomains={example.com,corp.test}")
    assert len(added) == 2
    assert policies("longshore-keys") == []
    with ApiServer() as server:
        kube = Kube(server)
        load_crds(kube, ROOT / "crds")
        kube.create(webapp("old", labels={"unheard-of.io/team": "a"}))
        server.run("apply", "-f", "-", stdin=yaml.safe_dump_all(added))
        odd = webapp("odd", annotations={"unheard-of.io/role": "admin"})
        told = wait(lambda: refusal(kube, odd), "the policy is in force")
        assert "may have the domains example.com, corp.test only, or none" in told
        assert "may have the domains" in refusal(kube, webapp("odd", labels={"notexample.com/a": "b"}))
        good = {"team": "a", "example.com/team": "a", "pay.corp.test/team": "a"}
        assert refusal(kube, webapp("good", labels=good)) == ""
        kube.patch("WebApp", "old", {"spec": {"suspend": True}})
        with pytest.raises(Refused, match="may have the domains"):
            kube.patch("WebApp", "old", {"spec": {"labels": {"unheard-of.io/more": "b"}}})
        definition = {"image": "job:1", "annotations": {"unheard-of.io/role": "admin"}}
        odd = webapp("odd") | {"kind": "JobDefinition", "spec": {"template": definition}}
        assert "may have the domains" in refusal(kube, odd)
        odd["spec"]["template"]["annotations"] = {"example.com/role": "a"}
        kube.create(odd)
        with pytest.raises(Refused, match="may have the domains"):
            kube.patch(
                "JobDefinition", "odd", {"spec": {"template": {"labels": {"unheard-of.io/more": "b"}}}}
            )


def test_the_domains_are_those_of_the_namespaces_that_are_watched() -> None:
    for name in ("longshore-keys", "longshore-network", "longshore-expose"):
        _, binding = policies(name, "allowedKeyDomains={example.com}", "watchNamespaces={ours}")
        (only,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert only == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ours"]}


def policies(name: str, *values: str) -> list[chart.Obj]:
    """The admission policy of this name and its binding."""
    return [
        each
        for each in chart.render(*values)
        if each["kind"] in chart.ADMISSION and each["metadata"]["name"] == name
    ]


def refusal(kube: Kube, obj: chart.Obj) -> str:
    """What the API server says against the object, which isn't made; empty if it has nothing against it."""
    try:
        kube.request("POST", kube.path(obj["kind"]) + "?dryRun=All", obj)
    except Refused as refused:
        return refused.message
    return ""
