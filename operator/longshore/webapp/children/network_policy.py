"""The NetworkPolicy of an app, also for the pods of its releases; none where everything is allowed.

It holds nothing back where the cluster's network doesn't enforce policies. The kubelet's probes come from the
node of the pod, which policies can't keep out.
"""

from __future__ import annotations

from longshore.api.network import EgressRule, Network
from longshore.webapp.app import COMPONENT as APP
from longshore.webapp.app import App, all_pods_of
from longshore.webapp.children.release import COMPONENT as RELEASE
from longshore.workload.decision import Obj
from longshore.workload.names import GATEWAY_LABEL, MANAGED_BY, MANAGER

NAMESPACE_NAME = "kubernetes.io/metadata.name"
NODE_LOCAL_DNS = "169.254.20.10/32"
"""Where NodeLocal DNSCache listens, outside of any pod network."""
_DNS: Obj = {
    "to": [{"namespaceSelector": {}}, {"ipBlock": {"cidr": NODE_LOCAL_DNS}}],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}


def build(app: App) -> Obj | None:
    network = app.spec.network
    if network is None or (network.allow_from == "Any" and network.egress is None):
        return None
    spec: Obj = {
        "podSelector": {
            "matchLabels": {"app.kubernetes.io/instance": app.name, MANAGED_BY: MANAGER},
            "matchExpressions": [
                {"key": "app.kubernetes.io/component", "operator": "In", "values": [APP, RELEASE]}
            ],
        },
        "policyTypes": [],
    }
    if network.allow_from != "Any":
        spec["policyTypes"].append("Ingress")
        spec["ingress"] = [{"from": [_allowed(network)]}]
    if network.egress is not None:
        spec["policyTypes"].append("Egress")
        spec["egress"] = [_DNS, *map(_egress, network.egress)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": app.metadata(),
        "spec": spec,
    }


def _allowed(network: Network) -> Obj:
    if network.allow_from == "Namespace":
        return {"podSelector": {}}
    return {"namespaceSelector": {"matchLabels": {GATEWAY_LABEL: "true"}}}


def _egress(rule: EgressRule) -> Obj:
    ports = [{"port": each.port, "protocol": each.protocol} for each in rule.ports]
    return {"to": [_peer(rule)]} | ({"ports": ports} if ports else {})


def _peer(rule: EgressRule) -> Obj:
    if rule.web_app is not None:
        return {"podSelector": {"matchLabels": all_pods_of(rule.web_app)}}
    if rule.pods_in is not None:
        return {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: rule.pods_in}}}
    block: Obj = {"cidr": rule.cidr}
    return {"ipBlock": block | ({"except": list(rule.except_)} if rule.except_ else {})}
