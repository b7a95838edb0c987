"""Gathers the facts about one WebApp and has the decision carried out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from longshore.api import GROUP, VERSION
from longshore.api.webapp import WebAppSpec
from longshore.cluster.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)
from longshore.runtime.gathering import ALLOWED, PODS_OF_OURS, account_allowed, children, evidence, owned
from longshore.runtime.queue import Key
from longshore.runtime.reconciler import carry_out
from longshore.runtime.wiring import Context, Kind
from longshore.webapp import status as statuses
from longshore.webapp.decide import decide
from longshore.webapp.facts import Facts
from longshore.workload.decision import Decision, Refusal
from longshore.workload.names import WEBAPP_LABEL, child_name

Obj = dict[str, Any]
WEBAPPS = Resource(GROUP, VERSION, "webapps", "WebApp")


async def reconcile(key: Key, context: Context) -> float | None:
    """Brings one WebApp to what is wanted of it. Returns the seconds after which to look again, if any."""

    async def once(refusal: Refusal | None) -> Decision | None:
        app = context.parents[key.kind].get(key.namespace, key.name)
        if app is None or "deletionTimestamp" in app["metadata"]:
            return None
        now = context.now()
        try:
            spec = WebAppSpec.model_validate(app["spec"])
        except ValidationError as error:
            return _unreadable(app, error, now)
        return decide(await gather(key, app, spec, refusal, context), now)

    app = context.parents[key.kind].get(key.namespace, key.name)
    return await carry_out(KIND, app, once, context) if app is not None else None


async def gather(key: Key, app: Obj, spec: WebAppSpec, refusal: Refusal | None, context: Context) -> Facts:
    """Everything that is known: from the caches, and, where a pod's status says too little, from its events."""
    stores, uid, at = context.stores, app["metadata"]["uid"], (key.namespace, key.name)

    def mine(resource: Resource, name: str) -> Obj | None:
        held = stores[resource.plural].get(key.namespace, name)
        return held if held is not None and owned([held], uid) else None

    pods = stores["pods"].by_index(str(key))
    return Facts(
        app=app,
        spec=spec,
        deployment=mine(DEPLOYMENTS, at[1]),
        autoscaler=mine(HORIZONTAL_POD_AUTOSCALERS, at[1]),
        budget=mine(POD_DISRUPTION_BUDGETS, at[1]),
        account=mine(SERVICE_ACCOUNTS, child_name(key.name, "webapp")),
        files=owned(stores[CONFIG_MAPS.plural].by_index(str(key)), uid),
        revisions=owned(stores[CONTROLLER_REVISIONS.plural].by_index(str(key)), uid),
        pods=pods,
        evidence=await evidence(context, key.namespace, pods),
        account_allowed=account_allowed(context, key.namespace, spec.service_account_name),
        refusal=refusal,
        last_words=context.settings.last_words,
    )


def _unreadable(app: Obj, error: ValidationError, now: datetime) -> Decision:
    """The spec was admitted by another version of the contract; nothing is done, and it is said."""
    facts = Facts(app=app, spec=WebAppSpec(image="none"))
    where = "; ".join(f"spec.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5])
    return Decision(
        status=statuses.refused(facts, "Invalid", f"this version cannot read the spec: {where}", now)
    )


KIND = Kind(
    name="WebApp",
    resource=WEBAPPS,
    label=WEBAPP_LABEL,
    watches=(
        children(CONFIG_MAPS),
        children(CONTROLLER_REVISIONS),
        children(DEPLOYMENTS),
        children(HORIZONTAL_POD_AUTOSCALERS),
        children(POD_DISRUPTION_BUDGETS),
        children(SERVICE_ACCOUNTS),
        children(SERVICES),
        PODS_OF_OURS,
        ALLOWED,
    ),
    reconcile=reconcile,
)
