"""A cluster without nodes, an operator behind a fault proxy, and somebody who plays the nodes.

One namespace per plan. What the cluster holds is compared in a form without names, times and versions
that differ from run to run.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from longshore.workload.names import HASH_ANNOTATION

from hack.cluster import audit
from hack.cluster.apiserver import ApiServer
from tests.apiserver.kube import Kube, Obj, Refused, load_crds, now
from tests.apiserver.operator import OperatorProcess
from tests.campaigns.proxy import Proxy

ROOT = Path(__file__).parents[2]
KINDS = (
    "WebApp", "BatchJob", "ConfigMap", "ControllerRevision", "Deployment", "HorizontalPodAutoscaler",
    "PodDisruptionBudget", "ServiceAccount", "Service", "Job", "NetworkPolicy", "Ingress",
)  # fmt: skip
CHILDREN = tuple(kind for kind in KINDS if kind not in ("WebApp", "BatchJob"))
PLURALS = {
    "configmaps", "controllerrevisions", "deployments", "horizontalpodautoscalers", "poddisruptionbudgets",
    "serviceaccounts", "services", "jobs", "ingresses",
}  # fmt: skip
SECONDS = 15.0
"""How long the cluster may take to come to rest in the expected state after the last fault."""
_MOVING = {
    "creationTimestamp", "duration", "generation", "lastTransitionTime", "managedFields", "nextAttemptAt", "resourceVersion",
    "since", "startedAt", "finishedAt", "uid",
}  # fmt: skip
_ASSIGNED = {"clusterIP", "clusterIPs", "ipFamilies"}

State = dict[str, Any]
Behaviour = Callable[[Obj], str]
"""What becomes of a pod: ready, run, crash, stay, or end and an exit code, such as end 3."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be, and was seen."""

    oracle: str
    what: str

    def __str__(self) -> str:
        return f"{self.oracle}: {self.what}"


class Stuck(Exception):
    """The cluster didn't come to the expected state."""


@dataclass
class Replica:
    """One operator process and the proxy that it goes through."""

    proxy: Proxy
    operator: OperatorProcess


