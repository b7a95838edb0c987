"""One way to go wrong, made to happen in a namespace of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.e2e.catalogue.placeholders import with_placeholders
from tests.e2e.cluster import Cluster, Obj, condition, is_observed, is_ready, phase_is
from tests.e2e.waiting import wait_for

PAUSE_SECONDS = 1.0
"""Many rows are waited for at once: each looks once in a second."""
CLUSTER_SCOPED = frozenset(
    {
        "ComputeEnvironment",
        "JobQueue",
        "Node",
        "PersistentVolume",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
FINISHED = phase_is("Succeeded", "Failed")


@dataclass(frozen=True)
class Told:
    """What a user is told: reason and message with placeholders for what is another each time."""

    reason: str
    message: str


Read = Callable[[Cluster], Told | None]


@dataclass(frozen=True)
class Row:
    """A failure. In strings of `given`, NAMESPACE stands for the row's namespace."""

    name: str
    title: str
    """What is wrong, as a user would say it."""
    given: Sequence[Obj]
    """Applied in this order; the last of the kind that is looked at is the one that goes wrong."""
    reason: str
    says: str
    """A regular expression that is found in the message once all is told."""
    do: str
    """What the user does about it."""
    then: Callable[[Cluster], None] | None = None
    """What happens after `given` was applied."""
    read: Read | None = None
    """Where it is told. By default: an app's Ready, a job's waiting or Failed, Ready of everything else."""
    cure: Callable[[Cluster], None] | None = None
    """Does what `do` says and waits until that has helped."""
    seconds: float = 120
    nodes: bool = False
    """Brings a node of its own, which the scheduler's words on other pods would count."""
    pod_security: str = "restricted"
    steps: Sequence[Callable[[Cluster], None]] = field(default=())
    """Comes before `given`."""

    def applied(self, namespace: str) -> list[Obj]:
        text = json.dumps(list(self.given)).replace("NAMESPACE", namespace)
        return list(json.loads(text))

    def told(self, cluster: Cluster) -> Told | None:
        """What is told now; None while the status doesn't speak of the spec."""
        if self.read is not None:
            said = self.read(cluster)
        else:
            obj = self.given[-1]
            said = of_object(cluster, obj["kind"], str(obj["metadata"]["name"]))
        return said and Told(said.reason, with_placeholders(said.message, cluster.namespace))

    def wait(self, cluster: Cluster, documented: Told | None) -> Told:
        """Waits until what is documented is told, or, without that, what the row asks for."""

        def is_it(said: Told | None) -> bool:
            if said is None or said.reason != self.reason or not re.search(self.says, said.message):
                return False
            return documented is None or said == documented

        wanted = f"{documented.reason}: {documented.message}" if documented else f"{self.reason}: {self.says}"
        seen = wait_for(
            lambda: self.told(cluster),
            is_it,
            f"told {wanted}",
            self.seconds,
            describe=lambda said: f"{said.reason}: {said.message}" if said else "nothing",
            pause=PAUSE_SECONDS,
        )
        assert seen is not None
        return seen


def of_object(cluster: Cluster, kind: str, name: str, type_: str | None = None) -> Told | None:
    """What the status of an object says: a condition, or what a job waits for or ended with."""
    name = name.replace("NAMESPACE", cluster.namespace)
    obj = cluster.get(kind, name)
    if obj is None or not (
        is_observed(obj) or "longshore.dev/reconcile" in obj["metadata"].get("annotations", {})
    ):
        return None
    if kind == "BatchJob" and type_ is None:
        waiting = obj["status"].get("waiting")
        type_ = "Failed" if FINISHED(obj) else "Admitted"
        if waiting and type_ == "Admitted":
            return Told(waiting["reason"], waiting["message"])
    found = condition(obj, type_ or "Ready")
    if found["reason"] is None:
        return None
    words = obj["status"].get("failure", {}).get("lastWords") or obj["status"].get("lastWords")
    return Told(found["reason"], found["message"] + (f" Last words: {words.strip()}" if words else ""))


def says(kind: str, name: str, type_: str) -> Read:
    """A condition other than Ready."""
    return lambda cluster: of_object(cluster, kind, name, type_)


def event(reason: str) -> Read:
    """The newest Event of this reason in the namespace."""

    def read(cluster: Cluster) -> Told | None:
        found = [each for each in cluster.list("Event") if each["reason"] == reason]
        return Told(reason, found[-1]["message"]) if found else None

    return read


def app_is_ready(cluster: Cluster, name: str = "shop") -> None:
    cluster.wait("WebApp", name, is_ready, "is ready", 120, pause=PAUSE_SECONDS)


def job_is(phase: str, name: str = "import") -> Callable[[Cluster], None]:
    def wait(cluster: Cluster) -> None:
        cluster.wait("BatchJob", name, phase_is(phase), f"is {phase}", 120, pause=PAUSE_SECONDS)

    return wait


def spec(**changes: object) -> Callable[[Cluster], None]:
    """The app's spec is changed, and the app becomes ready."""

    def cure(cluster: Cluster) -> None:
        cluster.patch("webapp", "shop", dict(changes))
        app_is_ready(cluster)

    return cure


def kubectl(
    *arguments: str, until: Callable[[Cluster], None] | None = app_is_ready
) -> Callable[[Cluster], None]:
    """A command of kubectl, and what comes of it."""

    def run(cluster: Cluster) -> None:
        cluster.kubectl(*(each.replace("NAMESPACE", cluster.namespace) for each in arguments))
        if until is not None:
            until(cluster)

    return run
