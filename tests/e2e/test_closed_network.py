"""A user closes an app to other namespaces; its own namespace and the kubelet's probes still come through."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, is_ready
from tests.e2e.objects import web_app
from tests.e2e.traffic import traffic


def test_probes_and_the_own_namespace_come_through(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", network={"allowFrom": "Namespace", "egress": []}))
    app = namespace.wait("WebApp", "shop", is_ready, "is ready, so that its probes succeed")
    assert condition(app, "Exposed")["message"].startswith(
        f"reached by pods of namespace {namespace.namespace}"
    )
    with traffic(namespace, "shop", per_second=10) as seen:
        namespace.patch("webapp", "shop", {"image": "longshore.test/workload:v2"})
        namespace.wait("WebApp", "shop", is_ready, "serves v2", 90)
    assert seen.errors == ()
    namespace.patch("webapp", "shop", {"network": None})
    namespace.wait_gone("NetworkPolicy", "shop")
