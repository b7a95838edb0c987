"""A user rolls out an image that doesn't work; the last good revision goes on serving."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, Obj, condition, is_observed, is_ready
from tests.e2e.objects import IMAGE, MISSING_IMAGE, web_app
from tests.e2e.traffic import traffic

FAST = {"scaling": {"minReplicas": 2}, "rollout": {"progressDeadlineSeconds": 30}, "drainSeconds": 5}


def _rolled_back(app: Obj) -> bool:
    return (
        is_observed(app)
        and condition(app, "Progressing")["reason"] == "RolledBack"
        and "is serving" in condition(app, "Progressing")["message"]
    )


def test_the_last_good_revision_serves_on_and_the_reason_is_told(namespace: Cluster) -> None:
    namespace.apply(web_app("crashing", **FAST), web_app("missing", **FAST))
    good = {name: namespace.wait("WebApp", name, is_ready, "is ready") for name in ("crashing", "missing")}
    with traffic(namespace, "crashing", per_second=20) as seen:
        namespace.patch("webapp", "crashing", {"image": f"{IMAGE}:broken"})
        namespace.patch("webapp", "missing", {"image": MISSING_IMAGE})
        crashing = namespace.wait("WebApp", "crashing", _rolled_back, "went back", 120)
        missing = namespace.wait("WebApp", "missing", _rolled_back, "went back", 60)
    assert seen.errors == ()
    assert seen.answers is not None
    assert seen.answers.keys() == {"version v1"}

    for name, app, reason in (
        ("crashing", crashing, "CrashLooping, the container ends with exit code 3"),
        ("missing", missing, f"ImagePullFailed, image {MISSING_IMAGE} cannot be pulled"),
    ):
        told = condition(app, "Ready")
        assert (told["status"], told["reason"]) == ("False", "RolledBack")
        assert reason in told["message"]
        assert "change the spec to try again" in told["message"]
        assert condition(app, "Available")["status"] == "True"
        assert app["status"]["revision"]["current"] == good[name]["status"]["revision"]["current"]
        assert app["spec"]["image"] != f"{IMAGE}:v1", "the spec is the user's and stays as it is"

    for name in ("crashing", "missing"):
        namespace.patch("webapp", name, {"image": f"{IMAGE}:v2"})
    for name in ("crashing", "missing"):
        namespace.wait("WebApp", name, is_ready, "is ready after the next change", 90)
        assert namespace.fetch(name) == "version v2\n"
