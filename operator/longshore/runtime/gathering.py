"""What gathering facts has in common for all kinds: indexes, slim pods, warnings that were read lately."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from longshore.cluster.events import warnings_about
from longshore.cluster.informer import Watch
from longshore.cluster.resources import PODS, SERVICE_ACCOUNTS, Resource
from longshore.runtime.queue import Key
from longshore.runtime.wiring import Context
from longshore.workload.diagnosis import Evidence, pods_to_ask_about
from longshore.workload.names import ALLOW_LABEL, BATCHJOB_LABEL, MANAGED_BY, MANAGER, WEBAPP_LABEL

Obj = dict[str, Any]
OURS = f"{MANAGED_BY}={MANAGER}"
ALLOWED_ACCOUNTS = "allowed-accounts"
FRESH = timedelta(seconds=8)
REMEMBERED = 1000


def by_parent(obj: Obj) -> Iterable[str]:
    """Indexes a child under its parent: Kind/namespace/name."""
    metadata = obj["metadata"]
    labels = metadata.get("labels", {})
    for kind, label in (("WebApp", WEBAPP_LABEL), ("BatchJob", BATCHJOB_LABEL)):
        if label in labels:
            yield str(Key(kind, metadata.get("namespace", ""), labels[label]))


def children(resource: Resource) -> Watch:
    """Watches what we made of a kind."""
    return Watch(resource, OURS, index=by_parent, strip=_slim)


PODS_OF_OURS = Watch(PODS, OURS, index=by_parent, strip=lambda pod: slim_pod(pod))
ALLOWED = Watch(SERVICE_ACCOUNTS, f"{ALLOW_LABEL}=true", name=ALLOWED_ACCOUNTS, strip=lambda obj: _slim(obj))


def slim_pod(pod: Obj) -> Obj:
    """A pod without what no decision reads."""
    metadata, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status", {})
    kept = (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "labels",
        "creationTimestamp",
        "deletionTimestamp",
        "ownerReferences",
    )
    containers = [
        {"name": each["name"], "resources": each.get("resources", {})} for each in spec.get("containers", ())
    ]
    told = (
        "phase",
        "reason",
        "message",
        "conditions",
        "containerStatuses",
        "initContainerStatuses",
        "startTime",
    )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"containers": containers} | ({"nodeName": spec["nodeName"]} if "nodeName" in spec else {}),
        "status": {key: status[key] for key in told if key in status},
    }


async def evidence(context: Context, namespace: str, pods: Iterable[Obj]) -> dict[str, Evidence]:
    """Warnings on those pods whose status alone doesn't say what is wrong."""
    found = {}
    for pod in pods_to_ask_about(pods, context.now()):
        uid = pod["metadata"]["uid"]
        found[uid] = Evidence(await warnings_on(context, namespace, uid))
    return found


async def warnings_on(context: Context, namespace: str, uid: str) -> list[tuple[str, str]]:
    """Warnings on one object, read again only after a few seconds."""
    now, held = context.now(), context.evidence.get(uid)
    if held is not None and now - held[0] < FRESH:
        return held[1]
    warnings = await warnings_about(context.client, namespace, uid)
    context.evidence.pop(uid, None)
    context.evidence[uid] = (now, warnings)
    while len(context.evidence) > REMEMBERED:
        del context.evidence[next(iter(context.evidence))]
    return warnings


def owned(objects: Iterable[Obj], uid: str) -> list[Obj]:
    """Those whose controller is the object of this uid."""
    return [
        each
        for each in objects
        if any(
            owner.get("controller") and owner["uid"] == uid
            for owner in each["metadata"].get("ownerReferences", ())
        )
    ]


def account_allowed(context: Context, namespace: str, name: str | None) -> bool:
    return name is None or context.stores[ALLOWED_ACCOUNTS].get(namespace, name) is not None


def mistakes_in(error: ValidationError) -> str:
    """Why this version cannot read a spec that another one admitted, or admission could not look into."""
    found = (
        f"{'.'.join(['spec', *map(str, each['loc'])])}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors()[:5]
    )
    return f"this version cannot read the spec: {'; '.join(found)}"


def _slim(obj: Obj) -> Obj:
    obj["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return obj
