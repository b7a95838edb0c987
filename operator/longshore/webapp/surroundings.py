"""What of the cluster an app can be exposed with, as it is at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longshore.webapp.claims import Claimant
from longshore.workload.decision import Obj


@dataclass(frozen=True, slots=True)
class Surroundings:
    """APIs that are served, what of other people's objects matters, and our own objects that expose the app."""

    apis: Mapping[str, str] = field(default_factory=dict)
    """apiVersion by kind, of APIs that a cluster may lack: Gateway, HTTPRoute, Certificate and so on."""
    gateways: Sequence[Obj] = ()
    ingress_classes: Sequence[Obj] = ()
    others: Sequence[Claimant] = ()
    """Apps that claim a host of this one, or a wildcard above it."""
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    """Of the app's namespace; read only where a Gateway goes by them."""
    sees_all: bool = True
    """False where the operator looks after single namespaces: Gateways and classes of others aren't known."""
    live: Sequence[Obj] = ()
    """Routes, listener sets, Ingresses and Certificates of the app."""

    @property
    def has_gateway_api(self) -> bool:
        return "Gateway" in self.apis

    @property
    def listener_set_kind(self) -> str | None:
        return next((kind for kind in ("ListenerSet", "XListenerSet") if kind in self.apis), None)

    def found(self, kind: str, name: str) -> Obj | None:
        return next(
            (each for each in self.live if each["kind"] == kind and each["metadata"]["name"] == name), None
        )
