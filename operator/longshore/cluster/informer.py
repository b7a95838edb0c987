"""Keeps a Store up to date: list in pages, then watch; after an outage list again and sweep.

Deletions that nobody told us of are found by the sweep. Errors back off, also streams that the server
closes at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from longshore.cluster.client import PAGE, ApiError, Client
from longshore.cluster.resources import Resource
from longshore.cluster.store import Name, Store, name_of

Obj = dict[str, Any]
log = logging.getLogger(__name__)

STREAM_SECONDS = 290
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 10.0
HEALTHY_SECONDS = 1.0
"""A stream that lasted so long was worth its request: what comes after it is a first failure again."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Which objects to hold, and what of them."""

    resource: Resource
    label_selector: str | None = None
    name: str = ""
    """What its store is called; the plural, if nothing else is said."""
    index: Callable[[Obj], Iterable[str]] = lambda obj: ()
    strip: Callable[[Obj], Obj] = lambda obj: obj
    """Takes away what nothing reads; managedFields are gone already."""

    alternatives: tuple[Resource, ...] = ()
    """Where the cluster may lack the API: what will do, the best first. Without any it is always there."""
    wakes: str = ""
    """Those of our objects that the index lists under this are looked at when the API comes or goes; and when one of the
    objects changes in what is kept of it, if they are everybody's and not children."""
    namespaced: bool = True

    @property
    def key(self) -> str:
        return self.name or self.resource.plural

    def of(self, resource: Resource) -> Watch:
        """The same watch of another resource, or another version."""
        return replace(self, resource=resource, name=self.key)


class Informer:
    """One watch, cluster-wide or of one namespace, that feeds a Store."""

    def __init__(
        self,
        client: Client,
        watch: Watch,
        store: Store,
        on_change: Callable[[Obj], None],
        namespace: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._monotonic, self._sleep = monotonic, sleep
        self._client, self.watch, self.store, self._namespace = client, watch, store, namespace
        self._on_change = on_change
        self.synced = asyncio.Event()
        self.asked = asyncio.Event()
        """Set when the first list has been answered, be it by a refusal."""
        self._heard = self._monotonic()
        self._failing_since: float | None = None

    def silent_seconds(self) -> float:
        """How long the API server has not answered this informer; 0 while a stream is open."""
        return self._monotonic() - self._failing_since if self._failing_since is not None else 0.0

    def quiet_seconds(self) -> float:
        """Age of the last event, bookmarks included."""
        return self._monotonic() - self._heard

    async def run(self) -> None:
        """Lists and watches until cancelled."""
        failures, version = 0, ""
        while True:
            asked, failed, began = 0.0, False, None
            try:
                version = version or await self._list()
                began = self._monotonic()
                version = await self._follow(version)
            except ApiError as error:
                failed = True
                if self._failing_since is None:
                    self._failing_since = self._monotonic()
                if error.status in (410, 400) or error.reason == "Expired":
                    version, failures = "", min(failures, 1)
                self.asked.set()
                asked = error.retry_after or 0.0
                self._report(error, failures + 1)
            lasted = self._monotonic() - began if began is not None else 0.0
            if lasted >= HEALTHY_SECONDS:  # however it ended: single errors of a long life don't add up
                failures = 0
            if failed or lasted < HEALTHY_SECONDS:
                failures += 1
                longest = min(FIRST_BACKOFF_SECONDS * 2 ** (failures - 1), LONGEST_BACKOFF_SECONDS)
                await self._sleep(max(random.uniform(longest / 2, longest), asked))  # noqa: S311 - spreads load, no secret

    async def refresh(self) -> None:
        """Reads everything anew, beside the watch: afterwards nothing is missing that was written before.

        Raises:
            ApiError: the API server is unwell; what was read so far is held.
        """
        await self._list()

    async def _list(self) -> str:
        """Reads everything, sweeps what is gone, and returns the version to watch from."""
        names: list[Name] = []
        token: str | None = None
        while True:
            page = await self._client.list_page(
                self.watch.resource,
                self._namespace,
                labelSelector=self.watch.label_selector,
                limit=PAGE,
                **{"continue": token},
            )
            for item in page["items"]:
                names.append(name_of(item))
                self._take(item)
            token = page["metadata"].get("continue")
            if not token:
                break
        version = str(page["metadata"]["resourceVersion"])
        for obj in self.store.sweep(names, int(version), self._namespace):
            self._on_change(obj)
        self._heard = self._monotonic()
        self._answered()
        self.synced.set()
        self.asked.set()
        return version

    async def _follow(self, version: str) -> str:
        """Takes in events until the stream ends; returns the version that was reached."""
        stream = self._client.watch(
            self.watch.resource,
            self._namespace,
            timeout_seconds=STREAM_SECONDS,
            opened=self._answered,
            labelSelector=self.watch.label_selector,
            resourceVersion=version,
        )
        async for event in stream:
            self._heard = self._monotonic()
            obj = event["object"]
            version = obj["metadata"]["resourceVersion"]
            if event["type"] == "DELETED":
                if self.store.remove(obj):
                    self._on_change(obj)
            elif event["type"] != "BOOKMARK":
                self._take(obj)
        return version

    def _take(self, obj: Obj) -> None:
        obj["metadata"].pop("managedFields", None)
        obj |= {"apiVersion": self.watch.resource.api_version, "kind": self.watch.resource.kind}
        obj = self.watch.strip(obj)
        if self.store.put(obj):
            self._on_change(obj)

    def _answered(self) -> None:
        self._failing_since = None

    def _report(self, error: ApiError, failures: int) -> None:
        where = f"in namespace {self._namespace}" if self._namespace else "in the whole cluster"
        if error.status == 404:
            log.warning(
                "waiting for %s: its CustomResourceDefinition is not installed", self.watch.resource.plural
            )
        elif error.status == 403:
            log.error(
                "no right to list and watch %s %s: grant it to the operator's account",
                self.watch.resource.plural,
                where,
            )
        elif failures > 1:
            log.warning("watching %s %s failed, trying again: %s", self.watch.resource.plural, where, error)
