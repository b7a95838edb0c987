"""What the API server makes of the CustomResourceDefinitions."""

from __future__ import annotations

import pytest
from longshore.api.crd import KINDS

from tests.apiserver.kube import Kube


@pytest.mark.parametrize("plural", [kind.plural for kind in KINDS])
def test_the_server_accepts_the_definition_as_structural(kube: Kube, plural: str) -> None:
    crd = kube.get("CustomResourceDefinition", f"{plural}.longshore.dev")
    told = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
    assert told["Established"] == "True"
    assert told["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in told


def test_explain_describes_a_deep_field(kube: Kube) -> None:
    words = kube.server.run("explain", "webapp.spec.rollout.progressDeadlineSeconds")
    assert "Seconds without progress after which a rollout has failed. Default: 300." in " ".join(
        words.split()
    )


def test_short_names_and_the_category_list_objects(kube: Kube) -> None:
    kube.create(_webapp("shop"))
    assert "webapp.longshore.dev/shop" in kube.server.run("get", "wa", "-n", kube.namespace, "-o", "name")
    assert "webapp.longshore.dev/shop" in kube.server.run(
        "get", "longshore", "-n", kube.namespace, "-o", "name"
    )
    kube.delete("WebApp", "shop")


def test_kubectl_scale_changes_the_minimum(kube: Kube) -> None:
    kube.create(_webapp("shop"))
    kube.server.run("scale", "webapp/shop", "--replicas=3", "-n", kube.namespace)
    assert kube.get("WebApp", "shop")["spec"]["scaling"]["minReplicas"] == 3
    kube.delete("WebApp", "shop")


def _webapp(name: str) -> dict[str, object]:
    return {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "WebApp",
        "metadata": {"name": name},
        "spec": {"image": "shop:1"},
    }
