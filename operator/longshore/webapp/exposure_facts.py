"""Gathers what an app can be exposed with: from the caches, and a namespace's labels where a Gateway goes by them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from longshore.cluster.client import ApiError
from longshore.cluster.informer import Watch
from longshore.cluster.resources import (
    CERTIFICATES,
    GATEWAYS,
    GRPC_ROUTES,
    HTTP_ROUTES,
    INGRESS_CLASSES,
    INGRESSES,
    LISTENER_SETS,
    NAMESPACES,
    TCP_ROUTES,
    TLS_ROUTES,
    X_LISTENER_SETS,
)
from longshore.runtime.gathering import children, optional_children, owned
from longshore.runtime.queue import Key
from longshore.runtime.wiring import Context
from longshore.webapp import claims
from longshore.webapp.facts import Facts
from longshore.webapp.gateways import selects_by_label
from longshore.webapp.surroundings import Surroundings

Obj = dict[str, Any]
EXPOSED = "exposed"
"""What apps are found by that are exposed to the outside."""
FRESH = timedelta(seconds=20)


def slim_gateway(gateway: Obj) -> Obj:
    """A Gateway without what no decision reads; the number of attached routes changes with every app."""
    metadata, spec, status = gateway["metadata"], gateway["spec"], gateway.get("status") or {}
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
    told = [
        {key: each.get(key, "") for key in ("type", "status", "reason", "message")}
        for each in status.get("conditions", ())
    ]
    return gateway | {
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {key: spec[key] for key in ("listeners", "allowedListeners") if key in spec},
        "status": {"conditions": told, "addresses": status.get("addresses", [])},
    }


ROUTES = tuple(
    optional_children(EXPOSED, *resources)
    for resources in (
        (HTTP_ROUTES,),
        (GRPC_ROUTES,),
        TLS_ROUTES,
        TCP_ROUTES,
        (LISTENER_SETS,),
        (X_LISTENER_SETS,),
        (CERTIFICATES,),
    )
)
SHARED = (
    Watch(GATEWAYS, strip=slim_gateway, alternatives=(GATEWAYS,), wakes=EXPOSED),
    Watch(INGRESS_CLASSES, alternatives=(INGRESS_CLASSES,), wakes=EXPOSED, namespaced=False),
)
WATCHES = (children(INGRESSES), *ROUTES, *SHARED)


def index(app: Obj) -> list[str]:
    """What an app is found by on account of how it is exposed."""
    exposed = [EXPOSED] if (app.get("spec") or {}).get("expose") else []
    return [*exposed, *claims.index(app)]


async def with_surroundings(key: Key, facts: Facts, context: Context) -> Facts:
    """The facts, and what of the cluster matters to how the app is exposed."""
    uid, stores = facts.app["metadata"]["uid"], context.stores
    live = [
        each
        for watch in (children(INGRESSES), *ROUTES)
        for each in owned(stores[watch.key].by_index(str(key)), uid)
    ]
    if facts.spec.expose is None:
        return replace(facts, surroundings=Surroundings(live=live))
    gateways = _everything(stores[GATEWAYS.plural])
    wanted = claims.claims(facts.app) if "spec" in facts.app else frozenset()
    return replace(
        facts,
        surroundings=Surroundings(
            apis={each.kind: each.api_version for each in context.served.values()},
            gateways=[each for each in gateways if "deletionTimestamp" not in each["metadata"]],
            ingress_classes=_everything(stores[INGRESS_CLASSES.plural]),
            others=_others(key, wanted, context),
            namespace_labels=await _labels(key.namespace, context) if selects_by_label(gateways) else {},
            sees_all=not context.settings.namespaces,
            live=live,
        ),
    )


def _everything(store: Any) -> list[Obj]:
    return [each for each in (store.get(*name) for name in sorted(store.names())) if each is not None]


def _others(key: Key, wanted: frozenset[claims.Claim], context: Context) -> list[claims.Claimant]:
    apps = context.parents[key.kind]
    names = {name for value in claims.looked_up(wanted) for name in apps.names_by_index(value)}
    found = [apps.get(*name) for name in sorted(names - {(key.namespace, key.name)})]
    return [claims.Claimant.of(each) for each in found if each is not None]


async def _labels(namespace: str, context: Context) -> dict[str, str]:
    now, held = context.now(), context.labels.get(namespace)
    if held is not None and now - held[0] < FRESH:
        return held[1]
    try:
        live = await context.client.get(NAMESPACES, None, namespace)
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        live = {"metadata": {}}
    labels: dict[str, str] = live["metadata"].get("labels", {})
    context.labels[namespace] = (now, labels)
    return labels
