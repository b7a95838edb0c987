"""Gathers the facts about a revision that is tried: fresh where a step hangs on them, and what Prometheus says.

On the word of an old cache a step would be gone again, or a revision that was given up be tried anew. So while a
revision is tried, or is about to be, what the step follows from is read from the server. It is a few requests for
each look at an app in the middle of a canary, and none for others.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from longshore.api.webapp import WebAppSpec
from longshore.cluster.prometheus import Answer, ask
from longshore.cluster.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    SERVICES,
    Resource,
)
from longshore.runtime.gathering import look_up, owned
from longshore.runtime.queue import Key
from longshore.runtime.wiring import Context
from longshore.webapp.analysis import questions
from longshore.webapp.app import revision_inputs
from longshore.webapp.children.revision import revision_of
from longshore.webapp.facts import Facts
from longshore.webapp.rollout import wanted_revision
from longshore.workload.names import child_name, content_hash

Obj = dict[str, Any]
FRESH = timedelta(seconds=8)
NO_PROMETHEUS = "the operator knows no Prometheus: set prometheusUrl among the settings of its chart"


async def newest(resource: Resource, key: Key, app: Obj, spec: WebAppSpec, context: Context) -> Obj:
    """The WebApp as it is now, where a step hangs on it, and with it, in the caches, what belongs to it."""
    if not _is_concerned(key, app, spec, context):
        return app
    store = context.stores[DEPLOYMENTS.plural]
    for name in (key.name, child_name(key.name, "canary")):
        await look_up(DEPLOYMENTS, key.namespace, name, store, context)
    live = await look_up(resource, key.namespace, key.name, context.parents[key.kind], context)
    if live is None or live["metadata"]["uid"] != app["metadata"]["uid"]:
        return app
    revision = content_hash(revision_inputs(WebAppSpec.model_validate(live["spec"])))
    revisions = context.stores[CONTROLLER_REVISIONS.plural]
    await look_up(CONTROLLER_REVISIONS, key.namespace, child_name(key.name, revision), revisions, context)
    return live


def _is_concerned(key: Key, app: Obj, spec: WebAppSpec, context: Context) -> bool:
    """Whether a revision is tried, is about to be, or was given up, as far as the caches know."""
    deployments = context.stores[DEPLOYMENTS.plural]
    tried = deployments.get(key.namespace, child_name(key.name, "canary"))
    if (tried is not None and owned([tried], app["metadata"]["uid"])) or (app.get("status") or {}).get(
        "rollout"
    ):
        return True
    if spec.rollout.strategy != "Canary":
        return False
    wanted = content_hash(revision_inputs(spec))
    held = owned(context.stores[CONTROLLER_REVISIONS.plural].by_index(str(key)), app["metadata"]["uid"])
    newest = max(held, key=lambda each: int(each["revision"]), default=None)
    if newest is not None and revision_of(newest) != wanted:
        return True  # either it goes back, or the cache of apps is behind that of revisions
    live = deployments.get(key.namespace, key.name)
    return live is not None and revision_of(live["spec"]["template"]) != wanted


async def with_canary(key: Key, facts: Facts, context: Context) -> Facts:
    """The facts, and what is known of a revision that is tried."""
    name, uid = child_name(key.name, "canary"), facts.app["metadata"]["uid"]

    def mine(resource: Resource, name: str) -> list[Obj]:
        held = context.stores[resource.plural].get(key.namespace, name)
        return owned([held], uid) if held is not None else []

    facts = replace(
        facts,
        canary=next(iter(mine(DEPLOYMENTS, name)), None),
        canary_autoscaler=next(iter(mine(HORIZONTAL_POD_AUTOSCALERS, name)), None),
        canary_services=[*mine(SERVICES, child_name(key.name, "stable")), *mine(SERVICES, name)],
    )
    told = facts.status.get("rollout") or {}
    if told.get("phase") not in ("Paused", "AwaitingApproval"):
        return facts
    asked = questions(facts, wanted_revision(facts), context.settings.error_rate_query)
    measured = {each: await _measure(uid, query, context) for each, query in asked.items()}
    return replace(facts, measured=measured)


async def _measure(uid: str, query: str, context: Context) -> Answer:
    """What Prometheus says, asked again only after a few seconds."""
    url, now = context.settings.prometheus_url, context.now()
    if not url:
        return None, NO_PROMETHEUS
    held = context.measured.get((uid, query))
    if held is not None and now - held[0] < FRESH:
        return held[1]
    answer = await ask(url, query)
    context.measured[uid, query] = (now, answer)
    return answer
