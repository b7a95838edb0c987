"""What users do and what becomes of their pods, step by step: the ground that faults are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.apiserver.kube import Kube, Obj
from tests.campaigns.world import Behaviour


@dataclass(frozen=True, slots=True)
class Step:
    """One act of a user, and how pods behave from then on."""

    act: Callable[[Kube], object]
    pods: Behaviour


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps on one object, each of which comes to rest in a state that is always the same."""

    kind: str
    name: str
    steps: tuple[Step, ...]


def webapp(name: str = "shop", **spec: Any) -> Obj:
    return _object("WebApp", name, {"image": "shop:1", "size": "Nano"} | spec)


def batchjob(name: str = "work", **spec: Any) -> Obj:
    return _object("BatchJob", name, {"image": "work:1", "size": "Nano"} | spec)


def _object(kind: str, name: str, spec: Obj) -> Obj:
    metadata = {"name": name}
    return {"apiVersion": "longshore.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _create(obj: Obj) -> Callable[[Kube], object]:
    return lambda kube: kube.create(obj)


def _change(kind: str, **spec: Any) -> Callable[[Kube], object]:
    return lambda kube: kube.patch(kind, _NAMES[kind], {"spec": spec})


def _delete(kind: str) -> Callable[[Kube], object]:
    return lambda kube: kube.delete(kind, _NAMES[kind])


_NAMES = {"WebApp": "shop", "BatchJob": "work"}
_FILES = [{"path": "/etc/shop.conf", "content": "a = 1"}]


def serve(pod: Obj) -> str:
    return "crash" if pod["spec"]["containers"][0]["image"] == "shop:broken" else "ready"


def _run(pod: Obj) -> str:
    return "run"


def ends(*codes: int) -> Behaviour:
    """Each attempt ends with its exit code; those beyond the last code run on."""

    def behaviour(pod: Obj) -> str:
        attempt = int(pod["metadata"]["labels"]["longshore.dev/attempt"])
        return f"end {codes[attempt - 1]}" if attempt <= len(codes) else "run"

    return behaviour


def released(pod: Obj) -> str:
    """Releases succeed but that of the image shop:unmigrated; apps serve."""
    if "longshore.dev/release" not in pod["metadata"]["labels"]:
        return serve(pod)
    return "end 3" if pod["spec"]["containers"][0]["image"] == "shop:unmigrated" else "end 0"


def releasing(pod: Obj) -> str:
    """Releases run and run; apps serve."""
    return "run" if "longshore.dev/release" in pod["metadata"]["labels"] else serve(pod)


RELEASE = {"command": ["migrate"]}
RELEASES = (
    Scenario(
        "WebApp",
        "released",
        (
            Step(_create(webapp(release=RELEASE, files=_FILES)), released),
            Step(_change("WebApp", image="shop:2"), released),
            Step(_change("WebApp", image="shop:unmigrated"), released),
            Step(_change("WebApp", scaling={"minReplicas": 2}), released),
            Step(_change("WebApp", image="shop:1"), released),
        ),
    ),
    Scenario(
        "WebApp",
        "superseded",
        (
            Step(_create(webapp(release=RELEASE)), released),
            Step(_change("WebApp", image="shop:2"), releasing),
            Step(_change("WebApp", image="shop:3"), releasing),
            Step(_change("WebApp", suspend=False), released),
        ),
    ),
)
"""What a user does with an app that has a release. In a campaign of their own."""

_HOST = {"hosts": ["a.example.com"], "ingressClassName": "any"}
EXPOSURES = (
    Scenario(
        "WebApp",
        "exposed",
        (
            Step(_create(webapp(expose=_HOST)), serve),
            Step(
                _change("WebApp", expose={"hosts": ["b.example.com", "a.example.com"], "path": "/api"}), serve
            ),
            Step(_change("WebApp", expose={"ingressClassName": None}), serve),
            Step(_change("WebApp", image="shop:2", expose=_HOST), serve),
            Step(_change("WebApp", expose=None), serve),
        ),
    ),
    Scenario(
        "WebApp",
        "broken and exposed",
        (
            Step(_create(webapp(expose=_HOST)), serve),
            Step(_change("WebApp", image="shop:broken", expose={"path": "/b"}), serve),
            Step(_delete("WebApp"), serve),
        ),
    ),
)
"""What a user does with an app that has hosts: nothing here routes, so that an Ingress is there only where its class is
named. In a campaign of their own."""

CANARY = {
    "strategy": "Canary",
    "canary": {"steps": [{"weight": 25, "pauseSeconds": 0}, {"weight": 50, "approval": True}]},
}


def _approve(kube: Kube) -> None:
    told = kube.status("WebApp", "shop")["rollout"]
    text = f"{told['revision']}/{told['generation']}/{told['step']}"
    kube.patch("WebApp", "shop", {"metadata": {"annotations": {"longshore.dev/approve": text}}})


CANARIES = (
    Scenario(
        "WebApp",
        "approved",
        (
            Step(_create(webapp(scaling={"minReplicas": 3}, rollout=CANARY, files=_FILES)), serve),
            Step(_change("WebApp", image="shop:2"), serve),
            Step(_approve, serve),
            Step(_change("WebApp", image="shop:broken"), serve),
        ),
    ),
    Scenario(
        "WebApp",
        "taken back",
        (
            Step(_create(webapp(scaling={"minReplicas": 3}, rollout=CANARY)), serve),
            Step(_change("WebApp", image="shop:2"), serve),
            Step(_change("WebApp", image="shop:3"), serve),
            Step(_change("WebApp", image="shop:1"), serve),
        ),
    ),
)
"""What a user does with an app whose revisions are tried first. In a campaign of their own."""


def _index_by_index(of_first: dict[str, str]) -> Behaviour:
    """The indexes of the first array become this, or run on; those of the second succeed."""

    def behaviour(pod: Obj) -> str:
        metadata = pod["metadata"]
        if metadata["labels"]["longshore.dev/batchjob"] != "first":
            return "end 0"
        return of_first.get(metadata["annotations"]["batch.kubernetes.io/job-completion-index"], "run")

    return behaviour


def _two_arrays(kube: Kube) -> None:
    kube.create(batchjob("first", array={"size": 3}))
    kube.create(batchjob(array={"size": 3}, dependsOn=[{"name": "first", "type": "EachToEach"}]))


def _nothing(kube: Kube) -> None:
    pass


SCENARIOS = (
    Scenario(
        "WebApp",
        "life",
        (
            Step(_create(webapp(files=_FILES, scaling={"minReplicas": 2, "maxReplicas": 5})), serve),
            Step(
                _change("WebApp", image="shop:2", files=[{"path": "/etc/shop.conf", "content": "a = 2"}]),
                serve,
            ),
            Step(_change("WebApp", scaling={"minReplicas": 3, "maxReplicas": None}), serve),
            Step(_delete("WebApp"), serve),
        ),
    ),
    Scenario(
        "WebApp",
        "broken",
        (
            Step(_create(webapp()), serve),
            Step(_change("WebApp", image="shop:broken"), serve),
            Step(_change("WebApp", image="shop:3"), serve),
        ),
    ),
    Scenario(
        "WebApp",
        "suspended",
        (
            Step(_create(webapp(scaling={"minReplicas": 2})), serve),
            Step(_change("WebApp", suspend=True), serve),
            Step(_change("WebApp", suspend=False, size="Micro"), serve),
        ),
    ),
    Scenario(
        "BatchJob",
        "retried",
        (
            Step(_create(batchjob(files=_FILES, retry={"attempts": 3, "backoffSeconds": 0})), ends(1, 3, 0)),
            Step(_delete("BatchJob"), ends(1, 3, 0)),
        ),
    ),
    Scenario(
        "BatchJob",
        "hopeless",
        (Step(_create(batchjob(retry={"attempts": 2, "backoffSeconds": 0})), ends(1, 1, 1, 1, 1, 1)),),
    ),
    Scenario(
        "BatchJob",
        "held",
        (
            Step(_create(batchjob(suspend=True)), _run),
            Step(_change("BatchJob", suspend=False), _run),
            Step(_change("BatchJob", suspend=True), _run),
            Step(_change("BatchJob", suspend=False), ends(9, 0)),
        ),
    ),
    Scenario(
        "BatchJob",
        "cancelled",
        (
            Step(_create(batchjob(retry={"attempts": 5})), _run),
            Step(_change("BatchJob", cancel={"reason": "wrong input"}), _run),
        ),
    ),
    Scenario(
        "BatchJob",
        "gang",
        (
            Step(
                _create(batchjob(nodes={"count": 2}, retry={"attempts": 2, "backoffSeconds": 0})), ends(1, 0)
            ),
        ),
    ),
    Scenario(
        "BatchJob",
        "some indexes",
        (Step(_create(batchjob(array={"size": 4, "indexes": "1,3"})), ends(0)),),
    ),
    Scenario(
        "BatchJob",
        "array",
        (Step(_create(batchjob(array={"size": 3, "maxParallel": 2})), ends(0)),),
    ),
)

INDEX_BY_INDEX = (
    Scenario(
        "BatchJob",
        "index by index",
        (
            Step(_two_arrays, _index_by_index({"0": "end 0"})),
            Step(_nothing, _index_by_index({"0": "end 0", "1": "end 1"})),
            Step(_nothing, _index_by_index({"0": "end 0", "1": "end 1", "2": "end 0"})),
        ),
    ),
)
"""One array follows another, of which an index fails. In a campaign of their own."""
