"""The operator as a whole: what runs beside what, how keys come in, how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from longshore import __version__
from longshore.cluster.apply import Applier
from longshore.cluster.client import ApiError, Client, NotLeader
from longshore.cluster.credentials import Credentials
from longshore.cluster.informer import Informer, Watch
from longshore.cluster.lease import LeaderElection, Timing
from longshore.cluster.resources import NAMESPACES, NODES, Resource
from longshore.cluster.store import Store
from longshore.runtime.admitter import BATCHJOB, ENVIRONMENT, JOBQUEUE, QUEUED_INDEX, Admitter
from longshore.runtime.engines import Engines
from longshore.runtime.gathering import ALL_NAMESPACES, ALL_NODES, ALLOWED_ACCOUNTS, parents_by_label
from longshore.runtime.queue import Key, WorkQueue
from longshore.runtime.settings import Settings
from longshore.runtime.wiring import Context, Kind
from longshore.telemetry.health import HealthServer
from longshore.telemetry.metrics import Metrics
from longshore.workload.names import HASH_ANNOTATION, MANAGER

Obj = dict[str, Any]
log = logging.getLogger(__name__)
LAST_CALL_SECONDS = 10.0


class Operator:
    """One replica. `run()` returns when it was told to stop."""

    def __init__(self, settings: Settings, credentials: Credentials, kinds: Sequence[Kind]) -> None:
        kinds = [kind for kind in kinds if kind.namespaced or not settings.namespaces]
        self.settings, self.kinds = settings, {kind.name: kind for kind in kinds}
        self.metrics = Metrics()
        self._busy: set[str] = set()
        self.queue = WorkQueue(
            time.monotonic,
            base_seconds=settings.backoff_base_seconds,
            max_seconds=settings.backoff_max_seconds,
        )
        self.client = Client(
            credentials,
            user_agent=f"longshore/{__version__}",
            timeout_seconds=settings.request_timeout_seconds,
            max_connections=settings.max_connections,
            observe=self.metrics.observe_request,
            may_write=self.leading,
        )
        timing = Timing(
            settings.lease_duration_seconds,
            settings.lease_renew_deadline_seconds,
            settings.lease_retry_seconds,
        )
        self.election = LeaderElection(
            self.client,
            settings.lease_namespace or credentials.own_namespace,
            settings.lease_name,
            f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}",
            timing,
            time.monotonic,
            on_started=self.lead,
        )
        parents = {kind.name: Store(partial(_index, kind), kind.state) for kind in kinds}
        for kind in kinds:
            parents[kind.name].listeners.append(partial(self._turned, kind))
        scopes = settings.namespaces or (None,)
        watches = {watch.key: watch for kind in kinds for watch in kind.watches}
        stores = {name: Store(watch.index) for name, watch in watches.items()}
        self.informers = [
            Informer(self.client, Watch(kind.resource, name=kind.name), parents[kind.name], self._parent_changed, scope)
            for kind in kinds
            for scope in scopes
        ] + [
            Informer(self.client, watch, stores[name], partial(self._child_changed, watch), scope)
            for name, watch in watches.items()
            for scope in scopes
            if not watch.alternatives
        ]  # fmt: skip
        served: dict[str, Resource] = {}
        optional = [watch for watch in watches.values() if watch.alternatives]
        for watch in optional:
            if watch.label_selector is None:
                stores[watch.key].listeners.append(partial(self._shared_changed, watch))
        self.engines = Engines(
            self.client, optional, stores, served, scopes, self._child_changed, self._wake, settings.discovery_seconds
        )  # fmt: skip
        applier = Applier(self.client, MANAGER, HASH_ANNOTATION)
        self.context = Context(
            self.client,
            applier,
            settings,
            parents,
            stores,
            lambda: datetime.now(UTC),
            served=served,
            wake=self.queue.add,
        )
        self._on_demand = {
            watch.resource.plural: Informer(self.client, watch, Store(), lambda obj: None)
            for watch in (ALL_NODES, ALL_NAMESPACES)
        }
        self._demanded: dict[str, asyncio.Task[None]] = {}
        if JOBQUEUE in parents:
            stores |= {name: informer.store for name, informer in self._on_demand.items()}
            self.context.admitter = Admitter(
                parents,
                stores,
                self.queue,
                self.context.now,
                self.leading,
                self._read_queues,
                partial(self._demand, NODES.plural),
                partial(self._demand, NAMESPACES.plural),
            )
        self.health = HealthServer(
            settings.health_host, settings.health_port, self.metrics.registry, self.unhealthy, self.unready,
            lambda: "leader" if self.leading() else "standby",
        )  # fmt: skip
        self._measure()

    def leading(self) -> bool:
        return not self.settings.leader_elect or self.election.is_leader()

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT; then lets reconciles end, gives the lease back and returns."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        port = await self.health.start()
        log.info("serving health and metrics on port %d", port)
        background = [
            asyncio.create_task(informer.run(), name=informer.watch.key) for informer in self.informers
        ]
        background.append(asyncio.create_task(self.engines.run(), name="engines"))
        background.append(asyncio.create_task(self._resync(), name="resync"))
        if not self.settings.leader_elect:
            self.lead()
        election = (
            asyncio.create_task(self.election.run(), name="election") if self.settings.leader_elect else None
        )
        workers = [
            asyncio.create_task(self._work(stop), name=f"worker-{number}")
            for number in range(self.settings.workers)
        ]
        watched = [*background, *workers, *([election] if election else [])]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait([stopped, *watched], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        log.info("stopping")
        await self._end(workers, background, election)
        for task in done:
            task.result()

    async def _end(
        self,
        workers: list[asyncio.Task[None]],
        background: list[asyncio.Task[None]],
        election: asyncio.Task[None] | None,
    ) -> None:
        for task in workers:
            if task.get_name() not in self._busy:
                task.cancel()
        await asyncio.wait(workers, timeout=LAST_CALL_SECONDS)
        if self.context.admitter is not None:
            self.context.admitter.stop()
        background.extend(self._demanded.values())
        for task in (*workers, *background, *([election] if election else [])):
            task.cancel()
        await asyncio.gather(*workers, *background, *([election] if election else []), return_exceptions=True)
        await self.health.stop()
        await self.client.close()

    def lead(self) -> None:
        """This replica has become the leader."""
        self.enqueue_all()
        if self.context.admitter is not None:
            self.context.admitter.start()

    def enqueue_all(self) -> None:
        """Every object is looked at: on becoming the leader, and at each resync."""
        for name, store in self.context.parents.items():
            for namespace, each in store.names():
                self.queue.add(Key(name, namespace, each))

    def unhealthy(self) -> list[str]:
        """What a restart might mend."""
        limit = self.settings.stale_after_seconds
        problems = [
            f"the cache of {each.watch.key} could not be refreshed for {each.silent_seconds():.0f} s"
            for each in (*self.informers, *self.engines.informers)
            if each.silent_seconds() > limit
        ]
        if self.leading() and self.queue.stuck_seconds() > limit:
            problems.append(
                f"keys are due, and for {self.queue.stuck_seconds():.0f} s no reconcile has come to an end"
            )
        return problems

    def unready(self) -> list[str]:
        """What must come before this replica can lead."""
        missing = [each.watch.key for each in self.informers if not each.synced.is_set()]
        unknown = [] if self.engines.looked.is_set() else ["it is not known yet which APIs are served"]
        return [f"the cache of {name} is not filled yet" for name in missing] + unknown

    async def _read_queues(self) -> None:
        """Queues, environments and jobs as they are now, whatever a leader of before wrote last."""
        for informer in self.informers:
            await informer.synced.wait()
        for kind in (JOBQUEUE, ENVIRONMENT, BATCHJOB):
            for informer in self.informers:
                if informer.watch.key == kind:
                    await informer.refresh()
            if kind == JOBQUEUE and not len(self.context.parents[JOBQUEUE]):
                return  # nobody was admitted, for there is no queue

    def _demand(self, plural: str) -> asyncio.Event:
        """Nodes and namespaces are watched from when they are first needed; set once they are known."""
        informer = self._on_demand[plural]
        if plural not in self._demanded:
            self._demanded[plural] = asyncio.create_task(informer.run(), name=plural)
        return informer.synced

    def _parent_changed(self, obj: Obj) -> None:
        if self.leading():
            self.queue.add(Key(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))

    def _turned(self, kind: Kind, before: Obj | None, now: Obj | None) -> None:
        """Those that wait for an object of ours, and the one that it was made by, are looked at when it came, went,
        or what others go by has changed."""
        if not self.leading():
            return
        self._claims_changed(kind, before, now)
        if before and now and kind.standing(before) == kind.standing(now):
            return
        obj = now or before or {}
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        for owner in obj["metadata"].get("ownerReferences", ()):
            if owner["kind"] in self.kinds:
                self.queue.add(Key(owner["kind"], namespace, owner["name"]))
        for name_of_kind, store in self.context.parents.items():
            for _, each in store.names_by_index(str(Key(kind.name, namespace, name))):
                self.queue.add(Key(name_of_kind, namespace, each))

    def _claims_changed(self, kind: Kind, before: Obj | None, now: Obj | None) -> None:
        """Those are looked at that claim what the object has begun or ceased to claim, or to hold."""
        changed = set(kind.claims(before) if before else ()) ^ set(kind.claims(now) if now else ())
        for value in {each.partition("|")[0] for each in changed}:
            for namespace, name in self.context.parents[kind.name].names_by_index(value):
                self.queue.add(Key(kind.name, namespace, name))

    def _shared_changed(self, watch: Watch, before: Obj | None, now: Obj | None) -> None:
        """An object that is everybody's: counts are none of what is kept of it, so that they wake nobody."""
        if before and now and _lasting(before) == _lasting(now):
            return
        self._wake(watch)

    def _wake(self, watch: Watch) -> None:
        """Those of our objects are looked at that the watch is for."""
        if not self.leading():
            return
        for name, store in self.context.parents.items():
            for namespace, each in store.names_by_index(watch.wakes):
                self.queue.add(Key(name, namespace, each))

    def _child_changed(self, watch: Watch, obj: Obj) -> None:
        if not self.leading():
            return
        namespace = obj["metadata"].get("namespace", "")
        if watch.key == ALLOWED_ACCOUNTS:
            self._enqueue_users_of(namespace, obj["metadata"]["name"])
            return
        owners = {
            Key(owner["kind"], namespace, owner["name"])
            for owner in obj["metadata"].get("ownerReferences", ())
        }
        for key in owners | set(parents_by_label(obj)):
            if key.kind in self.kinds:
                self.queue.add(key)

    def _enqueue_users_of(self, namespace: str, account: str) -> None:
        for name, store in self.context.parents.items():
            for _, each in store.names_by_index(f"{namespace}/{account}"):
                self.queue.add(Key(name, namespace, each))

    async def _work(self, stop: asyncio.Event) -> None:
        for informer in self.informers:
            await informer.synced.wait()
        await self.engines.looked.wait()
        name = asyncio.current_task().get_name()  # type: ignore[union-attr]
        while not stop.is_set():
            key = await self.queue.get()
            if not self.leading():
                self.queue.done(key, failed=False)
                self.queue.forget()
                continue
            self._busy.add(name)
            await self._reconcile(key)
            self._busy.discard(name)
            # Thousands of reconciles that write nothing mustn't keep the lease waiting.
            await asyncio.sleep(0)

    async def _reconcile(self, key: Key) -> None:
        began, result, retry_after = time.monotonic(), "ok", None
        try:
            again = await self.kinds[key.kind].reconcile(key, self.context)
            if again is not None:
                self.queue.add_after(key, again)
        except NotLeader:
            result = "not_leader"
        except ApiError as error:
            result, retry_after = "api_error", error.retry_after
            log.warning("will try again: %s", error, extra={"key": str(key)})
        except Exception:
            result = "unforeseen"
            log.exception("unforeseen", extra={"key": str(key)})
        self.metrics.reconciles.labels(key.kind, result).inc()
        self.metrics.reconcile_seconds.labels(key.kind).observe(time.monotonic() - began)
        self.queue.done(key, failed=result in ("api_error", "unforeseen"), retry_after=retry_after)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self.settings.resync_seconds)
            if self.leading():
                self.enqueue_all()

    def _measure(self) -> None:
        metrics, queue = self.metrics, self.queue
        metrics.gauge("longshore_leader", "1 if this replica leads.", lambda: float(self.leading()))
        metrics.gauge("longshore_queue_depth", "Keys that are due.", lambda: float(len(queue)))
        metrics.gauge(
            "longshore_queue_oldest_seconds", "How long the oldest due key has waited.", queue.oldest_seconds
        )
        metrics.gauge(
            "longshore_queue_retrying", "Keys whose last reconcile failed.", lambda: float(queue.retrying)
        )
        metrics.table("longshore_cache_objects", "Objects in a cache.", ["cache"], self._sizes)
        metrics.table(
            "longshore_cache_silent_seconds",
            "How long a cache could not be refreshed.",
            ["cache"],
            self._silence,
        )
        metrics.table(
            "longshore_cache_quiet_seconds",
            "Age of the last event of a cache, bookmarks included.",
            ["cache"],
            lambda: [
                ((each.watch.key,), each.quiet_seconds())
                for each in (*self.informers, *self.engines.informers)
            ],
        )
        for kind in self.kinds.values():
            name, what = f"longshore_{kind.resource.plural}", f"{kind.name}s, by {kind.state_name}."
            metrics.table(name, what, [kind.state_name], partial(self._states, kind.name))

    def _sizes(self) -> Iterable[tuple[tuple[str, ...], float]]:
        everything = {**self.context.stores, **self.context.parents}
        return [((name,), float(len(store))) for name, store in everything.items()]

    def _silence(self) -> Iterable[tuple[tuple[str, ...], float]]:
        return [
            ((each.watch.key,), each.silent_seconds()) for each in (*self.informers, *self.engines.informers)
        ]

    def _states(self, kind: str) -> Iterable[tuple[tuple[str, ...], float]]:
        counts = self.context.parents[kind].counts
        return [((state,), float(count)) for state, count in counts.items() if count]


def _lasting(obj: Obj) -> Obj:
    return obj | {
        "metadata": {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    }


def _index(kind: Kind, parent: Obj) -> Iterable[str]:
    yield from _by_use(parent)
    yield from kind.index(parent)


def _by_use(parent: Obj) -> Iterable[str]:
    """By the account that it names, and whether it waits in queues at all."""
    spec = parent.get("spec", {})
    if name := spec.get("serviceAccountName"):
        yield f"{parent['metadata']['namespace']}/{name}"
    if "queue" in spec:
        yield QUEUED_INDEX
