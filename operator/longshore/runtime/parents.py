"""kopf's part: it watches our own kinds and tells us of each event; nothing else of it is used.

Its change handlers would write annotations and finalizers; `on.event` writes nothing. It never tells of
objects that were deleted while it wasn't looking, so a list of names sweeps those out now and then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kopf

from longshore.cluster.client import PAGE, ApiError, Client
from longshore.cluster.credentials import Credentials
from longshore.cluster.store import Name, Store, name_of
from longshore.runtime.wiring import Kind

Obj = dict[str, Any]
log = logging.getLogger(__name__)
RESTART_SECONDS = 2.0
WAIT_FOR_CRDS_SECONDS = 5.0
_IDENTITY: Any = "longshore"
"""Without one kopf asks for the name of its user, which a user id in a container doesn't have."""


class Parents:
    """Feeds the stores of our own kinds; `on_change` hears of each change."""

    def __init__(
        self,
        credentials: Credentials,
        client: Client,
        kinds: Sequence[Kind],
        stores: Mapping[str, Store],
        namespaces: Sequence[str],
        on_change: Callable[[Kind, Obj], None],
    ) -> None:
        self._credentials, self._client, self._kinds, self._stores = credentials, client, kinds, stores
        self._namespaces, self._on_change = namespaces, on_change
        self.listed = asyncio.Event()

    async def run(self) -> None:
        """Keeps kopf going: it gives up on errors that pass, such as an expired watch.

        Returns when kopf ends without an error: it takes over SIGTERM and SIGINT, and one has come.
        """
        await self._served()
        while True:
            try:
                await self.sweep()
                self.listed.set()
                await kopf.operator(
                    registry=self._registry(),
                    settings=_quiet(),
                    identity=_IDENTITY,
                    standalone=True,
                    clusterwide=not self._namespaces,
                    namespaces=list(self._namespaces),
                    stop_flag=asyncio.Event(),
                )
                return
            except Exception as error:
                log.warning("the watch of our own kinds failed, starting it again: %s", error)
            await asyncio.sleep(RESTART_SECONDS)

    async def sweep(self) -> None:
        """Forgets objects that are gone, from a list of names alone."""
        for kind in self._kinds:
            for namespace in self._namespaces or (None,):
                names, version = await self._names(kind, namespace)
                for obj in self._stores[kind.name].sweep(names, version, namespace):
                    self._on_change(kind, obj)

    async def _names(self, kind: Kind, namespace: str | None) -> tuple[list[Name], int]:
        names: list[Name] = []
        token: str | None = None
        while True:
            page = await self._client.list_page(
                kind.resource, namespace, metadata_only=True, limit=PAGE, **{"continue": token}
            )
            names += map(name_of, page["items"])
            token = page["metadata"].get("continue")
            if not token:
                return names, int(page["metadata"]["resourceVersion"])

    async def _served(self) -> None:
        """Waits until the API server serves our kinds: kopf looks for them once."""
        for kind in self._kinds:
            told = False
            while True:
                try:
                    await self._client.list_page(
                        kind.resource, next(iter(self._namespaces), None), metadata_only=True, limit=1
                    )
                    break
                except ApiError as error:
                    if not told:
                        why = (
                            "its CustomResourceDefinition is not installed"
                            if error.status == 404
                            else str(error)
                        )
                        log.warning("waiting for %s: %s", kind.resource.plural, why)
                        told = True
                    await asyncio.sleep(WAIT_FOR_CRDS_SECONDS)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.ConnectionInfo:
            configuration = self._credentials.configuration
            header = (await self._credentials.authorization()).get("Authorization", "")
            scheme, _separator, value = header.partition(" ")  # in a pod it is "bearer"
            token = value if scheme.lower() == "bearer" else None
            return kopf.ConnectionInfo(
                server=self._credentials.server,
                ca_path=configuration.ssl_ca_cert,
                insecure=not configuration.verify_ssl,
                certificate_path=configuration.cert_file,
                private_key_path=configuration.key_file,
                token=token,
            )

        for kind in self._kinds:
            self._listen(registry, kind)
        return registry

    def _listen(self, registry: kopf.OperatorRegistry, kind: Kind) -> None:
        resource, store = kind.resource, self._stores[kind.name]

        @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)
        async def changed(event: Mapping[str, Any], **_: Any) -> None:
            obj = dict(event["object"])
            obj["metadata"] = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
            obj |= {"apiVersion": resource.api_version, "kind": kind.name}
            if store.remove(obj) if event["type"] == "DELETED" else store.put(obj):
                self._on_change(kind, obj)


def _quiet() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.batching.batch_window = 0
    return settings
