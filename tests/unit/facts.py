"""Facts for decisions, as short as tests can say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from longshore.api.batchjob import BatchJobSpec
from longshore.api.webapp import WebAppSpec
from longshore.batchjob.facts import Facts as BatchFacts
from longshore.webapp.facts import Facts as AppFacts
from longshore.workload.conditions import timestamp

Obj = dict[str, Any]
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
UID = "uid-1"


def at(seconds: float) -> str:
    """A moment so many seconds after NOW."""
    return timestamp(NOW + timedelta(seconds=seconds))


def app_facts(
    spec: Obj | None = None, generation: int = 1, status: Obj | None = None, **more: Any
) -> AppFacts:
    metadata = {
        "name": "shop",
        "namespace": "prod",
        "uid": UID,
        "generation": generation,
        "creationTimestamp": at(0),
    }
    app = {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "WebApp",
        "metadata": metadata,
        "status": status or {},
    }
    return AppFacts(app=app, spec=WebAppSpec.model_validate({"image": "shop:1"} | (spec or {})), **more)


def batch_facts(
    spec: Obj | None = None, generation: int = 1, status: Obj | None = None, **more: Any
) -> BatchFacts:
    metadata = {
        "name": "import",
        "namespace": "prod",
        "uid": UID,
        "generation": generation,
        "creationTimestamp": at(0),
    }
    batchjob = {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "BatchJob",
        "metadata": metadata,
        "spec": {"image": "import:1"} | (spec or {}),
        "status": status or {},
    }
    return BatchFacts(batchjob, BatchJobSpec.model_validate({"image": "import:1"} | (spec or {})), **more)


def pod(
    state: Obj | None = None,
    last: Obj | None = None,
    ready: bool = False,
    restarts: int = 0,
    labels: Obj | None = None,
    **status: Any,
) -> Obj:
    """A pod with one container."""
    container = {
        "name": "app",
        "image": "shop:1",
        "ready": ready,
        "restartCount": restarts,
        "state": state or {"running": {"startedAt": at(0)}},
        "lastState": last or {},
    }
    metadata = {
        "name": "shop-x",
        "namespace": "prod",
        "uid": "pod-1",
        "creationTimestamp": at(-60),
        "labels": labels or {},
    }
    resources = {"limits": {"memory": "64Mi"}}
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "app", "resources": resources}], "nodeName": "node-1"},
        "status": {"phase": "Running", "containerStatuses": [container]} | status,
    }


def made_job(body: Obj, *conditions: tuple[str, str], age: float = 0, **status: Any) -> Obj:
    """A Job as the server holds it after it was created `age` seconds before NOW; conditions by type and reason."""
    metadata = body["metadata"] | {
        "uid": f"uid-{body['metadata']['name']}",
        "resourceVersion": "7",
        "creationTimestamp": at(-age),
    }
    told = [
        {"type": type_, "status": "True", "reason": reason, "lastTransitionTime": at(0)}
        for type_, reason in conditions
    ]
    return body | {"metadata": metadata, "status": {"conditions": told} | status}


def pod_of(job: Obj, index: int | None = None, node: str | None = "node-1", **status: Any) -> Obj:
    """A running pod of this Job; `status` is what differs from that. Without a node it is pending."""
    template, name = job["spec"]["template"], job["metadata"]["name"]
    of_index = {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)}
    running = {
        "phase": "Running",
        "containerStatuses": [{"name": "job", "state": {"running": {"startedAt": at(0)}}}],
    }
    return {
        "metadata": {
            "name": f"{name}-{index or 0}-x",
            "namespace": "prod",
            "uid": f"uid-{name}-{index}",
            "creationTimestamp": job["metadata"]["creationTimestamp"],
            "labels": template["metadata"]["labels"] | of_index,
        },
        "spec": {"containers": template["spec"]["containers"]} | ({"nodeName": node} if node else {}),
        "status": (running if node else {"phase": "Pending"}) | status,
    }


def ended_container(exit_code: int, reason: str = "Error", seconds: float = 0) -> Obj:
    """What a failed pod's status says of its container."""
    state = {"exitCode": exit_code, "reason": reason, "startedAt": at(0), "finishedAt": at(seconds)}
    return {"phase": "Failed", "containerStatuses": [{"name": "job", "state": {"terminated": state}}]}
