"""APIs that a cluster may lack: their watches begin when an API is there, and end when it goes.

What is served is asked for every few seconds, in one request that is mostly answered with 304. An API counts as
gone when two answers in a row lack it: an API server that starts names its custom resources a moment late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from longshore.cluster.client import ApiError, Client
from longshore.cluster.informer import Informer, Watch
from longshore.cluster.resources import Resource
from longshore.cluster.store import Store

Obj = dict[str, Any]
log = logging.getLogger(__name__)


class Engines:
    """Watches of APIs that come and go. `run()` until it is cancelled."""

    def __init__(
        self,
        client: Client,
        watches: Sequence[Watch],
        stores: Mapping[str, Store],
        served: dict[str, Resource],
        scopes: Sequence[str | None],
        on_change: Callable[[Watch, Obj], None],
        on_turn: Callable[[Watch], None],
        seconds: float,
    ) -> None:
        """`served` is kept up to date: by the watch's name, what is served and wholly in the cache. `on_turn` is told
        of a watch whose API came or went."""
        self._client, self._stores, self._served, self._scopes = client, stores, served, scopes
        self._on_change, self._on_turn, self._seconds = on_change, on_turn, seconds
        self._watches = [each for each in watches if each.namespaced or scopes == (None,)]
        self._chosen: dict[str, Resource] = {}
        self._running: dict[str, list[tuple[Informer, asyncio.Task[None]]]] = {}
        self._missed: set[str] = set()
        self._etag = ""
        self._known: frozenset[tuple[str, str, str]] = frozenset()
        self.looked = asyncio.Event()
        """Set once it is known what is served, and caches of that are filled, or can't be."""

    @property
    def informers(self) -> list[Informer]:
        """Those whose cache has been filled."""
        return [each for pairs in self._running.values() for each, _ in pairs if each.synced.is_set()]

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._look()
                    self.looked.set()
                except ApiError as error:
                    log.warning("could not ask which APIs are served, trying again: %s", error)
                await asyncio.sleep(self._seconds)
        finally:
            for key in list(self._running):
                await self._stop(key)

    async def _look(self) -> None:
        self._etag, known = await self._client.discover(self._etag)
        self._known = self._known if known is None else known
        for watch in self._watches:
            held = self._chosen.get(watch.key)
            there = [
                each for each in watch.alternatives if (each.group, each.version, each.plural) in self._known
            ]
            if held is not None and held not in there:
                if watch.key in self._missed:
                    await self._end(watch)
                else:
                    self._missed.add(watch.key)
                continue
            self._missed.discard(watch.key)
            if held is None and there:
                self._begin(watch, there[0])
        for pairs in self._running.values():
            for _, task in pairs:
                if task.done():
                    task.result()  # it ends for the unforeseen only
        first_answers = [each.asked.wait() for pairs in self._running.values() for each, _ in pairs]
        await asyncio.gather(*first_answers)
        for watch in self._watches:
            pairs = self._running.get(watch.key, ())
            if watch.key not in self._served and pairs and all(each.synced.is_set() for each, _ in pairs):
                self._served[watch.key] = self._chosen[watch.key]
                self._on_turn(watch)

    def _begin(self, watch: Watch, resource: Resource) -> None:
        log.info("%s of %s are served: watching them", resource.plural, resource.api_version)
        chosen = watch.of(resource)
        self._chosen[watch.key], self._running[watch.key] = resource, []
        for scope in self._scopes:
            informer = Informer(
                self._client, chosen, self._stores[watch.key], lambda obj: self._on_change(watch, obj), scope
            )
            task = asyncio.create_task(informer.run(), name=watch.key)
            self._running[watch.key].append((informer, task))

    async def _end(self, watch: Watch) -> None:
        resource = self._chosen[watch.key]
        log.info("%s of %s are no longer served", resource.plural, resource.api_version)
        await self._stop(watch.key)
        store = self._stores[watch.key]
        store.clear()
        self._served.pop(watch.key, None)
        self._missed.discard(watch.key)
        self._on_turn(watch)

    async def _stop(self, key: str) -> None:
        pairs = self._running.pop(key)
        del self._chosen[key]
        for _, task in pairs:
            task.cancel()
        await asyncio.gather(*(task for _, task in pairs), return_exceptions=True)
