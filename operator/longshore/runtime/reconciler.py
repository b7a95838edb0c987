"""Carries decisions out: steps in their order, then the status, and nothing where nothing differs.

After steps that wrote something the decision is made again from what they brought, so that the status
says what is true after them, in one write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from longshore.cluster.apply import Owner, OwnerGone, Refused
from longshore.cluster.client import ApiError
from longshore.cluster.events import record
from longshore.cluster.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESSES,
    JOBS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)
from longshore.cluster.store import Store
from longshore.runtime.kinds import BATCHJOBS
from longshore.runtime.queue import Key
from longshore.runtime.wiring import Context, Kind
from longshore.workload.decision import Apply, Create, Decision, Delete, Patch, Refusal, Step
from longshore.workload.names import MANAGED_BY, MANAGER, STATUS_MANAGER, content_hash

Obj = dict[str, Any]
CHILDREN = (
    CONFIG_MAPS, CONTROLLER_REVISIONS, DAEMON_SETS, DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, INGRESSES, JOBS, NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS, SERVICE_ACCOUNTS, SERVICES, BATCHJOBS,
)  # fmt: skip
_BY_KIND = {each.kind: each for each in CHILDREN}
ROUNDS = 4
"""Decisions per reconcile at most; one that still wants something is queued again."""
UNSETTLED_AGAIN_SECONDS = 1.0
REFUSED_AGAIN_SECONDS = 30.0

Decide = Callable[[Obj, Refusal | None], Awaitable[Decision]]
"""Decides on an object as it is now, given what was refused last."""


async def carry_out(kind: Kind, key: Key, decide: Decide, context: Context) -> float | None:
    """Decides and does until nothing is left to write. Returns the seconds after which to look again."""
    labels = {kind.label: key.name, MANAGED_BY: MANAGER}
    owner: Owner | None = None
    refusal: Refusal | None = None
    for _ in range(ROUNDS):
        obj = context.parents[kind.name].get(key.namespace, key.name)
        if obj is None or "deletionTimestamp" in obj["metadata"]:
            return None
        if owner is None or owner.uid != obj["metadata"]["uid"]:
            owner = Owner(kind.resource, key.namespace, key.name, obj["metadata"]["uid"], labels)
        decision = await decide(obj, refusal)
        if refusal is not None and await _say(kind, obj, decision, context):
            return REFUSED_AGAIN_SECONDS
        try:
            wrote = [await _do(kind, step, owner, context) for step in decision.steps]
        except Refused as refused:
            refusal = Refusal(refused.reason, refused.message)
            continue
        except OwnerGone:
            return None
        if not any(wrote) and await _say(kind, obj, decision, context):
            return decision.again_in_seconds
    return UNSETTLED_AGAIN_SECONDS


async def _do(kind: Kind, step: Step, owner: Owner, context: Context) -> bool:
    applier = context.applier
    if isinstance(step, Apply | Create):
        resource, store = _where(context, step.body["apiVersion"], step.body["kind"])
        if isinstance(step, Create):
            created = await applier.create(resource, step.body, store, owner)
            _wake(resource, step.body["metadata"]["name"], owner, context)
            return created
        if step.manager != MANAGER:
            await applier.write(resource, step.body, step.manager, store)
            return True
        return await applier.ensure(resource, step.body, content_hash(step.body), store, owner)
    if isinstance(step, Patch):
        ref = step.ref
        resource, store = _where(context, ref.api_version, ref.kind)
        await applier.patch(resource, owner.namespace, ref.name, ref.uid, step.body, store, step.subresource)
        _wake(resource, ref.name, owner, context)
        return True
    return await _delete(kind, step, owner, context)


async def _delete(kind: Kind, step: Delete, owner: Owner, context: Context) -> bool:
    own = step.ref.kind == kind.name
    resource, store = kind.resource, context.parents[kind.name]
    if not own:
        resource, store = _where(context, step.ref.api_version, step.ref.kind)
    await context.applier.delete(resource, owner.namespace, step.ref.name, step.ref.uid, store)
    if own:
        raise OwnerGone(step.ref.name)
    return True


def _where(context: Context, api_version: str, kind: str) -> tuple[Resource, Store]:
    """The kind as it is served, and its cache.

    Raises:
        ApiError: it is of an API that the cluster has lost since the decision.
    """
    for name, served in context.served.items():
        if (served.api_version, served.kind) == (api_version, kind):
            return served, context.stores[name]
    resource = _BY_KIND.get(kind)
    if resource is None:
        raise ApiError(
            404, {"reason": "NotServed", "message": f"{kind} is no longer served"}, "get", api_version
        )
    if resource.kind in context.parents:
        return resource, context.parents[resource.kind]
    return resource, context.stores[resource.plural]


def _wake(resource: Resource, name: str, owner: Owner, context: Context) -> None:
    if resource.kind in context.parents:
        context.wake(Key(resource.kind, owner.namespace, name))


async def _say(kind: Kind, obj: Obj, decision: Decision, context: Context) -> bool:
    """Writes the status if it differs, and then the events that come with the change.

    False if the object isn't any more what was decided on; what it is now is in the cache then. The status
    subresource takes no notice of a uid that is sent along, so it is the version that keeps us from writing
    into a namesake.
    """
    metadata, parents = obj["metadata"], context.parents[kind.name]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    if decision.status is None or not _differs(decision.status, obj.get("status") or {}):
        return True
    version = {"resourceVersion": metadata["resourceVersion"]}
    body: Obj = {
        "apiVersion": kind.resource.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "uid": metadata["uid"], **version}
        | ({"namespace": namespace} if namespace else {}),
        "status": decision.status,
    }
    try:
        _, written = await context.client.apply(
            kind.resource, namespace, name, body, manager=STATUS_MANAGER, force=True, subresource="status"
        )
    except ApiError as error:
        if error.status == 404:
            return True
        if error.status != 409 or not kind.namespaced:  # a queue's status can wait until the watch tells
            raise
        _keep(await context.client.get(kind.resource, namespace, name), parents)
        return False
    _keep(written, parents)
    for event in decision.events:
        await record(context.client, written, event.type, event.reason, event.message, context.now())
    return True


def _keep(parent: Obj, parents: Store) -> None:
    parent["metadata"].pop("managedFields", None)
    parents.put(parent)


def _differs(desired: Obj, live: Obj) -> bool:
    types = {each["type"] for each in desired.get("conditions", ())}
    ours = live | {"conditions": [each for each in live.get("conditions", ()) if each["type"] in types]}
    return {name: value for name, value in ours.items() if value != [] or name in desired} != desired
