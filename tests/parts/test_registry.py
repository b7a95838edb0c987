"""A user runs an image of a registry that asks for a password."""

from __future__ import annotations

import base64
import json

from hack.cluster import kind, parts
from tests.e2e.cluster import Cluster, Obj, is_ready
from tests.e2e.objects import IMAGE, web_app


def test_the_password_opens_the_registry_and_a_wrong_one_gives_its_words(
    namespace: Cluster, made: kind.Cluster, registry: None
) -> None:
    image = parts.push(made, f"{IMAGE}:v1", f"{namespace.namespace}/workload:v1")
    namespace.apply(
        _login("right", parts.REGISTRY_PASSWORD),
        _login("wrong", "guessed"),
        _app("open", image, "right"),
        _app("shut", image, "wrong"),
    )
    namespace.wait("WebApp", "open", is_ready, "is ready", 120)
    app = namespace.wait(
        "WebApp",
        "shut",
        lambda it: (it["status"].get("failure") or {}).get("reason") == "ImagePullFailed",
        "says why its image is not pulled",
        120,
    )
    message = app["status"]["failure"]["message"]
    assert "401" in message or "unauthorized" in message.lower(), message


def _app(name: str, image: str, secret: str) -> Obj:
    return web_app(name, image=image, imagePullSecrets=[{"name": secret}])


def _login(name: str, password: str) -> Obj:
    login = base64.b64encode(f"{parts.REGISTRY_USER}:{password}".encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": {parts.REGISTRY: {"auth": login}}})},
    }
