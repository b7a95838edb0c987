"""Roads between the pods of several nodes, where the node image is ours: kind's own network needs an image
that can't be had here.

Each node gives its pods addresses of its own range (node.spec.podCIDR) and knows by which node each other
range is reached. Made anew it is the same, so it may be made again at any time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hack.cluster.kind import Cluster

POD_RANGE = "10.244.0.0/16"
_CONFIG = "/etc/cni/net.d/10-ptp.conflist"


def connect(cluster: Cluster) -> None:
    """Gives each node its range and its roads, and starts anew what got an address before."""
    nodes = {
        each["metadata"]["name"]: (each["spec"]["podCIDR"], _address(each))
        for each in json.loads(cluster.kubectl("get", "nodes", "--output=json"))["items"]
    }
    for name, (pods, _) in nodes.items():
        cluster.on_node(name, script(pods, [road for other, road in nodes.items() if other != name]))
    cluster.kubectl("-n", "kube-system", "rollout", "restart", "deployment/coredns")


def script(pods: str, roads: list[tuple[str, str]]) -> str:
    """What a node runs: `pods` is its own range, `roads` are range and address of each other node.

    Pods keep their address among each other; towards the outside they have the node's.
    """
    outside = f"POSTROUTING -s {POD_RANGE} ! -d {POD_RANGE} -j MASQUERADE"
    return "\n".join(
        [
            "set -o errexit",
            f"cat >{_CONFIG}.new <<'EOF'\n{json.dumps(_conflist(pods), indent=2)}\nEOF",
            f"mv {_CONFIG}.new {_CONFIG}",
            f"iptables -t nat -C {outside} 2>/dev/null || iptables -t nat -A {outside}",
            *(f"ip route replace {theirs} via {address}" for theirs, address in roads),
        ]
    )


def _conflist(pods: str) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "ranges": [[{"subnet": pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": addresses},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}


def _address(node: dict[str, dict[str, list[dict[str, str]]]]) -> str:
    return next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
