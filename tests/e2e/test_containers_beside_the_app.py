"""A user puts containers beside the app: one that prepares a volume, one that runs along, and one that fails."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, is_ready
from tests.e2e.objects import TINY, web_app

VOLUME = {"name": "shared", "mountPath": "/shared", "emptyDir": {}}
MOUNT = {"volumeMounts": [{"name": "shared"}]}


def test_an_init_container_a_sidecar_and_a_second_port(namespace: Cluster) -> None:
    prepare = {"name": "prepare", "args": ["write", "/shared/hello", "prepared"], "resources": TINY} | MOUNT
    side = {"name": "side", "env": [{"name": "PORT", "value": "9090"}], "resources": TINY}
    namespace.apply(
        web_app(
            "shop", volumes=[VOLUME], initContainers=[prepare], sidecars=[side],
            extraPorts=[{"name": "side", "port": 9090}],
        )
    )  # fmt: skip
    namespace.wait("WebApp", "shop", is_ready, "is ready", 90)
    assert namespace.fetch("shop", "/file?path=/shared/hello") == "prepared"
    assert namespace.fetch("shop", "/env?name=PORT", port="side") == "9090"
    (pod,) = namespace.list("Pod", webapp="shop")
    limits = [each["resources"]["limits"]["memory"] for each in pod["spec"]["initContainers"]]
    assert limits == ["32Mi", "32Mi"]


def test_one_that_fails_is_named(namespace: Cluster) -> None:
    prepare = {"name": "prepare", "args": ["say-last-words", "no such bucket", "5"], "resources": TINY}
    namespace.apply(web_app("shop", initContainers=[prepare]))
    app = namespace.wait(
        "WebApp", "shop", lambda it: condition(it, "Ready")["reason"] == "CrashLooping", "says why"
    )
    assert "init container prepare: the container ends with exit code 5" in condition(app, "Ready")["message"]
    assert app["status"]["failure"]["container"] == "prepare"
    assert app["status"]["failure"]["lastWords"] == "no such bucket"
