"""A user changes the image while people use the app."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, is_ready
from tests.e2e.objects import IMAGE, web_app
from tests.e2e.traffic import traffic

PER_SECOND = 50


def test_no_request_fails_while_revisions_change_under_50_requests_per_second(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", scaling={"minReplicas": 2}, drainSeconds=5))
    first = namespace.wait("WebApp", "shop", is_ready, "is ready")
    with traffic(namespace, "shop", PER_SECOND) as seen:
        for tag in ("v2", "v3"):
            namespace.patch("webapp", "shop", {"image": f"{IMAGE}:{tag}"})
            last = namespace.wait("WebApp", "shop", is_ready, f"serves {tag} with all replicas", 90)
    assert seen.errors == ()
    assert seen.failed == 0
    assert seen.answers is not None
    assert seen.answers.keys() == {"version v1", "version v2", "version v3"}
    assert seen.sent > PER_SECOND * seen.seconds * 0.9, "the load itself was too slow"
    revisions = [(each["image"], each["state"]) for each in last["status"]["revisions"]]
    assert revisions == [(f"{IMAGE}:v3", "Good"), (f"{IMAGE}:v2", "Good"), (f"{IMAGE}:v1", "Good")]
    assert first["status"]["revision"]["current"] != last["status"]["revision"]["current"]
