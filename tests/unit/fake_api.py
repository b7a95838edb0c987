"""An API server's edge: answers over HTTP what a test has put into it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from kubernetes import client as kubernetes
from longshore.cluster.client import Client
from longshore.cluster.credentials import Credentials

Obj = dict[str, Any]


class FakeApi:
    """Lists, watches and single objects. `streams` are the events of one watch each; then watches stay open."""

    def __init__(self) -> None:
        self.items: list[Obj] = []
        self.version = 1
        self.streams: list[list[Obj] | int] = []
        self.objects: dict[str, Obj] = {}
        self.requests: list[str] = []
        self.bodies: list[Obj] = []
        """Of writes of single objects."""
        self.answers: list[tuple[int, Obj, dict[str, str]]] = []
        """Refusals that come before anything else."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}{'?watch' if 'watch' in request.query else ''}")
        if self.answers:
            code, body, headers = self.answers.pop(0)
            return web.json_response(body, status=code, headers=headers)
        if "watch" in request.query:
            return await self._watch(request)
        if request.method == "GET" and request.path.endswith("pods"):
            return web.json_response(
                {"items": self.items, "metadata": {"resourceVersion": str(self.version)}}
            )
        return await self._single(request)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        stream = self.streams.pop(0) if self.streams else None
        if isinstance(stream, int):
            reason = "Expired" if stream == 410 else "InternalError"
            return web.json_response({"reason": reason}, status=stream)
        answer = web.StreamResponse()
        await answer.prepare(request)
        for event in stream or ():
            await answer.write(json.dumps(event).encode() + b"\n")
        if stream is None:
            await asyncio.Event().wait()
        return answer

    async def _single(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        name = body.get("metadata", {}).get("name") or request.path.rpartition("/")[2]
        held = self.objects.get(name)
        if request.method == "GET":
            return web.json_response(held or {"reason": "NotFound"}, status=200 if held else 404)
        self.bodies.append(json.loads(json.dumps(body)))
        if held and body["metadata"].get("resourceVersion") != held["metadata"]["resourceVersion"]:
            return web.json_response({"reason": "Conflict"}, status=409)
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.objects[name] = body
        return web.json_response(body)


@asynccontextmanager
async def serving(api: FakeApi) -> AsyncIterator[Client]:
    """A client of the API, which answers on a free port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    credentials = Credentials.__new__(Credentials)
    credentials.configuration = kubernetes.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
    credentials.forget()
    client = Client(credentials, timeout_seconds=2)
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()
