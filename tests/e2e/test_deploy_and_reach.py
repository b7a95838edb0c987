"""A user applies a WebApp and opens it."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, is_ready
from tests.e2e.objects import web_app
from tests.e2e.waiting import wait_for

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_web_app_is_ready_and_answers_over_http(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", scaling={"minReplicas": 2}))
    namespace.kubectl("wait", "--for=condition=Ready", "webapp/shop", "--timeout=60s")
    with namespace.port_forward("service/shop", 80) as address, urllib.request.urlopen(address) as answer:
        assert answer.read() == b"version v1\n"
    listed = namespace.kubectl("get", "wa")
    assert "True" in listed
    assert "2/2" in listed
    assert f"http://shop.{namespace.namespace}.svc" in listed
    assert namespace.get("PodDisruptionBudget", "shop") is not None
    assert namespace.get("HorizontalPodAutoscaler", "shop") is None


def test_configuration_reaches_the_container_and_a_changed_file_restarts_it(namespace: Cluster) -> None:
    namespace.kubectl("create", "configmap", "shop", "--from-literal=currency=EUR")
    namespace.kubectl("create", "secret", "generic", "shop", "--from-literal=password=swordfish")
    app = web_app(
        "shop",
        env=[
            {"name": "GREETING", "value": "welcome"},
            {"name": "CURRENCY", "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "currency"}}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "shop", "key": "password"}}},
            {"name": "WHERE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        files=[{"path": "/etc/shop/settings.ini", "content": "open = yes\n"}],
        security={"readOnlyRootFilesystem": True},
    )
    namespace.apply(app)
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    values = [
        namespace.fetch("shop", f"/env?name={name}") for name in ("GREETING", "CURRENCY", "PASSWORD", "WHERE")
    ]
    assert values == ["welcome", "EUR", "swordfish", namespace.namespace]
    assert namespace.fetch("shop", "/file?path=/etc/shop/settings.ini") == "open = yes\n"

    app["spec"]["files"][0]["content"] = "open = no\n"
    namespace.apply(app)
    namespace.wait("WebApp", "shop", is_ready, "is ready again")
    wait_for(
        lambda: namespace.fetch("shop", "/file?path=/etc/shop/settings.ini"),
        lambda text: text == "open = no\n",
        "the changed file is served",
        seconds=20,
    )


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_accepted(shared_namespace: Cluster, example: Path) -> None:
    shared_namespace.kubectl("apply", "--dry-run=server", "--validate=strict", f"--filename={example}")


def test_what_the_operator_and_a_namespace_editor_may_do(cluster: Cluster) -> None:
    operator = "--as=system:serviceaccount:longshore-system:longshore"
    editor = ["--as=jane", "--as-group=editors"]
    cluster.kubectl("create", "rolebinding", "longshore-e2e-editors", "--clusterrole=edit", "--group=editors")
    try:
        asked = {
            "the operator reads secrets": ("get", "secrets", operator, "--all-namespaces"),
            "the operator runs commands in pods": ("create", "pods/exec", operator, "--all-namespaces"),
            "the operator changes roles": ("patch", "clusterroles", operator),
            "the operator makes deployments": ("create", "deployments", operator, "--all-namespaces"),
            "an editor makes web apps": ("create", "webapps", *editor),
            "an editor writes their status": ("patch", "webapps", "--subresource=status", *editor),
        }
        answers = {
            what: cluster.kubectl("auth", "can-i", *question, check=False).splitlines()[0] == "yes"
            for what, question in asked.items()
        }
    finally:
        cluster.kubectl("delete", "rolebinding", "longshore-e2e-editors")
    assert [what for what, allowed in answers.items() if allowed] == [
        "the operator makes deployments",
        "an editor makes web apps",
    ]
