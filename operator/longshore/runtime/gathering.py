"""What gathering facts has in common for all kinds: indexes, slim pods, warnings that were read lately."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from longshore.cluster.client import ApiError
from longshore.cluster.events import pods_refused, warnings_about
from longshore.cluster.informer import Watch
from longshore.cluster.resources import NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS, Resource
from longshore.cluster.store import Store
from longshore.queueing.nodes import slim_node
from longshore.runtime.queue import Key
from longshore.runtime.wiring import Context
from longshore.workload.diagnosis import Evidence, nodes_counted, pods_to_ask_about, without_node
from longshore.workload.names import (
    ALLOW_LABEL,
    BATCHJOB_LABEL,
    CANARY_LABEL,
    JOBDEFINITION_LABEL,
    MANAGED_BY,
    MANAGER,
    RELEASE_LABEL,
    WEBAPP_LABEL,
)
from longshore.workload.room import what_would_fit

Obj = dict[str, Any]
OURS = f"{MANAGED_BY}={MANAGER}"
ALLOWED_ACCOUNTS = "allowed-accounts"
FRESH = timedelta(seconds=8)
NODES_FRESH, NODES_RECOUNTED = timedelta(seconds=10), timedelta(seconds=1)
MOST_NODES = 500
Spec = TypeVar("Spec", bound=BaseModel)


PARENT_LABELS = (
    ("WebApp", WEBAPP_LABEL),
    ("WebApp", CANARY_LABEL),
    ("WebApp", RELEASE_LABEL),
    ("BatchJob", BATCHJOB_LABEL),
    ("JobDefinition", JOBDEFINITION_LABEL),
)
"""Labels whose value is the name of the parent."""


def parents_by_label(obj: Obj) -> Iterable[Key]:
    """The parents that the labels of a child name."""
    metadata = obj["metadata"]
    labels = metadata.get("labels", {})
    for kind, label in PARENT_LABELS:
        if label in labels:
            yield Key(kind, metadata.get("namespace", ""), labels[label])


def by_parent(obj: Obj) -> Iterable[str]:
    """Indexes a child under its parent: Kind/namespace/name."""
    return map(str, parents_by_label(obj))


def children(resource: Resource) -> Watch:
    """Watches what we made of a kind."""
    return Watch(resource, OURS, index=by_parent, strip=_slim)


def optional_children(wakes: str, *resources: Resource) -> Watch:
    """The same where the cluster may lack the kind, or serve it in one of several versions, the best first. Objects of
    ours that are found under `wakes` are looked at when it comes or goes."""
    return Watch(
        resources[0], OURS, index=by_parent, strip=lambda obj: _slim(obj), alternatives=resources, wakes=wakes
    )


PODS_OF_OURS = Watch(PODS, OURS, index=by_parent, strip=lambda pod: slim_pod(pod))
ALLOWED = Watch(SERVICE_ACCOUNTS, f"{ALLOW_LABEL}=true", name=ALLOWED_ACCOUNTS, strip=lambda obj: _slim(obj))
ALL_NODES = Watch(NODES, strip=slim_node)
ALL_NAMESPACES = Watch(NAMESPACES, strip=lambda obj: slim_namespace(obj))


def slim_namespace(namespace: Obj) -> Obj:
    """A namespace without all but its labels."""
    kept = ("name", "uid", "resourceVersion", "labels")
    metadata = {key: namespace["metadata"][key] for key in kept if key in namespace["metadata"]}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


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
    of_container = ("name", "resources", "restartPolicy")
    containers = {
        field: [{key: each[key] for key in of_container if key in each} for each in spec[field]]
        for field in ("containers", "initContainers")
        if field in spec
    }
    told = (
        "phase",
        "reason",
        "message",
        "conditions",
        "containerStatuses",
        "initContainerStatuses",
        "startTime",
    )
    place = ("nodeName",) if "nodeName" in spec else ("nodeSelector", "affinity", "tolerations")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": containers | {key: spec[key] for key in place if key in spec},
        "status": {key: status[key] for key in told if key in status},
    }


def read(model: type[Spec], obj: Obj, context: Context) -> Spec:
    """The spec of one of our objects; each generation is read once.

    Raises:
        ValidationError: this version cannot read it.
    """
    uid, generation = obj["metadata"]["uid"], obj["metadata"]["generation"]
    spec = context.specs.get((uid, generation))
    if not isinstance(spec, model):
        spec = context.specs[uid, generation] = model.model_validate(obj["spec"])
    return spec


async def evidence(context: Context, namespace: str, pods: Sequence[Obj]) -> dict[str, Evidence]:
    """Warnings on those pods whose status alone doesn't say what is wrong, and what would fit on the nodes."""
    found = {}
    for pod in pods_to_ask_about(pods, context.now()):
        uid = pod["metadata"]["uid"]
        found[uid] = Evidence(await warnings_on(context, namespace, uid))
    rooms: dict[str, str] = {}
    for pod in without_node(pods):
        asked = str(pod["spec"])
        if asked not in rooms:
            rooms[asked] = what_would_fit(pod, await _some_nodes(context, nodes_counted(pod)))
        found[pod["metadata"]["uid"]] = Evidence(room=rooms[asked])
    return found


async def _some_nodes(context: Context, counted: int | None) -> list[Obj]:
    """As many nodes as one request brings; none where we may not list them. They are read again after a while, and sooner
    when the scheduler has counted others."""
    if context.settings.namespaces:
        return []
    now, held = context.now(), context.nodes.get(NODES.plural)
    if held is not None:
        same = counted in (None, len(held[1])) or len(held[1]) in (0, MOST_NODES)
        if now - held[0] < (NODES_FRESH if same else NODES_RECOUNTED):
            return held[1]
    try:
        page = await context.client.list_page(NODES, limit=MOST_NODES)
        nodes = [slim_node(each) for each in page["items"]]
    except ApiError as error:
        if error.status != 403:
            raise
        nodes = []
    context.nodes[NODES.plural] = (now, nodes)
    return nodes


async def warnings_on(context: Context, namespace: str, uid: str) -> list[tuple[str, str]]:
    """Warnings on one object, read again only after a few seconds."""
    now, held = context.now(), context.evidence.get(uid)
    if held is not None and now - held[0] < FRESH:
        return held[1]
    warnings = await warnings_about(context.client, namespace, uid)
    context.evidence[uid] = (now, warnings)
    return warnings


async def refusals(context: Context, namespace: str) -> dict[str, str]:
    """What refused the pods of Jobs in this namespace, by the uid of the Job, read again only after a few seconds."""
    now, held = context.now(), context.refusals.get(namespace)
    if held is not None and now - held[0] < FRESH:
        return held[1]
    said = await pods_refused(context.client, namespace)
    context.refusals[namespace] = (now, said)
    return said


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


async def look_up(
    resource: Resource, namespace: str, name: str, store: Store, context: Context
) -> Obj | None:
    """An object that ought to be there, as the server has it, and from now on the cache; None if there is none."""
    try:
        live = await context.client.get(resource, namespace, name)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    live["metadata"].pop("managedFields", None)
    live |= {"apiVersion": resource.api_version, "kind": resource.kind}
    store.put(live)
    return live


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
