"""A proxy between one operator and the API server, on 127.0.0.1: it sees every request and can spoil any.

It speaks plain HTTP to the operator and is the administrator to the API server. Faults are decided per
request by `faults`; watch streams can be cut, expired, held back, or served from an older history.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp import web

from hack.cluster.apiserver import ApiServer

T = TypeVar("T")
logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # operators die in the middle of requests here
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(slots=True)
class Seen:
    """One request of the operator, and what became of it."""

    verb: str
    resource: str
    namespace: str
    name: str
    subresource: str
    at: float
    write: int = 0
    """The how manieth write since `start_plan`, from 1; 0 for reads and leases."""
    code: int = 0
    """What the API server answered; 0 if it was never asked."""
    fault: str = ""
    needless: bool = False
    """A write that changed nothing: the object has the version that an answer gave it before."""
    committed_at: float = 0.0

    @property
    def writes(self) -> bool:
        return self.verb in _VERBS.values() and self.resource != "leases"

    def __str__(self) -> str:
        about = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {about} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a request. `when` says at which moment: before it is sent on, after the API server has
    committed it but before the reply, or after the reply."""

    kind: str
    """error, drop, kill or delay."""
    when: str = "before"
    status: int = 503
    reason: str = ""
    retry_after: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind} {self.status if self.kind == 'error' else self.when}"


@dataclass(slots=True)
class _Stream:
    resource: str
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    expired: bool = False


