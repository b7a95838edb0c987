"""A user's app gets busy, and quiet again."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, is_ready
from tests.e2e.objects import load_pod, web_app


def test_replicas_follow_the_load_up_and_back_down(namespace: Cluster) -> None:
    namespace.apply(
        web_app(
            "busy",
            resources={"requests": {"cpu": "40m", "memory": "32Mi"}, "limits": {"cpu": "200m"}},
            scaling={
                "minReplicas": 1,
                "maxReplicas": 3,
                "targets": {"cpuPercent": 60},
                "scaleDownDelaySeconds": 0,
            },
        )
    )
    namespace.wait("WebApp", "busy", is_ready, "is ready")
    namespace.apply(load_pod("load", "http://busy/burn?ms=20", per_second=10, seconds=240))
    app = namespace.wait(
        "WebApp",
        "busy",
        lambda app: (
            app["status"].get("ready") == "3/3" and condition(app, "Scaling")["reason"] == "AtMaximum"
        ),
        "runs three replicas under load and says that it is at its maximum",
        seconds=150,
    )
    assert "raise it" in condition(app, "Scaling")["message"]
    namespace.kubectl("delete", "pod", "load", "--wait=false")
    app = namespace.wait(
        "WebApp", "busy", lambda app: app["status"].get("ready") == "1/1", "is back at one replica", 150
    )
    assert is_ready(app)
