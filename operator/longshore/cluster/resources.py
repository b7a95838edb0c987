"""The kinds of objects that are read and written, and their paths on the API server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object as the API server serves it. The core group is the empty string."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The path below the server's address, of one object or of a collection."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root, *(["namespaces", namespace] if namespace else []), self.plural, name, subresource]
        return "/".join(part for part in parts if part)


_GATEWAY, _LISTENER_SETS = "gateway.networking.k8s.io", "listenersets"
CERTIFICATES = Resource("cert-manager.io", "v1", "certificates", "Certificate")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
EVENTS = Resource("", "v1", "events", "Event")
GATEWAYS = Resource(_GATEWAY, "v1", "gateways", "Gateway")
GRPC_ROUTES = Resource(_GATEWAY, "v1", "grpcroutes", "GRPCRoute")
HORIZONTAL_POD_AUTOSCALERS = Resource(
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"
)
HTTP_ROUTES = Resource(_GATEWAY, "v1", "httproutes", "HTTPRoute")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
INGRESS_CLASSES = Resource("networking.k8s.io", "v1", "ingressclasses", "IngressClass")
JOBS = Resource("batch", "v1", "jobs", "Job")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
LISTENER_SETS = Resource(_GATEWAY, "v1", _LISTENER_SETS, "ListenerSet")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
NODES = Resource("", "v1", "nodes", "Node")
PODS = Resource("", "v1", "pods", "Pod")
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
SCALED_OBJECTS = Resource("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
SERVICES = Resource("", "v1", "services", "Service")
TCP_ROUTES = tuple(Resource(_GATEWAY, version, "tcproutes", "TCPRoute") for version in ("v1", "v1alpha2"))
TLS_ROUTES = tuple(
    Resource(_GATEWAY, version, "tlsroutes", "TLSRoute") for version in ("v1", "v1alpha3", "v1alpha2")
)
"""In the versions that may be served, the best first."""
X_LISTENER_SETS = Resource("gateway.networking.x-k8s.io", "v1alpha1", f"x{_LISTENER_SETS}", "XListenerSet")
"""What ListenerSets were called up to Gateway API 1.4, in the experimental channel; a cluster may have both."""

SELECTIVE = frozenset({CONTROLLER_REVISIONS, DAEMON_SETS, DEPLOYMENTS})
"""Kinds of which a first apply without force gets into nobody else's object: each has a selector or data that
can't be changed, and ours would differ. Of the others an apply could take over what is there, such as a Service
without a selector, like that of the API server itself: these are created."""
