"""A user changes an app over to one replica on each node, rolls out there, and comes back, all under traffic."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, Obj, condition, is_observed, is_ready
from tests.e2e.objects import IMAGE, web_app
from tests.e2e.traffic import traffic


def _rolled_back(app: Obj) -> bool:
    return is_observed(app) and condition(app, "Progressing")["reason"] == "RolledBack"


def test_modes_and_revisions_change_without_a_failed_request(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", rollout={"progressDeadlineSeconds": 30}, drainSeconds=5))
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    with traffic(namespace, "shop", per_second=20) as seen:
        namespace.patch("webapp", "shop", {"scaling": {"mode": "PerNode"}})
        per_node = namespace.wait("WebApp", "shop", is_ready, "runs on each node", 90)
        namespace.wait_gone("Deployment", "shop")
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:v2"})
        namespace.wait("WebApp", "shop", is_ready, "serves v2", 90)
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:broken"})
        broken = namespace.wait("WebApp", "shop", _rolled_back, "went back", 120)
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:v3", "scaling": {"mode": "Replicas"}})
        namespace.wait("WebApp", "shop", is_ready, "serves v3 from a Deployment", 90)
        namespace.wait_gone("DaemonSet", "shop")
    assert seen.errors == ()
    assert seen.answers is not None
    # Whether the last of them came to v3 already hangs on when the node's proxy heard of it.
    assert {"version v1", "version v2"} <= seen.answers.keys() <= {"version v1", "version v2", "version v3"}
    assert "version v3" in namespace.fetch("shop")
    nodes = per_node["status"]["nodes"]
    assert per_node["status"]["ready"] == f"{len(nodes)}/{len(nodes)}"
    assert {each["ready"] for each in nodes} == {True}
    assert "CrashLooping, the container ends with exit code 3" in condition(broken, "Ready")["message"]
