"""A user has a migration run before each rollout: it succeeds, it fails, and a newer spec comes in between."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, Obj, condition, is_observed, is_ready
from tests.e2e.objects import IMAGE, web_app
from tests.e2e.traffic import traffic


def _waits(app: Obj) -> bool:
    return is_observed(app) and condition(app, "Ready")["reason"] == "WaitingForRelease"


def _failed(app: Obj) -> bool:
    return is_observed(app) and condition(app, "Ready")["reason"] == "ReleaseFailed"


def _jobs(cluster: Cluster) -> list[Obj]:
    return sorted(cluster.list("Job", webapp="shop"), key=lambda each: each["metadata"]["creationTimestamp"])


def test_releases_under_traffic_that_succeed_fail_and_are_overtaken(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", release={"args": ["sleep", "1"]}))
    namespace.wait("WebApp", "shop", _waits, "waits for its first release")
    namespace.wait("WebApp", "shop", is_ready, "is ready", 90)
    assert len(_jobs(namespace)) == 1

    with traffic(namespace, "shop", per_second=20) as seen:
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:v2", "release": {"args": ["sleep", "3"]}})
        namespace.wait("WebApp", "shop", _waits, "waits for its second release")
        assert namespace.fetch("shop") == "version v1\n"
        namespace.wait("WebApp", "shop", is_ready, "serves v2", 90)

        bad = {"args": ["say-last-words", "no such column: price", "3"]}
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:v3", "release": bad})
        failed = namespace.wait("WebApp", "shop", _failed, "says that its release failed")
        assert namespace.fetch("shop") == "version v2\n"

        namespace.patch("webapp", "shop", {"release": {"args": ["sleep", "6"]}})
        namespace.wait("WebApp", "shop", _waits, "waits for a slow release")
        namespace.patch("webapp", "shop", {"image": f"{IMAGE}:v1", "release": {"args": ["sleep", "0"]}})
        last = namespace.wait("WebApp", "shop", is_ready, "serves v1 again", 90)
    assert seen.errors == ()
    assert seen.answers is not None
    assert seen.answers.keys() == {"version v1", "version v2"}

    told = condition(failed, "Ready")
    assert told["status"] == "False"
    assert "its release failed: the command ended with exit code 3" in told["message"]
    assert failed["status"]["failure"]["lastWords"] == "no such column: price"
    assert condition(failed, "Available")["status"] == "True"
    states = [(each["image"], each["state"]) for each in last["status"]["revisions"]]
    assert states == [
        (f"{IMAGE}:v1", "Good"),
        (f"{IMAGE}:v3", "Superseded"),
        (f"{IMAGE}:v3", "Failed"),
        (f"{IMAGE}:v2", "Good"),
        (f"{IMAGE}:v1", "Good"),
    ]
    jobs = _jobs(namespace)
    ends = [[each["type"] for each in job["status"]["conditions"]][-1] for job in jobs]
    assert ends == ["Complete", "Complete", "Failed", "Complete", "Complete"]
    slow, newest = jobs[-2:]
    assert slow["status"]["completionTime"] <= newest["metadata"]["creationTimestamp"], "one after the other"


def test_a_first_release_that_fails_leaves_nothing_running(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", release={"args": ["exit", "4"], "attempts": 2}))
    app = namespace.wait("WebApp", "shop", _failed, "says that its release failed", 90)
    assert "the command ended with exit code 4, 2 times" in condition(app, "Ready")["message"]
    assert namespace.get("Deployment", "shop") is None
    assert condition(app, "Available")["reason"] == "NoReplicas"
