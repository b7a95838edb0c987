"""A secret that a user writes into a spec, or a program into its log, is found nowhere that the operator writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster.apiserver import ApiServer
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, Obj, Refused, load_crds, now, wait
from tests.apiserver.operator import OperatorProcess

CANARY = "canary-7d1f5c3b"
PLACES = {
    "env": [{"name": "PASSWORD", "value": f"{CANARY}-env"}],
    "files": [{"path": "/etc/app.conf", "content": f"password = {CANARY}-file"}],
    "args": [f"--password={CANARY}-arg"],
    "command": ["/app", f"{CANARY}-command"],
}


def obj(kind: str, **more: object) -> Obj:
    spec = {"image": "shop:1", "size": "Nano", **PLACES, **more}
    return {"apiVersion": "longshore.dev/v1alpha1", "kind": kind, "metadata": {"name": "shop"}, "spec": spec}


def fail(kube: Kube, kind: str) -> None:
    """Its pods end badly, with a termination message that holds the secret, too."""
    label = f"longshore.dev/{kind.lower()}=shop"
    ended = {
        "exitCode": 3,
        "reason": "Error",
        "message": f"could not log in with {CANARY}-last-words",
        "startedAt": now(),
        "finishedAt": now(),
    }
    for pod in wait(lambda: kube.list("Pod", label), "pods"):
        if kind == "BatchJob":
            kube.set_pod(pod, "Failed", {"terminated": ended})
        else:
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off"}
            kube.set_pod(pod, "Running", {"waiting": waiting}, restarts=5, last_state={"terminated": ended})


def failed_now(kube: Kube) -> bool:
    for kind in ("WebApp", "BatchJob"):
        fail(kube, kind)
    app, job = kube.status("WebApp", "shop"), kube.status("BatchJob", "shop")
    return "failure" in app and job.get("phase") == "Failed"


def told(kube: Kube, operator: OperatorProcess) -> str:
    """Everything that the operator said: log, metrics, events, status."""
    said = [operator.words(), operator.metrics()]
    said += [str(event) for event in kube.list("Event")]
    said += [str(each.get("status")) for kind in ("WebApp", "BatchJob") for each in kube.list(kind)]
    return "\n".join(said)


@pytest.fixture(params=["true", "false"], ids=["last words shown", "last words off"])
def failed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Kube, OperatorProcess, bool]]:
    """Both kinds have failed, with the operator at its most talkative; and whether last words are shown."""
    with ApiServer() as server:
        kube = Kube(server)
        load_crds(kube, ROOT / "crds")
        wait(lambda: kube.find("ServiceAccount", "default"), "the default account")
        with OperatorProcess(kube, tmp_path, log_level="DEBUG", last_words=request.param) as operator:
            for kind in ("WebApp", "BatchJob"):
                kube.create(obj(kind))
            wait(lambda: failed_now(kube), "both have failed", 60)
            yield kube, operator, request.param == "true"


def test_no_value_of_the_spec_is_told_and_last_words_only_where_they_are_on(
    failed: tuple[Kube, OperatorProcess, bool],
) -> None:
    kube, operator, shown = failed
    everything = told(kube, operator)
    for place in ("env", "file", "arg", "command"):
        assert f"{CANARY}-{place}" not in everything
    assert (f"{CANARY}-last-words" in everything) is shown
    assert CANARY not in operator.words() + operator.metrics() + str(kube.list("Event"))


def test_a_spec_that_is_refused_is_not_quoted(server_only: Kube) -> None:
    bad = obj(
        "WebApp",
        env=[
            {"name": "PASSWORD", "value": CANARY, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
        ],
    )
    with pytest.raises(Refused) as refused:
        server_only.create(bad)
    assert CANARY not in refused.value.message
