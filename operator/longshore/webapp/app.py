"""The app as its children see it: who it is, and the spec of the revision that is to run."""

from __future__ import annotations

from dataclasses import dataclass

from longshore.api.webapp import WebAppSpec
from longshore.workload.decision import Obj
from longshore.workload.names import WEBAPP_LABEL, child_name, labels, owner_reference
from longshore.workload.pod import files_name

COMPONENT = "webapp"
NOT_OF_A_REVISION = frozenset({"scaling", "suspend", "rollout", "availability", "network", "expose"})
"""Fields of the spec that take effect without new pods, and aren't rolled back."""


@dataclass(frozen=True, slots=True)
class App:
    """Name, namespace and uid of a WebApp, and the spec to build from."""

    name: str
    namespace: str
    uid: str
    spec: WebAppSpec

    @property
    def selector(self) -> dict[str, str]:
        """Labels that tell the app's pods; they never change."""
        return {WEBAPP_LABEL: self.name}

    @property
    def service_account(self) -> str:
        return self.spec.service_account_name or child_name(self.name, COMPONENT)

    @property
    def files_name(self) -> str | None:
        """Name of the ConfigMap with the app's files, which changes when they do."""
        return files_name(self.name, self.spec.files)

    @property
    def autoscaled(self) -> bool:
        return (self.spec.scaling.max_replicas or 0) > self.spec.scaling.min_replicas

    def metadata(self, name: str | None = None, annotations: dict[str, str] | None = None) -> Obj:
        """Metadata of a child: labels, the user's annotations, the owner."""
        made: Obj = {
            "name": name or self.name,
            "namespace": self.namespace,
            "labels": labels(WEBAPP_LABEL, self.name, COMPONENT, self.spec.labels),
            "ownerReferences": [owner_reference("WebApp", self.name, self.uid)],
        }
        if together := {**self.spec.annotations, **(annotations or {})}:
            made["annotations"] = together
        return made


def revision_inputs(spec: WebAppSpec) -> Obj:
    """The part of the spec that new pods are made for; what equals a default is left out, so that a new field
    with a default leaves the hash of older specs alone."""
    return spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(NOT_OF_A_REVISION))


def with_inputs(spec: WebAppSpec, inputs: Obj) -> WebAppSpec:
    """The spec as it is, but with the inputs of another revision.

    Raises:
        pydantic.ValidationError: the inputs were written under a contract that this version cannot read.
    """
    beside = spec.model_dump(mode="json", by_alias=True, include=set(NOT_OF_A_REVISION), exclude_none=True)
    return WebAppSpec.model_validate(inputs | beside)
