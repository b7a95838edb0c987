"""The cluster as tests see it: kubectl and helm for what a user does, a plain client for looking."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import urllib3
from click.testing import CliRunner, Result
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError
from longshore.cli.main import main

from hack.install import Tools
from tests.e2e.waiting import PAUSE_SECONDS, wait_for

Obj = dict[str, Any]
OPERATOR_NAMESPACE = "longshore-system"
KINDS = {
    "WebApp": "longshore.dev/v1alpha1",
    "BatchJob": "longshore.dev/v1alpha1",
    "JobDefinition": "longshore.dev/v1alpha1",
    "JobQueue": "longshore.dev/v1alpha1",
    "ComputeEnvironment": "longshore.dev/v1alpha1",
    "Deployment": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "ControllerRevision": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    "Job": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Pod": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "ConfigMap": "v1",
    "Namespace": "v1",
    "Event": "v1",
    "Node": "v1",
    "StorageClass": "storage.k8s.io/v1",
}


@dataclass
class Cluster:
    """One namespace of the cluster; `in_namespace` gives another."""

    tools: Tools
    namespace: str = "default"
    _dynamic: DynamicClient | None = field(default=None, repr=False)

    def in_namespace(self, namespace: str) -> Cluster:
        return Cluster(self.tools, namespace, self._client())

    # What a user does.

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        return _run(*self.tools.kubectl, "--namespace", self.namespace, *arguments, stdin=stdin, check=check)

    def helm(self, *arguments: str, check: bool = True) -> str:
        return _run(*self.tools.helm, *arguments, check=check)

    def longshore(self, *arguments: str) -> Result:
        """The command line for people, in this process."""
        where = ["--kubeconfig", self.tools.kubeconfig, "--context", self.tools.context, "-n", self.namespace]
        return CliRunner().invoke(main, [*arguments, *where])

    def apply(self, *objects: Obj) -> None:
        document = "\n---\n".join(json.dumps(each) for each in objects)
        self.kubectl("apply", "--filename=-", stdin=document)

    def patch(self, kind: str, name: str, spec: Obj) -> None:
        self.kubectl("patch", kind, name, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def delete(self, kind: str, name: str, *more: str) -> None:
        self.kubectl("delete", kind, name, *more)

    @contextmanager
    def port_forward(self, target: str, port: int) -> Iterator[str]:
        """The address on this machine under which the port of a Service or pod answers."""
        process = subprocess.Popen(
            [*self.tools.kubectl, "--namespace", self.namespace, "port-forward", target, f":{port}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "->" in line, f"kubectl port-forward said: {line!r}"
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield "http://" + line.split("Forwarding from ")[1].split(" ->")[0]
        finally:
            process.terminate()
            process.wait(timeout=20)

    # What a test looks at.

    def get(self, kind: str, name: str) -> Obj | None:
        """The object, or None. There always is a status, if an empty one."""
        try:
            found = self._resource(kind).get(name=name, namespace=self.namespace)
        except NotFoundError:
            return None
        return {"status": {}} | dict(found.to_dict())

    def list(self, kind: str, **labels: str) -> list[Obj]:
        """Objects of the namespace; `webapp="x"` is the label longshore.dev/webapp=x."""
        selector = ",".join(f"longshore.dev/{name}={value}" for name, value in labels.items())
        found = self._resource(kind).get(namespace=self.namespace, label_selector=selector)
        return [dict(each) for each in found.to_dict()["items"]]

    def wait(
        self,
        kind: str,
        name: str,
        until: Callable[[Obj], object],
        what: str,
        seconds: float = 60,
        pause: float = PAUSE_SECONDS,
    ) -> Obj:
        """Waits until the object exists and the condition holds on it."""
        seen = wait_for(
            lambda: self.get(kind, name),
            lambda obj: obj is not None and until(obj),
            f"{kind} {name} {what}",
            seconds,
            describe=_status,
            pause=pause,
        )
        assert seen is not None
        return seen

    def wait_gone(self, kind: str, name: str, seconds: float = 60) -> None:
        wait_for(
            lambda: self.get(kind, name), lambda obj: obj is None, f"{kind} {name} gone", seconds, _status
        )

    def fetch(self, app: str, path: str = "/", port: str = "http") -> str:
        """What a WebApp's Service answers, through the API server's proxy."""
        root = f"/api/v1/namespaces/{self.namespace}/services/{app}:{port}/proxy"
        return self.kubectl("get", "--raw", root + path)

    def _client(self) -> DynamicClient:
        if self._dynamic is None:
            configuration = client.Configuration()
            config.load_kube_config(
                self.tools.kubeconfig, self.tools.context, client_configuration=configuration
            )
            configuration.retries = urllib3.Retry(total=3, backoff_factor=0.2)
            self._dynamic = DynamicClient(client.ApiClient(configuration))
        return self._dynamic

    def _resource(self, kind: str) -> Any:
        return self._client().resources.get(api_version=KINDS[kind], kind=kind)


def _run(*command: str, stdin: str | None = None, check: bool = True) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout if check else done.stdout + done.stderr


def condition(obj: Obj, type_: str) -> Obj:
    """A condition of the object's status; one with nothing in it if it isn't there."""
    for each in obj["status"].get("conditions", ()):
        if each["type"] == type_:
            return dict(each)
    return {"type": type_, "status": None, "reason": None, "message": None}


def is_ready(obj: Obj) -> bool:
    return condition(obj, "Ready")["status"] == "True" and is_observed(obj)


def is_observed(obj: Obj) -> bool:
    """The status speaks of the spec as it is now."""
    return bool(obj["status"].get("observedGeneration") == obj["metadata"]["generation"])


def phase_is(*phases: str) -> Callable[[Obj], bool]:
    return lambda job: job["status"].get("phase") in phases


def _status(obj: Obj | None) -> str:
    return "no such object" if obj is None else json.dumps(obj["status"], indent=1)
