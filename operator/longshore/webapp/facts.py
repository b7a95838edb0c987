"""What is known of one WebApp and its children at one moment: the input of every decision about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longshore.api.webapp import WebAppSpec
from longshore.webapp.fleet import Fleet, of_daemon_set, of_deployment
from longshore.webapp.schedules import Bounds
from longshore.webapp.surroundings import Surroundings
from longshore.workload.decision import Obj, Refusal
from longshore.workload.diagnosis import Evidence


@dataclass(frozen=True, slots=True)
class Facts:
    """Live objects as they are, in the forms of the API; what doesn't exist is None or empty."""

    app: Obj
    spec: WebAppSpec
    deployment: Obj | None = None
    daemon_set: Obj | None = None
    autoscaler: Obj | None = None
    scaled_object: Obj | None = None
    keda: bool = False
    """KEDA is there to follow schedules."""
    budget: Obj | None = None
    network_policy: Obj | None = None
    account: Obj | None = None
    canary: Obj | None = None
    """The Deployment of a revision that is tried."""
    canary_autoscaler: Obj | None = None
    canary_services: Sequence[Obj] = ()
    """Services that a route divides requests between."""
    routed: bool = False
    """A route gives a revision that is tried its share; otherwise the number of replicas does."""
    measured: Mapping[str, tuple[float | None, str]] = field(default_factory=dict)
    """What Prometheus says of a revision that is tried: a number, or why there is none."""
    files: Sequence[Obj] = ()
    revisions: Sequence[Obj] = ()
    pods: Sequence[Obj] = ()
    release_jobs: Sequence[Obj] = ()
    """Jobs of releases, of this app and whatever revision."""
    release_pods: Sequence[Obj] = ()
    """Their pods; those of the app aren't among them."""
    release_refused: str | None = None
    """Why the API server lets the Job controller create no pod of a release, in the server's words."""
    surroundings: Surroundings = Surroundings()  # noqa: RUF009 - frozen
    """What the app can be exposed with, and what exposes it now."""
    bounds: Bounds | None = None
    """The bounds of scaling at the moment of the decision, which are in `spec` then, too."""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """Warnings of the kubelet, by the uid of the pod."""
    account_allowed: bool = True
    """The account that the spec names exists and carries the label that allows it."""
    refusal: Refusal | None = None
    """What the API server refused when the last decision was carried out."""
    last_words: bool = True
    """Whether termination messages may be shown in the status."""

    @property
    def per_node(self) -> bool:
        return self.spec.scaling.mode == "PerNode"

    @property
    def fleet(self) -> Fleet | None:
        """The pods that the controller of the wanted mode keeps."""
        return self._fleets[1 if self.per_node else 0]

    @property
    def fleet_before(self) -> Fleet | None:
        """Those of the other mode, which serve until the mode has been changed over."""
        return self._fleets[0 if self.per_node else 1]

    @property
    def before(self) -> Obj | None:
        """Their controller."""
        return self.deployment if self.per_node else self.daemon_set

    @property
    def _fleets(self) -> tuple[Fleet | None, Fleet | None]:
        return (
            of_deployment(self.deployment) if self.deployment else None,
            of_daemon_set(self.daemon_set) if self.daemon_set else None,
        )

    @property
    def name(self) -> str:
        return str(self.app["metadata"]["name"])

    @property
    def generation(self) -> int:
        return int(self.app["metadata"]["generation"])

    @property
    def status(self) -> Obj:
        return self.app.get("status") or {}