class Proxy:
    """Runs in a thread of its own. Methods may be called from any thread."""

    def __init__(self, server: ApiServer, kill: Callable[[], None]) -> None:
        self._server, self._kill = server, kill
        self.faults: Callable[[Seen], Fault | None] = lambda seen: None
        self.on_commit: Callable[[Seen], None] = lambda seen: None
        self.seen: list[Seen] = []
        self.injected: list[str] = []
        self._streams: list[_Stream] = []
        self._held: set[str] = set()
        self._withheld: set[str] = set()
        self._older: dict[str, str] = {}
        self._floor: dict[str, int] = {}
        self._partitioned = False
        self._writes = 0
        self._versions: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._call(self._serve())
        self.kubeconfig = self._server.dir / f"kubeconfig-proxy-{self.port}"
        self.kubeconfig.write_text(json.dumps(_kubeconfig(f"http://127.0.0.1:{self.port}")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # What a campaign does.

    def start_plan(self) -> None:
        """Forgets what was seen; no faults."""

        def reset() -> None:
            self._writes = 0
            self.seen.clear()
            self.injected.clear()

        self._do(reset)
        self.calm()

    def start_counting(self) -> None:
        """Writes are counted anew; faults and what is held stay."""

        def reset() -> None:
            self._writes = 0

        self._do(reset)

    def calm(self) -> None:
        """No more faults: everything that was held comes through, what was served from old comes anew."""

        newest = self._newest_version() if self._withheld else 0

        def reset() -> None:
            self._floor.update(dict.fromkeys(self._withheld, newest))
            self.faults = lambda seen: None
            self.on_commit = lambda seen: None
            again = bool(self._withheld or self._older)
            self._held.clear()
            self._partitioned = False
            if again:
                for stream in self._streams:
                    stream.expired = stream.resource in self._withheld or stream.resource in self._older
                    if stream.expired:
                        stream.closing.set()
            self._withheld.clear()
            self._older.clear()

        self._do(reset)

    def hold(self, *resources: str) -> None:
        """Events of these come only after `calm`."""
        self._do(lambda: self._held.update(resources))

    def withhold(self, *resources: str) -> None:
        """Events of these never come; after `calm` the stream has expired, so that only a new list tells."""
        self._do(lambda: self._withheld.update(resources))

    def serve_older(self, version: str, *resources: str) -> None:
        """Lists of these show what was there at this version, and their watches stand still."""
        self._do(lambda: self._older.update(dict.fromkeys(resources, version)))

    def cut(self, expired: bool = False) -> None:
        """Ends every stream, as a restart of the API server does; or with 410 in the stream."""

        def end() -> None:
            for stream in self._streams:
                stream.expired = expired
                stream.closing.set()

        self._do(end)

    def partition(self, off: bool) -> None:
        """Nothing comes through, in neither direction; connections stay open."""

        def set_() -> None:
            self._partitioned = off

        self._do(set_)

    def writes(self, namespace: str = "") -> list[Seen]:
        """Writes that the API server committed."""
        return [
            each
            for each in list(self.seen)
            if each.writes and 200 <= each.code < 300 and namespace in ("", each.namespace)
        ]

    # How it works.

    def _newest_version(self) -> int:
        async def ask() -> int:
            async with self._session.get(self._server.url + "/api/v1/namespaces?limit=1") as answer:
                return int((await answer.json())["metadata"]["resourceVersion"])

        return self._call(ask())

    def _do(self, work: Callable[[], Any]) -> None:
        async def run() -> None:
            work()

        self._call(run())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _serve(self) -> int:
        context = ssl.create_default_context(cafile=str(self._server.ca_file))
        folder = self._server.dir
        context.load_cert_chain(folder / "user-longshore-admin.crt", folder / "user-longshore-admin.key")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        app = web.Application(client_max_size=8 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _close(self) -> None:
        for stream in self._streams:
            stream.closing.set()
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = _describe(request)
        self.seen.append(seen)
        body = await request.read()
        while self._partitioned:
            await asyncio.sleep(0.05)
            if request.transport is None:
                raise web.HTTPBadGateway
        if seen.verb == "create":
            seen.name = json.loads(body)["metadata"].get("name", "")
        if seen.writes:
            self._writes += 1
            seen.write = self._writes
        fault = self.faults(seen)
        if fault is not None:
            seen.fault = str(fault)
            self.injected.append(f"{fault} {seen}")
        if fault is not None and fault.when == "before":
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "error":
                return _error(fault)
            else:
                return self._break_off(request, fault)
        if seen.verb == "watch":
            return await self._watch(request, seen)
        return await self._forward(request, seen, body, fault)

    async def _forward(
        self, request: web.Request, seen: Seen, body: bytes, fault: Fault | None
    ) -> web.StreamResponse:
        try:
            async with self._session.request(
                request.method,
                self._server.url + self._target(request, seen),
                data=body or None,
                headers=_headers(request),
            ) as answer:
                content = await answer.read()
        except aiohttp.ClientError:
            return self._break_off(request, Fault("drop"))
        seen.code, seen.committed_at = answer.status, time.monotonic()
        if seen.verb in ("get", "create", "patch") and answer.status < 300:
            self._compare(seen, content)
        if seen.writes or seen.resource == "leases":
            self.on_commit(seen)
        if fault is not None and fault.when == "committed":
            return self._break_off(request, fault)
        while self._partitioned:
            await asyncio.sleep(0.05)
        headers = {
            name: answer.headers[name] for name in ("Content-Type", "Retry-After") if name in answer.headers
        }
        response = web.Response(status=answer.status, body=content, headers=headers)
        if fault is not None and fault.when == "replied":
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await response.prepare(request)
                await response.write_eof()
                await asyncio.sleep(0.002)
            self._kill()
        return response

    def _compare(self, seen: Seen, content: bytes) -> None:
        metadata = json.loads(content)["metadata"]
        about, version = f"{seen.resource}/{metadata.get('uid')}", metadata.get("resourceVersion")
        seen.needless = seen.verb == "patch" and self._versions.get(about) == version
        self._versions[about] = version

    def _break_off(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.kind == "kill":
            self._kill()
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)

    def _target(self, request: web.Request, seen: Seen) -> str:
        target = request.path_qs
        selector = request.query.get("labelSelector", "managed-by")
        if seen.verb == "list" and seen.resource in self._older and "managed-by" in selector:
            # What informers list; questions about single objects are answered as ever.
            query = {
                name: value
                for name, value in request.query.items()
                if name not in ("resourceVersion", "resourceVersionMatch")
            }
            if "continue" not in query:
                query |= {
                    "resourceVersion": self._older[seen.resource],
                    "resourceVersionMatch": "Exact",
                }
            target = str(request.rel_url.with_query(query))
        return target

    async def _watch(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        stream = _Stream(seen.resource)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if int(request.query.get("resourceVersion") or 0) < self._floor.get(seen.resource, 0):
            await response.prepare(request)
            await response.write(_EXPIRED)
            return response
        async with self._session.get(
            self._server.url + request.path_qs,
            headers=_headers(request),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            seen.code = answer.status
            if answer.status >= 400:
                return web.Response(status=answer.status, body=await answer.read())
            await response.prepare(request)
            self._streams.append(stream)
            reader = asyncio.create_task(self._copy(answer, response, stream))
            closing = asyncio.create_task(stream.closing.wait())
            try:
                await asyncio.wait([reader, closing], return_when=asyncio.FIRST_COMPLETED)
                if stream.expired:
                    await response.write(_EXPIRED)
            except ConnectionError:
                pass
            finally:
                self._streams.remove(stream)
                for task in (reader, closing):
                    task.cancel()
                await asyncio.gather(reader, closing, return_exceptions=True)
        if request.transport is not None:
            request.transport.close()
        return response

    async def _copy(
        self, answer: aiohttp.ClientResponse, response: web.StreamResponse, stream: _Stream
    ) -> None:
        rest = b""
        try:
            async for chunk in answer.content.iter_any():
                whole, newline, rest_ = (rest + chunk).rpartition(b"\n")
                rest = rest_
                while self._partitioned or stream.resource in self._held or stream.resource in self._older:
                    await asyncio.sleep(0.02)
                if stream.resource not in self._withheld and whole:
                    await response.write(whole + newline)
        except (ConnectionError, aiohttp.ClientError):
            return


_EXPIRED = (
    json.dumps(
        {
            "type": "ERROR",
            "object": {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": "too old resource version",
                "reason": "Expired",
                "code": 410,
            },
        }
    ).encode()
    + b"\n"
)


def _describe(request: web.Request) -> Seen:
    parts = request.path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = (*rest, "", "", "")[:3]
    verb = _VERBS.get(request.method, "get" if name else "list")
    if verb == "list" and request.query.get("watch") == "true":
        verb = "watch"
    return Seen(verb, resource, namespace, name, subresource, time.monotonic())


def _headers(request: web.Request) -> dict[str, str]:
    kept = ("Content-Type", "Accept", "User-Agent")
    return {name: request.headers[name] for name in kept if name in request.headers} | {
        "Accept-Encoding": "identity"
    }


def _error(fault: Fault) -> web.Response:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "injected",
        "reason": fault.reason,
        "code": fault.status,
    }
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return web.json_response(status, status=fault.status, headers=headers)


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": {"server": server}}],
        "users": [{"name": "proxy", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        "current-context": "proxy",
    }
