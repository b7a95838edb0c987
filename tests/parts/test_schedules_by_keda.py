"""KEDA follows the schedules that it can say; the others are followed by ourselves, beside it."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, is_ready
from tests.e2e.objects import web_app

ALL_DAY = {"name": "all-day", "cron": "0 0 * * *", "durationSeconds": 86340, "minReplicas": 3}
"""Holds but in the last minute of the day."""


def test_keda_raises_an_app_for_a_schedule_and_it_comes_down_without(namespace: Cluster, keda: None) -> None:
    namespace.apply(web_app("shop", scaling={"schedules": [ALL_DAY]}))
    app = namespace.wait(
        "WebApp", "shop", lambda it: is_ready(it) and it["status"]["ready"] == "3/3", "has 3 replicas", 120
    )
    assert app["status"]["engines"]["scaling"] == "KEDA"
    assert condition(app, "Scaling")["reason"] == "Autoscaled"
    ready = namespace.kubectl(
        "get", "scaledobject", "shop", "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    )
    assert ready == "True"
    assert "keda-hpa-shop" in namespace.kubectl("get", "hpa", "--output=name")
    namespace.patch("webapp", "shop", {"scaling": {"schedules": None}})
    namespace.wait(
        "WebApp", "shop", lambda it: is_ready(it) and it["status"]["ready"] == "1/1", "has 1 replica", 120
    )
    assert namespace.kubectl("get", "scaledobjects,hpa", "--output=name").strip() == ""


def test_a_schedule_that_keda_cannot_say_is_followed_all_the_same(namespace: Cluster, keda: None) -> None:
    bounded = ALL_DAY | {"maxReplicas": 3}
    namespace.apply(web_app("shop", scaling={"schedules": [bounded]}))
    app = namespace.wait(
        "WebApp", "shop", lambda it: is_ready(it) and it["status"]["ready"] == "3/3", "has 3 replicas", 120
    )
    assert condition(app, "Scaling")["message"] == "3 replicas, by schedule all-day"
    assert namespace.kubectl("get", "scaledobjects", "--output=name").strip() == ""
