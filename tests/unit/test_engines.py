"""APIs that come and go, against the edge of an API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from longshore.cluster.informer import Watch
from longshore.cluster.resources import HTTP_ROUTES, PODS, TLS_ROUTES, Resource
from longshore.cluster.store import Store
from longshore.runtime.engines import Engines

from tests.unit.fake_api import FakeApi, serving

Obj = dict[str, Any]
ROUTES = Watch(HTTP_ROUTES, alternatives=(HTTP_ROUTES,))
TLS = Watch(TLS_ROUTES[0], alternatives=TLS_ROUTES)
CLUSTER = Watch(PODS, name="of the cluster", alternatives=(HTTP_ROUTES,), namespaced=False)


class Server(FakeApi):
    """Serves some APIs, with one object each, and says which."""

    def __init__(self) -> None:
        super().__init__()
        self.served: list[Resource] = []
        self.forbidden = False
        self.same = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/apis":
            return self._discovery(request)
        if "watch" in request.query:
            return await super().handle(request)
        if self.forbidden:
            return web.json_response({"reason": "Forbidden"}, status=403)
        metadata = {"name": "shop", "namespace": "prod", "uid": "u1", "resourceVersion": "1"}
        return web.json_response({"items": [{"metadata": metadata}], "metadata": {"resourceVersion": "1"}})

    def _discovery(self, request: web.Request) -> web.Response:
        etag = str(hash(tuple(self.served)))
        if request.headers.get("If-None-Match") == etag:
            self.same += 1
            return web.Response(status=304)
        groups = [
            {"metadata": {"name": each.group}, "versions": [{"version": each.version, "resources": [{"resource": each.plural}]}]}
            for each in self.served
        ]  # fmt: skip
        return web.json_response({"items": groups}, headers={"ETag": etag})


def looking(
    test: Callable[[Server, Engines, dict[str, Store], dict[str, Resource], list[str]], Awaitable[None]],
    *scopes: str,
) -> None:
    """Runs a test with engines that look when they are told to."""

    async def run() -> None:
        server = Server()
        async with serving(server) as client:
            watches = (ROUTES, TLS, CLUSTER)
            stores = {each.key: Store() for each in watches}
            served: dict[str, Resource] = {}
            turned: list[str] = []
            engines = Engines(
                client, watches, stores, served, scopes or (None,), lambda watch, obj: None,
                lambda watch: turned.append(watch.key), 3600,
            )  # fmt: skip
            await test(server, engines, stores, served, turned)
            task = asyncio.create_task(engines.run())
            await engines.looked.wait()
            task.cancel()

    asyncio.run(run())


def test_what_is_served_is_watched_and_what_is_gone_is_forgotten() -> None:
    async def test(server: Server, engines: Engines, stores: Any, served: Any, turned: list[str]) -> None:
        await engines.look()
        assert (served, turned) == ({}, [])
        server.served = [HTTP_ROUTES]
        await engines.look()
        assert served["httproutes"] == HTTP_ROUTES
        assert "httproutes" in turned
        assert len(stores["httproutes"]) == 1
        server.served = []
        await engines.look()
        assert "httproutes" in served, "once may be a server that has just started"
        await engines.look()
        assert served == {}
        assert len(stores["httproutes"]) == 0
        assert turned.count("httproutes") == 2
        server.served = [HTTP_ROUTES]
        await engines.look()
        assert len(stores["httproutes"]) == 1, "the same object may come back"

    looking(test)


def test_one_that_is_back_at_once_was_never_gone() -> None:
    async def test(server: Server, engines: Engines, stores: Any, served: Any, turned: list[str]) -> None:
        for there in ([HTTP_ROUTES], [], [HTTP_ROUTES], [], [HTTP_ROUTES]):
            server.served = there
            await engines.look()
        assert turned.count("httproutes") == 1

    looking(test)


def test_the_best_version_that_is_served_is_taken_and_kept() -> None:
    async def test(server: Server, engines: Engines, stores: Any, served: Any, turned: list[str]) -> None:
        server.served = [TLS_ROUTES[2], TLS_ROUTES[1]]
        await engines.look()
        server.served = list(TLS_ROUTES)
        await engines.look()
        assert served["tlsroutes"] == TLS_ROUTES[1]
        server.served = [TLS_ROUTES[0]]
        await engines.look()
        await engines.look()
        await engines.look()
        assert served["tlsroutes"] == TLS_ROUTES[0]

    looking(test)


def test_without_the_right_to_list_them_they_are_not_there_and_nothing_waits() -> None:
    async def test(server: Server, engines: Engines, stores: Any, served: Any, turned: list[str]) -> None:
        server.served, server.forbidden = [HTTP_ROUTES], True
        await engines.look()
        assert served == {}
        assert engines.informers == []

    looking(test)


def test_an_unchanged_answer_is_not_read_again() -> None:
    async def test(server: Server, engines: Engines, stores: Any, served: Any, turned: list[str]) -> None:
        server.served = [HTTP_ROUTES]
        for _ in range(3):
            await engines.look()
        assert server.same == 2

    looking(test)


def test_confined_to_namespaces_nothing_of_the_cluster_is_watched() -> None:
    async def test(server: Server, engines: Engines, stores: Any, served: Any, turned: list[str]) -> None:
        server.served = [HTTP_ROUTES]
        await engines.look()
        assert list(served) == ["httproutes"]

    looking(test, "prod")