@dataclass
class World:
    """Make it once, and run many plans in it."""

    folder: Path
    code: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)
    replicas: list[Replica] = field(default_factory=list)
    _number: int = 0

    def __enter__(self) -> Self:
        self.server = ApiServer(prepare=lambda server: load_crds(Kube(server), ROOT / "crds")).__enter__()
        self.admin = Kube(self.server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_replicas()
        self.server.stop()

    @property
    def proxy(self) -> Proxy:
        return self.replicas[0].proxy

    @property
    def operator(self) -> OperatorProcess:
        return self.replicas[0].operator

    def with_replicas(self, count: int, **settings: str) -> None:
        """So many operators, with these settings, all running."""
        wanted = {"leader_elect": "true" if count > 1 else "false"} | settings
        if wanted != self.settings:
            self._end_replicas()
            self.settings = wanted
        while len(self.replicas) < count:
            self.replicas.append(self._replica())
        for replica in self.replicas:
            replica.proxy.start_plan()
        self.revive()

    def run_code(self, code: Path) -> None:
        """From now on operators run the `longshore` in this folder."""
        self._end_replicas()
        self.code = code

    def _end_replicas(self) -> None:
        for replica in self.replicas:
            replica.operator.kill()
            replica.proxy.__exit__(None, None, None)
        self.replicas = []

    def _replica(self) -> Replica:
        number = len(self.replicas)
        proxy = Proxy(self.server, lambda: self.replicas[number].operator.kill()).__enter__()
        settings = {
            "backoff_base_seconds": "0.1",
            "backoff_max_seconds": "1",
            "request_timeout_seconds": "3",
            "lease_duration_seconds": "3",
            "lease_renew_deadline_seconds": "2",
            "lease_retry_seconds": "0.5",
            **self.settings,
        }
        return Replica(
            proxy,
            OperatorProcess(self.admin, self.folder, kubeconfig=proxy.kubeconfig, code=self.code, **settings),
        )

    def revive(self) -> None:
        """Starts again what has died, as a Deployment does with its pods."""
        for replica in self.replicas:
            process = replica.operator.process
            while process is None or process.poll() is not None:
                try:
                    replica.operator.start()
                except AssertionError:
                    process = replica.operator.process
                    if process is None or process.poll() != -signal.SIGKILL:
                        raise  # it wasn't us who ended it
                process = replica.operator.process

    def namespace(self) -> Kube:
        """A fresh namespace of a plan's own."""
        self._number += 1
        name = f"plan-{self._number}"
        self.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return Kube(self.server, name)

    def audit_offset(self) -> int:
        return self.server.audit_log.stat().st_size

    def creations(self, kube: Kube, offset: int) -> Counter[str]:
        """How often each object was created by an operator, and deleted, lost replies included."""
        found: Counter[str] = Counter()
        for each in audit.read(self.server.audit_log, offset, "longshore/"):
            if each.namespace != kube.namespace or each.subresource or each.resource not in PLURALS:
                continue
            if each.code == 201:
                found[f"create {each.resource} {each.name}"] += 1
            elif each.verb == "delete" and each.code < 300:
                found[f"delete {each.resource} {each.name}"] += 1
        return found

    def settle(
        self,
        kube: Kube,
        behaviour: Behaviour,
        expected: State | None = None,
        seconds: float = SECONDS,
        quiet_seconds: float = 0.7,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> State:
        """Plays the nodes until the state is as expected; or, with none, until it stays the same for a while.

        Raises:
            Stuck: it doesn't come to that in time; says what differs.
        """
        deadline, since, last = time.monotonic() + seconds, time.monotonic(), None
        nodes = Nodes(behaviour)
        while True:
            self.revive()
            meanwhile()
            nodes.tick(kube)
            state = observe(kube)
            if expected is not None and state == expected:
                return state
            if state != last:
                last, since = state, time.monotonic()
            elif (
                expected is None
                and time.monotonic() - since > quiet_seconds
                and not self._wrote_lately(kube, quiet_seconds)
            ):
                return state
            if time.monotonic() > deadline:
                raise Stuck(difference(expected or {}, state))
            time.sleep(0.03)

    def let_finish(self, kube: Kube) -> None:
        """An event comes after the status that it is about."""
        deadline = time.monotonic() + SECONDS
        while self._wrote_lately(kube, 0.3) and time.monotonic() < deadline:
            time.sleep(0.03)

    def _wrote_lately(self, kube: Kube, seconds: float) -> bool:
        since = time.monotonic() - seconds
        return any(
            each.at > since for replica in self.replicas for each in replica.proxy.writes(kube.namespace)
        )

    def writes_in(self, kube: Kube, seconds: float) -> list[str]:
        """What is written in a window in which nothing changes; the operator lists everything anew in it."""
        before = [len(replica.proxy.writes(kube.namespace)) for replica in self.replicas]
        for replica in self.replicas:
            replica.proxy.cut(expired=True)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(0.05)
        return [
            str(write)
            for count, replica in zip(before, self.replicas, strict=True)
            for write in replica.proxy.writes(kube.namespace)[count:]
        ]

    def remove(self, kube: Kube) -> None:
        """Deletes what a plan made, without waiting for it."""
        for kind in ("JobDefinition", "WebApp", "BatchJob", "JobQueue", "ComputeEnvironment"):
            for obj in kube.list(kind):
                name = obj["metadata"]["name"]
                if "namespace" in obj["metadata"] or name.endswith(f"-{kube.namespace}"):
                    _quietly(lambda kind=kind, name=name: kube.delete(kind, name))  # type: ignore[misc]

    def signal(self, replica: Replica, number: signal.Signals) -> None:
        assert replica.operator.process is not None
        replica.operator.process.send_signal(number)


class Nodes:
    """Plays the kubelets: each pod becomes what its behaviour says, once."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._played: dict[str, str] = {}

    def tick(self, kube: Kube) -> None:
        for pod in kube.list("Pod"):
            uid = pod["metadata"]["uid"]
            if "deletionTimestamp" in pod["metadata"]:
                _quietly(lambda pod=pod: kube.let_go(pod))  # type: ignore[misc]
                continue
            wanted = self._behaviour(pod)
            if self._played.get(uid) == wanted or pod.get("status", {}).get("phase") in (
                "Succeeded",
                "Failed",
            ):
                continue
            self._played[uid] = wanted
            _quietly(lambda pod=pod, wanted=wanted: _play(kube, pod, wanted))  # type: ignore[misc]


def _play(kube: Kube, pod: Obj, wanted: str) -> None:
    if wanted in ("ready", "run"):
        kube.set_pod(pod, "Running", {"running": {"startedAt": now()}}, ready=True)
    elif wanted == "crash":
        ended = {"exitCode": 3, "reason": "Error", "startedAt": now(), "finishedAt": now()}
        kube.set_pod(
            pod,
            "Running",
            {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            restarts=5,
            last_state={"terminated": ended},
        )
    elif wanted.startswith("end "):
        code = int(wanted.removeprefix("end "))
        ended = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": now(),
            "finishedAt": now(),
        }
        kube.set_pod(pod, "Failed" if code else "Succeeded", {"terminated": ended})


def controllers_rest(kube: Kube) -> bool:
    """Whether the controllers of Jobs and Deployments have told what became of pods."""
    pods: dict[str, list[str]] = {}
    for pod in kube.list("Pod"):
        for owner in pod["metadata"].get("ownerReferences", ()):
            pods.setdefault(owner["uid"], []).append(pod.get("status", {}).get("phase", ""))
    for job in kube.list("Job"):
        phases = pods.get(job["metadata"]["uid"], [])
        if phases and all(phase in ("Succeeded", "Failed") for phase in phases) and not has_ended(job):
            return False
    return all(
        each.get("status", {}).get("observedGeneration") == each["metadata"]["generation"]
        for each in kube.list("Deployment")
    )


def has_ended(job: Obj) -> bool:
    """Whether the Job controller has said that a Job is complete or has failed."""
    conditions = job.get("status", {}).get("conditions", ())
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except Refused as refused:
        if refused.status not in (404, 409):
            raise


def observe(kube: Kube) -> State:
    """Everything of ours in the namespace, comparable between runs."""
    uids: dict[str, str] = {}
    found: State = {}
    pods = {each["metadata"]["name"] for each in kube.list("Pod")}
    for kind in KINDS:
        for obj in kube.list(kind):
            name = obj["metadata"]["name"]
            uids[obj["metadata"]["uid"]] = f"{kind}/{name}"
            if kind in CHILDREN:
                obj.pop("status", None)
            if kind not in CHILDREN or _ours(obj):
                found[f"{kind}/{name}"] = obj
    for obj in found.values():
        if status := obj.get("status"):
            current = status.get("observedGeneration") == obj["metadata"]["generation"]
            status["observedGeneration"] = "current" if current else "old"
    return {name: _strip(obj, uids, pods, kube.namespace) for name, obj in found.items()}


def _ours(obj: Obj) -> bool:
    return obj["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") == "longshore"


def _strip(value: Any, uids: dict[str, str], pods: set[str], namespace: str) -> Any:
    if isinstance(value, dict):
        found = {}
        for key, inner in value.items():
            if key == "uid":
                found[key] = uids.get(inner, "somebody else's")
            elif key == "pod":
                found[key] = "a-pod"
            elif (
                key in _MOVING
                or key in _ASSIGNED
                or key.endswith("controller-uid")
                or key == HASH_ANNOTATION
                or (key == "observedGeneration" and isinstance(inner, int))
            ):
                continue
            else:
                found[key] = _strip(inner, uids, pods, namespace)
        return found
    if isinstance(value, list):
        return [_strip(each, uids, pods, namespace) for each in value]
    if isinstance(value, str):
        for pod in pods:
            value = value.replace(pod, "a-pod")
        value = re.sub(r"\bwork-\d+-[a-z0-9]{5}\b", "a-pod", value.replace(namespace, "a-namespace"))
        return re.sub(r"\b\d+ restarts", "some restarts", value)
    return value


def difference(expected: Any, actual: Any, path: str = "") -> str:
    """The first few places where two states differ."""
    return "; ".join(list(_differences(expected, actual, path))[:4])


def _differences(expected: Any, actual: Any, path: str) -> list[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        found: list[str] = []
        for key in sorted(expected.keys() | actual.keys()):
            if key not in actual:
                found.append(f"{path}.{key} is missing")
            elif key not in expected:
                found.append(f"{path}.{key} is too much")
            else:
                found += _differences(expected[key], actual[key], f"{path}.{key}")
        return found
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [
            text
            for place, (one, other) in enumerate(zip(expected, actual, strict=True))
            for text in _differences(one, other, f"{path}[{place}]")
        ]
    return [] if expected == actual else [f"{path}: {actual!r:.200} instead of {expected!r:.200}"]


def orphans(kube: Kube) -> list[Violation]:
    """Children that garbage collection wouldn't remove with their parent."""
    found = []
    for kind in CHILDREN:
        for obj in kube.list(kind):
            shared = kind == "ServiceAccount" and obj["metadata"]["name"] == "longshore-batch"
            if not _ours(obj) or shared:
                continue
            owners = obj["metadata"].get("ownerReferences") or []
            if not any(
                each.get("controller") and each["kind"] in ("WebApp", "BatchJob", "JobDefinition")
                for each in owners
            ):
                found.append(Violation("owned", f"{kind} {obj['metadata']['name']} has no owner"))
    return found
