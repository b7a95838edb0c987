"""What is decided is written for what it was decided on."""

from __future__ import annotations

import asyncio
from typing import Any

from longshore.cluster.apply import Applier
from longshore.cluster.store import Store
from longshore.runtime.queue import Key
from longshore.runtime.reconciler import carry_out
from longshore.runtime.settings import Settings
from longshore.runtime.wiring import Context
from longshore.webapp.reconcile import KIND, gather
from longshore.workload.decision import Decision, Refusal

from tests.unit.facts import NOW, UID, app_facts
from tests.unit.fake_api import FakeApi, serving

Obj = dict[str, Any]
KEY = Key("WebApp", "prod", "shop")


def app(uid: str, version: int) -> Obj:
    metadata = {"name": "shop", "namespace": "prod", "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": KIND.resource.api_version, "kind": "WebApp", "metadata": metadata, "spec": {}}


def test_a_status_does_not_get_into_an_object_that_came_while_it_was_decided_on() -> None:
    """The status subresource ignores the uid: only the version tells the server which object is meant."""
    api, parents = FakeApi(), Store()
    parents.put(app("old", 10))
    api.objects["shop"] = app("new", 20)

    async def decide(obj: Obj, refusal: Refusal | None) -> Decision:
        if obj["metadata"]["uid"] == "old":
            parents.remove(app("old", 11))
            parents.put(app("new", 20))
        return Decision(status={"url": f"decided on the {obj['metadata']['uid']} one"})

    async def run() -> None:
        async with serving(api) as client:
            context = Context(
                client, Applier(client, "m", "h"), Settings(), {"WebApp": parents}, {}, lambda: NOW
            )
            await carry_out(KIND, KEY, decide, context)

    asyncio.run(run())
    assert [(each["metadata"]["uid"], each["metadata"]["resourceVersion"], each["status"]["url"]) for each in api.bodies] == [
        ("old", "10", "decided on the old one"), ("new", "20", "decided on the new one"),
    ]  # fmt: skip


def test_a_good_revision_that_the_cache_lacks_is_still_there_to_go_back_to() -> None:
    """After a failover one cache may be behind another: what the status names is looked for on the server."""
    api = FakeApi()
    metadata = {
        "name": "shop-good",
        "namespace": "prod",
        "uid": "revision-1",
        "resourceVersion": "5",
        "labels": {"longshore.dev/webapp": "shop"},
        "ownerReferences": [{"kind": "WebApp", "name": "shop", "uid": UID, "controller": True}],
    }
    api.objects["shop-good"] = {"metadata": metadata, "revision": 1, "data": {"spec": {}}}
    facts = app_facts(status={"revisions": [{"name": name} for name in ("shop-good", "shop-gone")]})
    stores = {watch.key: Store(watch.index) for watch in KIND.watches}

    async def run() -> list[Obj]:
        async with serving(api) as client:
            context = Context(client, Applier(client, "m", "h"), Settings(), {}, stores, lambda: NOW)
            return (await gather(KEY, facts.app, facts.spec, None, context)).revisions

    assert [each["metadata"]["name"] for each in asyncio.run(run())] == ["shop-good"]
