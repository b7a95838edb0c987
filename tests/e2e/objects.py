"""WebApps and BatchJobs of the test workload, small enough that many fit on one node."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]
API = "longshore.dev/v1alpha1"
IMAGE = "longshore.test/workload"
MISSING_IMAGE = "localhost:1/workload:no-such-tag"
"""An image that no registry has: on the node nothing listens there, so that a pull fails at once."""
TINY: Obj = {"requests": {"cpu": "10m", "memory": "32Mi"}}


def web_app(name: str, tag: str = "v1", **spec: Any) -> Obj:
    """An app that answers HTTP on 8080 and is quick to probe and to stop."""
    base: Obj = {
        "image": f"{IMAGE}:{tag}",
        "resources": TINY,
        "health": {"path": "/healthz", "intervalSeconds": 2, "timeoutSeconds": 2},
        "drainSeconds": 2,
    }
    return {"apiVersion": API, "kind": "WebApp", "metadata": {"name": name}, "spec": base | spec}


def batch_job(name: str, *args: str, **spec: Any) -> Obj:
    """A job that runs one of the workload's words; it stops within a second when it is told to."""
    base: Obj = {
        "image": f"{IMAGE}:v1",
        "args": list(args),
        "resources": TINY,
        "terminationGracePeriodSeconds": 1,
    }
    return {"apiVersion": API, "kind": "BatchJob", "metadata": {"name": name}, "spec": base | spec}


def load_pod(name: str, url: str, per_second: int, seconds: int) -> Obj:
    """A pod that sends requests for so long, or until `/workload stop` is run in it, and then prints a report."""
    restricted: Obj = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container: Obj = {
        "name": "load",
        "image": f"{IMAGE}:v1",
        "args": ["load", url, str(per_second), str(seconds)],
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": restricted,
    }
    spec: Obj = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
