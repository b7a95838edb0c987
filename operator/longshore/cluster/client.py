"""Requests to the API server: one shared session, plain dicts, errors as values of one exception.

Writes ask `may_write` first, with nothing awaited in between: who is not the leader changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import orjson

from longshore.cluster.credentials import Credentials
from longshore.cluster.resources import LEASES, PODS, Resource

Obj = dict[str, Any]
Observe = Callable[[str, str, int, float], None]
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
PAGE = 500
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class ApiError(Exception):
    """The API server refused: `status` is HTTP's, 0 when no answer came; reason and message are the server's."""

    def __init__(
        self, status: int, body: Obj, verb: str, path: str, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.reason = str(body.get("reason") or "")
        self.message = str(body.get("message") or "")
        self.details: Obj = body.get("details") or {}
        self.verb, self.path, self.retry_after = verb, path, retry_after
        super().__init__(f"{verb} {path}: {status} {self.reason} {self.message}")


class NotLeader(Exception):
    """A write was asked of a replica that isn't the leader, or may no longer be."""


class Client:
    """A connection to one API server. Close it with `close()`."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        user_agent: str = "longshore",
        timeout_seconds: float = 30.0,
        max_connections: int = 32,
        observe: Observe = lambda verb, resource, code, seconds: None,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._credentials = credentials
        self._observe, self.may_write = observe, may_write
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session = aiohttp.ClientSession(
            base_url=credentials.server.rstrip("/") + "/",
            connector=aiohttp.TCPConnector(
                ssl=credentials.ssl_context() if credentials.server.startswith("https") else False, limit=0
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent, "Accept": "application/json"},
            auto_decompress=True,
            trust_env=False,
        )
        self._slots = asyncio.Semaphore(max_connections)

    async def close(self) -> None:
        await self._session.close()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Obj:
        return (await self._request("get", resource, resource.path(namespace, name)))[1]

    async def discover(self, etag: str = "") -> tuple[str, frozenset[tuple[str, str, str]] | None]:
        """What the API server serves outside the core group, as (group, version, plural), and the etag of the answer.

        None: the same as in the answer of that etag.
        """
        headers = await self._credentials.authorization() | {"Accept": DISCOVERY}
        if etag:
            headers["If-None-Match"] = etag
        started = time.monotonic()
        async with self._slots:
            try:
                async with self._session.get("apis", headers=headers, timeout=self._timeout) as answer:
                    raw = await answer.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _unreachable(error, "get", "/apis") from error
        self._observe("get", "apis", answer.status, time.monotonic() - started)
        if answer.status == 401:
            self._credentials.forget()
        if answer.status == 304:
            return etag, None
        if answer.status >= 400:
            raise _error(answer, raw, "get", "/apis")
        found = frozenset(
            (group["metadata"]["name"], version["version"], resource["resource"])
            for group in orjson.loads(raw)["items"]
            for version in group["versions"]
            for resource in version.get("resources", ())
        )
        return answer.headers.get("ETag", ""), found

    async def list_page(
        self, resource: Resource, namespace: str | None = None, **params: str | int | None
    ) -> Obj:
        """One page of a list; `params` are the query's, such as labelSelector, limit and continue."""
        return (await self._request("list", resource, resource.path(namespace), params=params))[1]

    async def list_all(
        self, resource: Resource, namespace: str | None = None, **params: str | int | None
    ) -> list[Obj]:
        """Every object, read in pages, each with its apiVersion and kind."""
        items: list[Obj] = []
        token: str | None = None
        while True:
            page = await self.list_page(resource, namespace, limit=PAGE, **params, **{"continue": token})
            for item in page["items"]:
                item |= {"apiVersion": resource.api_version, "kind": resource.kind}
            items += page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return items

    async def create(self, resource: Resource, namespace: str | None, body: Obj, *, manager: str) -> Obj:
        params = {"fieldManager": manager}
        return (await self._request("create", resource, resource.path(namespace), body=body, params=params))[
            1
        ]

    async def apply(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Obj,
        *,
        manager: str,
        force: bool,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> tuple[bool, Obj]:
        """Server-side apply. True with the object if it was created by this, False if it was there."""
        params: dict[str, str | int | None] = {
            "fieldManager": manager,
            "force": "true" if force else "false",
            "dryRun": "All" if dry_run else None,
        }
        path = resource.path(namespace, name, subresource)
        code, obj = await self._request("patch", resource, path, body=body, params=params, content_type=APPLY)
        return code == 201, obj

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Obj,
        *,
        manager: str,
        subresource: str | None = None,
    ) -> Obj:
        path, params = resource.path(namespace, name, subresource), {"fieldManager": manager}
        return (await self._request("patch", resource, path, body=body, params=params, content_type=MERGE))[1]

    async def set_managed_fields(
        self, resource: Resource, namespace: str | None, name: str, entries: list[Obj], version: str
    ) -> Obj:
        """Says who manages which fields, if the object still is at this resourceVersion."""
        body: list[Obj] = [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        path = resource.path(namespace, name)
        return (await self._request("patch", resource, path, body=body, content_type=JSON_PATCH))[1]

    async def replace(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Obj,
        *,
        manager: str,
        dry_run: bool = False,
    ) -> Obj:
        params: dict[str, str | int | None] = {
            "fieldManager": manager,
            "dryRun": "All" if dry_run else None,
        }
        path = resource.path(namespace, name)
        return (await self._request("update", resource, path, body=body, params=params))[1]

    async def delete(self, resource: Resource, namespace: str | None, name: str, *, uid: str) -> None:
        """Deletes the object if it still is the one of this uid; its dependents follow in the background."""
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        await self._request("delete", resource, resource.path(namespace, name), body=body)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        timeout_seconds: int,
        opened: Callable[[], None] = lambda: None,
        **params: str | int | None,
    ) -> AsyncIterator[Obj]:
        """Events of a watch until the server ends it; `opened` is called when it begins. Lines may be of any length.

        Raises:
            ApiError: also for an ERROR event in the stream, with the code that it carries.
        """
        query = {**params, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": timeout_seconds}
        path = resource.path(namespace)
        patience = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=timeout_seconds + 30)
        headers = await self._credentials.authorization()
        try:
            async with self._session.get(
                path.lstrip("/"), params=_known(query), headers=headers, timeout=patience
            ) as answer:
                self._observe("watch", resource.plural, answer.status, 0.0)
                if answer.status == 401:
                    self._credentials.forget()
                if answer.status >= 400:
                    raise _error(answer, await answer.read(), "watch", path)
                opened()
                rest = b""
                async for chunk in answer.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if line:
                            yield _event(line, path)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error, "watch", path) from error

    async def log(self, namespace: str, pod: str, **params: str | int | None) -> AsyncIterator[bytes]:
        """What a container writes, in pieces as they come; `params` are the query's, such as container and follow."""
        path, patience = (
            f"{PODS.path(namespace, pod)}/log",
            aiohttp.ClientTimeout(total=None, sock_connect=10),
        )
        headers = await self._credentials.authorization()
        try:
            async with self._session.get(
                path.lstrip("/"), params=_known(params), headers=headers, timeout=patience
            ) as answer:
                if answer.status >= 400:
                    raise _error(answer, await answer.read(), "get", path)
                async for chunk in answer.content.iter_any():
                    yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error, "get", path) from error

    async def _request(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        body: Obj | list[Obj] | None = None,
        params: dict[str, str | int | None] | dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> tuple[int, Obj]:
        method = {
            "get": "GET",
            "list": "GET",
            "create": "POST",
            "patch": "PATCH",
            "update": "PUT",
            "delete": "DELETE",
        }[verb]
        data = orjson.dumps(body) if body is not None else None
        started = time.monotonic()
        async with self._slots:
            headers = await self._credentials.authorization() | (
                {"Content-Type": content_type} if data else {}
            )
            if method != "GET" and resource is not LEASES and not self.may_write():
                raise NotLeader
            try:
                async with self._session.request(
                    method,
                    path.lstrip("/"),
                    data=data,
                    params=_known(params or {}),
                    headers=headers,
                    timeout=self._timeout,
                ) as answer:
                    raw = await answer.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                self._observe(verb, resource.plural, 0, time.monotonic() - started)
                raise _unreachable(error, verb, path) from error
        self._observe(verb, resource.plural, answer.status, time.monotonic() - started)
        if answer.status == 401:
            self._credentials.forget()
        if answer.status >= 400:
            raise _error(answer, raw, verb, path)
        return answer.status, orjson.loads(raw)


def _known(params: Any) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if value is not None}


def _event(line: bytes, path: str) -> Obj:
    event: Obj = orjson.loads(line)
    if event["type"] == "ERROR":
        raise ApiError(int(event["object"].get("code", 500)), event["object"], "watch", path)
    return event


def _error(answer: aiohttp.ClientResponse, raw: bytes, verb: str, path: str) -> ApiError:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = {"message": raw[:200].decode(errors="replace")}
    after = answer.headers.get("Retry-After", "")
    return ApiError(
        answer.status,
        body if isinstance(body, dict) else {},
        verb,
        path,
        float(after) if after.isdecimal() else None,
    )


def _unreachable(error: BaseException, verb: str, path: str) -> ApiError:
    return ApiError(0, {"reason": "Unreachable", "message": str(error) or type(error).__name__}, verb, path)
