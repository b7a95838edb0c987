"""KEDA comes and goes: schedules change over without a restart, and nothing is written afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hack.cluster import crds
from hack.cluster.apiserver import ApiServer
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, load_crds, wait
from tests.apiserver.operator import OperatorProcess
from tests.apiserver.test_operator import quiet
from tests.apiserver.test_webapp import webapp

DAILY = {"name": "day", "cron": "0 0 * * *", "durationSeconds": 86340, "minReplicas": 3}


def test_schedules_change_over_to_keda_when_it_comes_and_back_when_it_goes(tmp_path: Path) -> None:
    with ApiServer(prepare=lambda server: load_crds(Kube(server), ROOT / "crds")) as server:
        kube = Kube(server)
        wait(lambda: kube.find("ServiceAccount", "default"), "the default account")
        with OperatorProcess(kube, tmp_path, leader_elect="false", discovery_seconds="0.3") as operator:
            kube.create(webapp("shop", scaling={"minReplicas": 1, "maxReplicas": 5, "schedules": [DAILY]}))
            wait(lambda: kube.find("HorizontalPodAutoscaler", "shop"), "an autoscaler")
            wait(lambda: engine(kube) == "HorizontalPodAutoscaler", "the status names it")

            load_crds(kube, crds.folder("keda"))
            made = wait(lambda: kube.find("ScaledObject", "shop"), "KEDA's object")
            assert [each["type"] for each in made["spec"]["triggers"]] == ["cron", "cpu"]
            wait(lambda: not kube.find("HorizontalPodAutoscaler", "shop"), "no autoscaler of ours")
            wait(lambda: engine(kube) == "KEDA", "the status says so")
            wait(lambda: quiet(operator), "nothing more is written")

            kube.patch("ScaledObject", "shop", {"spec": {"maxReplicaCount": 50}})
            wait(lambda: kube.get("ScaledObject", "shop")["spec"]["maxReplicaCount"] == 5, "it is mended")

            for each in kube.list("CustomResourceDefinition"):
                if each["spec"]["group"].endswith("keda.sh"):
                    kube.delete("CustomResourceDefinition", each["metadata"]["name"])
            wait(lambda: kube.find("HorizontalPodAutoscaler", "shop"), "an autoscaler again", 60)
            wait(lambda: engine(kube) == "HorizontalPodAutoscaler", "the status says so")


def engine(kube: Kube) -> Any:
    return kube.status("WebApp", "shop").get("engines", {}).get("scaling")
