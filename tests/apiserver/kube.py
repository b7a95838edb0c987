"""A test's hands in the cluster: objects as plain dicts, refusals as `Refused`, waiting with a deadline."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import urllib3

from hack.cluster.apiserver import ApiServer

Obj = dict[str, Any]
T = TypeVar("T")
PATHS = {
    "WebApp": "apis/longshore.dev/v1alpha1|webapps",
    "BatchJob": "apis/longshore.dev/v1alpha1|batchjobs",
    "JobDefinition": "apis/longshore.dev/v1alpha1|jobdefinitions",
    "JobQueue": "apis/longshore.dev/v1alpha1|jobqueues",
    "ComputeEnvironment": "apis/longshore.dev/v1alpha1|computeenvironments",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1|customresourcedefinitions",
    "Deployment": "apis/apps/v1|deployments",
    "DaemonSet": "apis/apps/v1|daemonsets",
    "Node": "api/v1|nodes",
    "ReplicaSet": "apis/apps/v1|replicasets",
    "ControllerRevision": "apis/apps/v1|controllerrevisions",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2|horizontalpodautoscalers",
    "PodDisruptionBudget": "apis/policy/v1|poddisruptionbudgets",
    "Job": "apis/batch/v1|jobs",
    "NetworkPolicy": "apis/networking.k8s.io/v1|networkpolicies",
    "Ingress": "apis/networking.k8s.io/v1|ingresses",
    "IngressClass": "apis/networking.k8s.io/v1|ingressclasses",
    "Gateway": "apis/gateway.networking.k8s.io/v1|gateways",
    "HTTPRoute": "apis/gateway.networking.k8s.io/v1|httproutes",
    "GRPCRoute": "apis/gateway.networking.k8s.io/v1|grpcroutes",
    "TLSRoute": "apis/gateway.networking.k8s.io/v1alpha3|tlsroutes",
    "TCPRoute": "apis/gateway.networking.k8s.io/v1alpha2|tcproutes",
    "ListenerSet": "apis/gateway.networking.k8s.io/v1|listenersets",
    "XListenerSet": "apis/gateway.networking.x-k8s.io/v1alpha1|xlistenersets",
    "ScaledObject": "apis/keda.sh/v1alpha1|scaledobjects",
    "Certificate": "apis/cert-manager.io/v1|certificates",
    "Lease": "apis/coordination.k8s.io/v1|leases",
    "Namespace": "api/v1|namespaces",
    "Service": "api/v1|services",
    "ServiceAccount": "api/v1|serviceaccounts",
    "ConfigMap": "api/v1|configmaps",
    "ResourceQuota": "api/v1|resourcequotas",
    "Event": "api/v1|events",
    "Pod": "api/v1|pods",
    "Secret": "api/v1|secrets",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1|rolebindings",
}
CLUSTER_SCOPED = (
    "Namespace",
    "CustomResourceDefinition",
    "JobQueue",
    "ComputeEnvironment",
    "Node",
    "IngressClass",
)


class Refused(Exception):
    """The API server said no; `causes` are its (field, message) pairs."""

    def __init__(self, status: int, body: Obj) -> None:
        self.status, self.message = status, str(body.get("message", ""))
        causes = (body.get("details") or {}).get("causes") or []
        self.causes = [(str(each.get("field", "")), str(each.get("message", ""))) for each in causes]
        super().__init__(f"{status}: {self.message}")


class Kube:
    """The API server, as its administrator or another user with a certificate, in one namespace."""

    def __init__(self, server: ApiServer, namespace: str = "default", user: str = "longshore-admin") -> None:
        self.server, self.namespace = server, namespace
        self._pool = urllib3.PoolManager(
            ca_certs=str(server.ca_file),
            cert_file=str(server.dir / f"user-{user}.crt"),
            key_file=str(server.dir / f"user-{user}.key"),
            retries=False,
            maxsize=16,
        )

    def path(self, kind: str, name: str = "", subresource: str = "") -> str:
        root, plural = PATHS[kind].split("|")
        scoped = kind not in CLUSTER_SCOPED
        parts = [root, *(["namespaces", self.namespace] if scoped else []), plural, name, subresource]
        return "/".join(part for part in parts if part)

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Obj:
        data = None if body is None else json.dumps(body)
        answer = self._pool.request(
            method, f"{self.server.url}/{path}", body=data, headers={"Content-Type": content_type}
        )
        content: Obj = json.loads(answer.data)
        if answer.status >= 400:
            raise Refused(answer.status, content)
        return content

    def get(self, kind: str, name: str) -> Obj:
        return self.request("GET", self.path(kind, name))

    def find(self, kind: str, name: str) -> Obj | None:
        try:
            return self.get(kind, name)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def list(self, kind: str, selector: str = "") -> list[Obj]:
        query = f"?labelSelector={selector}" if selector else ""
        items: list[Obj] = self.request("GET", self.path(kind) + query)["items"]
        return items

    def history(self, kind: str, since: str) -> Iterator[tuple[str, Obj]]:
        """Every event on objects of this kind, in all namespaces, since that resourceVersion: its type and the object."""
        root, plural = PATHS[kind].split("|")
        query = f"{root}/{plural}?watch=true&resourceVersion={since}&timeoutSeconds=1"
        answer = self._pool.request("GET", f"{self.server.url}/{query}", preload_content=False)
        for line in answer.read().splitlines():
            event = json.loads(line)
            yield event["type"], event["object"]

    def create(self, obj: Obj) -> Obj:
        return self.request("POST", self.path(obj["kind"]) + "?fieldValidation=Strict", obj)

    def patch(self, kind: str, name: str, body: Obj, subresource: str = "") -> Obj:
        return self.request("PATCH", self.path(kind, name, subresource), body, "application/merge-patch+json")

    def delete(self, kind: str, name: str, propagation: str = "Background") -> None:
        self.request("DELETE", self.path(kind, name), {"propagationPolicy": propagation})

    def let_go(self, pod: Obj) -> None:
        """The node says that a pod has stopped; that it is gone already is as good."""
        try:
            self.request("DELETE", self.path("Pod", pod["metadata"]["name"]), {"gracePeriodSeconds": 0})
        except Refused as refused:
            if refused.status != 404:
                raise

    def status(self, kind: str, name: str) -> Obj:
        return self.get(kind, name).get("status") or {}

    def condition(self, kind: str, name: str, type_: str) -> Obj:
        """The condition, if it speaks of the newest spec; else an empty one."""
        obj = self.get(kind, name)
        for each in (obj.get("status") or {}).get("conditions", ()):
            if each["type"] == type_ and each.get("observedGeneration") == obj["metadata"]["generation"]:
                return dict(each)
        return {"status": "", "reason": "", "message": ""}

    # What nodes would do.

    def run_pods(self, selector: str, **container: Any) -> None:
        """Every pod with these labels runs and is ready."""
        for pod in self.list("Pod", selector):
            self.set_pod(pod, "Running", {"running": {"startedAt": now()}}, ready=True, **container)

    def end_pods(self, selector: str, exit_code: int, reason: str = "", **status: Any) -> None:
        """The container of every pod with these labels has ended."""
        state = {
            "exitCode": exit_code,
            "reason": reason or ("Completed" if exit_code == 0 else "Error"),
            "startedAt": now(),
            "finishedAt": now(),
        }
        for pod in self.list("Pod", selector):
            self.set_pod(pod, "Failed" if exit_code else "Succeeded", {"terminated": state}, **status)

    def set_pod(
        self,
        pod: Obj,
        phase: str,
        state: Obj,
        ready: bool = False,
        conditions: list[Obj] | None = None,
        **more: Any,
    ) -> None:
        container = {
            "name": pod["spec"]["containers"][0]["name"],
            "image": pod["spec"]["containers"][0]["image"],
            "imageID": "",
            "ready": ready,
            "started": ready,
            "restartCount": more.pop("restarts", 0),
            "state": state,
            **({"lastState": more.pop("last_state")} if "last_state" in more else {}),
        }
        told = conditions or [
            {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": now()}
        ]
        self.patch(
            "Pod",
            pod["metadata"]["name"],
            {
                "status": {
                    "phase": phase,
                    "startTime": now(),
                    "containerStatuses": [container],
                    "conditions": told,
                    **more,
                }
            },
            "status",
        )


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def wait(look: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Looks until there is something true to see, and returns it."""
    deadline = time.monotonic() + seconds
    seen: Any = None
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"not seen within {seconds:.0f} s: {what}; last: {seen!r}")


def load_crds(kube: Kube, folder: Path) -> None:
    for path in sorted(folder.glob("*.yaml")):
        kube.server.run("apply", "--server-side", "-f", str(path))
    kube.server.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
