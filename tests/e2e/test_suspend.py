"""A user stops an app for a while."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, is_observed, is_ready
from tests.e2e.objects import web_app


def test_a_suspended_app_has_no_pods_keeps_the_rest_and_comes_back(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", scaling={"minReplicas": 2, "maxReplicas": 4}))
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    service = namespace.get("Service", "shop")

    namespace.patch("webapp", "shop", {"suspend": True})
    app = namespace.wait(
        "WebApp",
        "shop",
        lambda app: (
            is_observed(app) and app["status"].get("ready") == "0/0" and not app["status"].get("replicas")
        ),
        "has no replicas",
    )
    ready = condition(app, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Suspended")
    assert "set spec.suspend to false" in ready["message"]
    kept = namespace.get("Service", "shop")
    assert service is not None
    assert kept is not None
    assert kept["metadata"]["uid"] == service["metadata"]["uid"]

    namespace.patch("webapp", "shop", {"suspend": False})
    app = namespace.wait("WebApp", "shop", is_ready, "is ready again")
    assert app["status"]["ready"] == "2/2"
    assert namespace.fetch("shop") == "version v1\n"
