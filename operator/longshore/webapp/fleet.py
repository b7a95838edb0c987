"""The pods of an app as the controller counts them that keeps them: a Deployment, or a DaemonSet."""

from __future__ import annotations

from dataclasses import dataclass

from longshore.webapp.children.revision import revision_of
from longshore.workload.decision import Obj


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a Deployment or DaemonSet says, in the words of both."""

    revision: str | None
    """Hash of the revision that its template was built from."""
    wanted: int
    existing: int
    updated: int
    ready: int
    available: int
    observed: bool
    """The counts speak of the template as it is now."""

    @property
    def complete(self) -> bool:
        """Every replica, at least one, is of the template and available, and no older one is left."""
        return (
            self.observed
            and self.wanted > 0
            and self.existing == self.updated == self.available == self.wanted
        )


def of_deployment(deployment: Obj) -> Fleet:
    status = deployment.get("status", {})
    return Fleet(
        revision=_revision(deployment),
        wanted=deployment["spec"].get("replicas", 1),
        existing=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        observed=_is_observed(deployment),
    )


def of_daemon_set(daemon_set: Obj) -> Fleet:
    status = daemon_set.get("status", {})
    return Fleet(
        revision=_revision(daemon_set),
        wanted=status.get("desiredNumberScheduled", 0),
        existing=status.get("currentNumberScheduled", 0),
        updated=status.get("updatedNumberScheduled", 0),
        ready=status.get("numberReady", 0),
        available=status.get("numberAvailable", 0),
        observed=_is_observed(daemon_set),
    )


def _revision(controller: Obj) -> str | None:
    return revision_of(controller["spec"]["template"]) or None


def _is_observed(controller: Obj) -> bool:
    observed = controller.get("status", {}).get("observedGeneration", 0)
    return bool(observed >= controller["metadata"]["generation"])
