"""The operator as a process: restarts, crashes, two replicas, an outage; each on a server of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.apiserver import ApiServer
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, Obj, load_crds, wait
from tests.apiserver.operator import OperatorProcess

MANY = 200


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    with ApiServer() as server:
        found = Kube(server)
        load_crds(found, ROOT / "crds")
        wait(lambda: found.find("ServiceAccount", "default"), "the default account")
        yield found


def obj(kind: str, name: str, **spec: Any) -> Obj:
    body = {"image": "shop:1", "size": "Nano"} | spec
    return {"apiVersion": "longshore.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": body}


def settled(kube: Kube, kind: str) -> bool:
    """Every object's status speaks of its newest spec."""
    return all(
        (each.get("status") or {}).get("observedGeneration") == each["metadata"]["generation"]
        for each in kube.list(kind)
    )


def test_a_restart_with_many_objects_writes_nothing(kube: Kube, tmp_path: Path) -> None:
    for number in range(MANY // 2):
        kube.create(obj("WebApp", f"app-{number}", scaling={"minReplicas": 2, "maxReplicas": 3}))
        kube.create(obj("BatchJob", f"job-{number}", suspend=number % 2 == 0))
    with OperatorProcess(kube, tmp_path) as operator:
        wait(lambda: settled(kube, "WebApp") and settled(kube, "BatchJob"), "all are settled", 120)
        wait(lambda: len(kube.list("Job")) == MANY // 4, "jobs", 60)
        wait(lambda: without_metrics(kube) == MANY // 2, "the autoscalers have looked for metrics", 240)
        wait(lambda: quiet(operator), "nothing more is written", 120)
        assert operator.stop() == 0
    with OperatorProcess(kube, tmp_path) as operator:
        wait(lambda: reconciled(operator) >= MANY, "every object was looked at", 60)
        assert operator.writes(kube.namespace) == []
        operator.mark()
        for number in range(MANY // 2):
            kube.delete("WebApp", f"app-{number}")
            kube.delete("BatchJob", f"job-{number}")
        wait(lambda: not kube.list("Deployment") and not kube.list("Job"), "all is collected", 120)


def without_metrics(kube: Kube) -> int:
    """How many WebApps have been told what their autoscalers say at last, some seconds after they were made."""
    reasons = [
        each["reason"]
        for app in kube.list("WebApp")
        for each in (app.get("status") or {}).get("conditions", ())
    ]
    return reasons.count("MetricsUnavailable")


def quiet(operator: OperatorProcess) -> bool:
    """Nothing was written between two looks at the metrics."""
    before = reconciled(operator)
    wrote = operator.writes()
    operator.mark()
    return not wrote and reconciled(operator) == before


def reconciled(operator: OperatorProcess) -> int:
    text = operator.metrics()
    return int(
        sum(
            float(value)
            for value in re.findall(r"^longshore_reconciles_total\{.*\} (\S+)$", text, re.MULTILINE)
        )
    )


def test_killed_in_the_middle_of_work_it_finishes_it_once(kube: Kube, tmp_path: Path) -> None:
    for number in range(30):
        kube.create(obj("BatchJob", f"once-{number}"))
    with OperatorProcess(kube, tmp_path) as operator:
        wait(lambda: len(kube.list("Job")) >= 5, "it has begun")
        operator.kill()
    with OperatorProcess(kube, tmp_path):
        wait(lambda: settled(kube, "BatchJob") and len(kube.list("Job")) >= 30, "all are settled", 60)
        assert sorted(each["metadata"]["name"] for each in kube.list("Job")) == sorted(
            f"once-{number}-1" for number in range(30)
        )
        for number in range(30):
            kube.delete("BatchJob", f"once-{number}")
        wait(lambda: not kube.list("Job"), "all is collected", 60)


def test_when_the_leader_is_killed_the_other_takes_over(kube: Kube, tmp_path: Path) -> None:
    with OperatorProcess(kube, tmp_path) as first, OperatorProcess(kube, tmp_path) as second:
        wait(lambda: any(leads(each) for each in (first, second)), "one leads")
        leader, standby = (first, second) if leads(first) else (second, first)
        assert standby.readiness()[1]["role"] == "standby"
        kube.create(obj("WebApp", "before"))
        wait(lambda: kube.find("Deployment", "before"), "the leader works")
        assert reconciled(standby) == 0
        leader.kill()
        kube.create(obj("WebApp", "after"))
        wait(lambda: kube.find("Deployment", "after"), "the other works")
        assert standby.readiness()[1]["role"] == "leader"
        kube.delete("WebApp", "before")
        kube.delete("WebApp", "after")


def leads(operator: OperatorProcess) -> bool:
    return operator.readiness()[1]["role"] == "leader"


def test_an_outage_of_the_api_server_is_survived_and_what_was_missed_is_noticed(
    kube: Kube, tmp_path: Path
) -> None:
    with OperatorProcess(kube, tmp_path) as operator:
        kube.create(obj("WebApp", "shop"))
        wait(lambda: kube.find("Service", "shop"), "its children")
        kube.server.stop_apiserver()
        kube.server.start_apiserver()
        kube.delete("Service", "shop")
        wait(lambda: kube.find("Service", "shop"), "the Service again", 90)
        kube.create(obj("WebApp", "later"))
        wait(lambda: kube.find("Deployment", "later"), "new objects are seen", 90)
        assert operator.process is not None
        assert operator.process.poll() is None


def test_settings_that_are_wrong_are_named_and_the_exit_code_is_2(kube: Kube, tmp_path: Path) -> None:
    operator = OperatorProcess(kube, tmp_path, workers="many")
    with pytest.raises(AssertionError, match="the operator ended"):
        operator.start()
    assert operator.process is not None
    assert operator.process.returncode == 2
    assert (
        operator.words()
        == "LONGSHORE_WORKERS: 'many' is not accepted; it takes reconciles at once, 1 to 256\n"
    )


def test_with_namespaces_set_it_keeps_to_them(kube: Kube, tmp_path: Path) -> None:
    namespaces = []
    for name in ("ours", "theirs"):
        kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        namespaces.append(Kube(kube.server, name))
        wait(lambda: namespaces[-1].find("ServiceAccount", "default"), "the default account")
    ours, theirs = namespaces
    theirs.create(obj("WebApp", "shop"))
    ours.create(obj("WebApp", "shop"))
    with OperatorProcess(kube, tmp_path, namespaces="ours") as operator:
        wait(lambda: ours.find("Deployment", "shop"), "the Deployment")
        ours.patch("WebApp", "shop", {"spec": {"image": "shop:2"}})
        wait(
            lambda: (
                ours.get("Deployment", "shop")["spec"]["template"]["spec"]["containers"][0]["image"]
                == "shop:2"
            ),
            "the new image",
        )
        assert theirs.find("Deployment", "shop") is None
        assert {write.rpartition(" ")[2] for write in operator.writes()} >= {"shop"}
