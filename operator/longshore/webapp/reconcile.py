"""Gathers the facts about one WebApp and has the decision carried out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from longshore.api import GROUP, VERSION
from longshore.api.webapp import WebAppSpec
from longshore.cluster.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    JOBS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    SCALED_OBJECTS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)
from longshore.runtime.gathering import (
    ALLOWED,
    PODS_OF_OURS,
    account_allowed,
    children,
    evidence,
    look_up,
    mistakes_in,
    optional_children,
    owned,
    read,
)
from longshore.runtime.queue import Key
from longshore.runtime.reconciler import carry_out
from longshore.runtime.wiring import Context, Kind
from longshore.webapp import claims, exposure, exposure_facts
from longshore.webapp import status as statuses
from longshore.webapp.canary_facts import newest, with_canary
from longshore.webapp.decide import decide
from longshore.webapp.facts import Facts
from longshore.webapp.release_facts import with_releases
from longshore.workload.decision import Decision, Refusal
from longshore.workload.names import CANARY_LABEL, WEBAPP_LABEL, child_name

Obj = dict[str, Any]
SCHEDULED = "scheduled"
"""What apps are found by that have schedules, which KEDA follows where it is."""
WEBAPPS = Resource(GROUP, VERSION, "webapps", "WebApp")


async def reconcile(key: Key, context: Context) -> float | None:
    """Brings one WebApp to what is wanted of it. Returns the seconds after which to look again, if any."""

    async def once(app: Obj, refusal: Refusal | None) -> Decision:
        now = context.now()
        try:
            spec = read(WebAppSpec, app, context)
        except ValidationError as error:
            facts = Facts(app, WebAppSpec(image="unread"))
            return Decision(status=statuses.refused(facts, "Invalid", mistakes_in(error), now))
        fresh = await newest(WEBAPPS, key, app, spec, context)
        if fresh is not app:
            app, spec = fresh, read(WebAppSpec, fresh, context)
        return decide(await gather(key, app, spec, refusal, context), now)

    return await carry_out(KIND, key, once, context)


async def gather(key: Key, app: Obj, spec: WebAppSpec, refusal: Refusal | None, context: Context) -> Facts:
    """Everything that is known: from the caches, and, where a pod's status says too little, from its events."""
    stores, uid = context.stores, app["metadata"]["uid"]

    def mine(resource: Resource, name: str) -> Obj | None:
        held = stores[resource.plural].get(key.namespace, name)
        return held if held is not None and owned([held], uid) else None

    # Pods of a namesake that was deleted may linger; its revisions have the same names.
    born = app["metadata"]["creationTimestamp"]
    pods = [
        each
        for each in stores["pods"].by_index(str(key))
        if each["metadata"]["creationTimestamp"] >= born
        and not {WEBAPP_LABEL, CANARY_LABEL}.isdisjoint(each["metadata"]["labels"])
    ]
    facts = Facts(
        app=app,
        spec=spec,
        deployment=mine(DEPLOYMENTS, key.name),
        daemon_set=mine(DAEMON_SETS, key.name),
        autoscaler=mine(HORIZONTAL_POD_AUTOSCALERS, key.name),
        scaled_object=mine(SCALED_OBJECTS, key.name),
        keda=SCALED_OBJECTS.plural in context.served,
        budget=mine(POD_DISRUPTION_BUDGETS, key.name),
        network_policy=mine(NETWORK_POLICIES, key.name),
        account=mine(SERVICE_ACCOUNTS, child_name(key.name, "webapp")),
        files=owned(stores[CONFIG_MAPS.plural].by_index(str(key)), uid),
        revisions=await _revisions(key, app, context),
        pods=pods,
        evidence=await evidence(context, key.namespace, pods),
        account_allowed=account_allowed(context, key.namespace, spec.service_account_name),
        refusal=refusal,
        last_words=context.settings.last_words,
    )
    facts = await exposure_facts.with_surroundings(key, facts, context)
    facts = replace(facts, routed=exposure.is_routed(facts))
    return await with_canary(key, await with_releases(key, facts, context), context)


async def _revisions(key: Key, app: Obj, context: Context) -> list[Obj]:
    """Revisions of the cache; what the status tells of others would be lost if they are only not there yet."""
    store, uid = context.stores[CONTROLLER_REVISIONS.plural], app["metadata"]["uid"]
    held = {each["metadata"]["name"] for each in owned(store.by_index(str(key)), uid)}
    for told in (app.get("status") or {}).get("revisions", ()):
        if told["name"] not in held:
            await look_up(CONTROLLER_REVISIONS, key.namespace, told["name"], store, context)
    return owned(store.by_index(str(key)), uid)


def _index(app: Obj) -> list[str]:
    scheduled = [SCHEDULED] if ((app.get("spec") or {}).get("scaling") or {}).get("schedules") else []
    return [*scheduled, *exposure_facts.index(app)]


def _ready(app: Obj) -> str:
    conditions = (app.get("status") or {}).get("conditions", ())
    return next((each["status"] for each in conditions if each["type"] == "Ready"), "Unknown")


KIND = Kind(
    name="WebApp",
    resource=WEBAPPS,
    label=WEBAPP_LABEL,
    watches=(
        children(CONFIG_MAPS),
        children(CONTROLLER_REVISIONS),
        children(DAEMON_SETS),
        children(DEPLOYMENTS),
        children(HORIZONTAL_POD_AUTOSCALERS),
        children(JOBS),
        children(NETWORK_POLICIES),
        children(POD_DISRUPTION_BUDGETS),
        children(SERVICE_ACCOUNTS),
        children(SERVICES),
        PODS_OF_OURS,
        ALLOWED,
        optional_children(SCHEDULED, SCALED_OBJECTS),
        *exposure_facts.WATCHES,
    ),
    state_name="ready",
    state=_ready,
    reconcile=reconcile,
    index=_index,
    claims=claims.told,
)
