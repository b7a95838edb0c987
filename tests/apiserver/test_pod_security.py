"""Every pod that is rendered passes Pod Security *restricted*, by the API server's own judgement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.cluster.apiserver import ApiServer
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, Refused

GOLDEN = sorted((ROOT / "tests" / "unit" / "golden").glob("*.yaml"))
Obj = dict[str, Any]


@pytest.fixture(scope="module")
def restricted(server: ApiServer) -> Kube:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": "restricted", "labels": labels}
    Kube(server).create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return Kube(server, "restricted")


def pods(path: Path) -> list[Obj]:
    """The pods of the workloads in a file of rendered children."""
    found = []
    for each in yaml.safe_load_all(path.read_text()):
        if each["kind"] in ("Deployment", "DaemonSet", "Job") and "template" in each["spec"]:
            template = each["spec"]["template"]
            metadata = {"name": each["metadata"]["name"], "labels": template["metadata"]["labels"]}
            found.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    return found


def admitted(kube: Kube, pod: Obj) -> Obj:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": pod["spec"]["serviceAccountName"]},
    }
    if kube.find("ServiceAccount", account["metadata"]["name"]) is None:
        kube.create(account)
    return kube.request("POST", kube.path("Pod") + "?dryRun=All", pod)


@pytest.mark.parametrize("path", [each for each in GOLDEN if pods(each)], ids=lambda path: path.stem)
def test_a_rendered_pod_is_admitted_where_restricted_is_enforced(path: Path, restricted: Kube) -> None:
    for pod in pods(path):
        assert admitted(restricted, pod)["spec"]["securityContext"]["runAsNonRoot"] is True


def test_what_asks_for_more_is_refused_there(restricted: Kube) -> None:
    (pod,) = pods(GOLDEN[0])
    pod["spec"]["containers"][0]["securityContext"] = {}
    with pytest.raises(Refused, match="violates PodSecurity"):
        admitted(restricted, pod)
