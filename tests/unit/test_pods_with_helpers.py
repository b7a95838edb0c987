"""Ports, init containers and sidecars: what they are rendered into."""

from __future__ import annotations

from typing import Any

from longshore.webapp.decide import decide

from tests.unit.facts import NOW, app_facts
from tests.unit.test_webapp_decide import applied

Obj = dict[str, Any]
SPEC: Obj = {
    "image": "shop:1",
    "extraPorts": [{"name": "metrics", "port": 9090}, {"name": "admin", "port": 9000, "protocol": "TCP"}],
    "volumes": [
        {"name": "data", "mountPath": "/data", "emptyDir": {}},
        {"name": "conf", "mountPath": "/conf", "readOnly": True, "configMap": {"name": "conf"}},
    ],
    "env": [{"name": "SECRET", "value": "of the app"}],
    "files": [{"path": "/etc/a", "content": "a"}],
    "initContainers": [
        {"name": "fetch", "args": ["fetch"], "volumeMounts": [{"name": "data", "subPath": "models"}]}
    ],
    "sidecars": [
        {
            "name": "proxy",
            "image": "proxy:1",
            "env": [{"name": "A", "value": "1"}],
            "resources": {"requests": {"memory": "16Mi"}},
            "volumeMounts": [{"name": "conf", "mountPath": "/etc/proxy"}],
        }
    ],
}


def pod(spec: Obj) -> Obj:
    (body,) = applied(decide(app_facts(spec), NOW), "Deployment")
    found: Obj = body["spec"]["template"]["spec"]
    return found


def test_extra_ports_are_the_containers_and_the_services() -> None:
    assert [(each["name"], each["containerPort"]) for each in pod(SPEC)["containers"][0]["ports"]] == [
        ("app", 8080), ("metrics", 9090), ("admin", 9000),
    ]  # fmt: skip
    (service,) = applied(decide(app_facts(SPEC), NOW), "Service")
    ports = [
        (each["name"], each["port"], each["targetPort"], each.get("appProtocol"))
        for each in service["spec"]["ports"]
    ]
    assert ports == [
        ("http", 80, "app", "http"),
        ("metrics", 9090, "metrics", "http"),
        ("admin", 9000, "admin", None),
    ]


def test_init_containers_come_first_and_sidecars_are_native_ones() -> None:
    fetch, proxy = pod(SPEC)["initContainers"]
    assert (fetch["name"], fetch["image"], fetch["args"]) == ("fetch", "shop:1", ["fetch"])
    assert "restartPolicy" not in fetch
    assert (proxy["name"], proxy["image"], proxy["restartPolicy"]) == ("proxy", "proxy:1", "Always")


def test_they_are_as_restricted_as_the_app_and_have_a_memory_limit() -> None:
    found = pod(SPEC | {"security": {"readOnlyRootFilesystem": True}})
    for each in found["initContainers"]:
        assert each["securityContext"] == found["containers"][0]["securityContext"]
    limits = [each["resources"]["limits"]["memory"] for each in found["initContainers"]]
    assert limits == ["128Mi", "16Mi"]


def test_they_see_the_volumes_that_they_name_and_nothing_else_of_the_app() -> None:
    fetch, proxy = pod(SPEC)["initContainers"]
    assert fetch["volumeMounts"] == [{"name": "data", "mountPath": "/data", "subPath": "models"}]
    assert proxy["volumeMounts"] == [{"name": "conf", "mountPath": "/etc/proxy", "readOnly": True}]
    assert "env" not in fetch
    assert proxy["env"] == [{"name": "A", "value": "1"}]


def test_without_them_the_pod_is_as_it_was() -> None:
    assert "initContainers" not in pod({"image": "shop:1"})
