"""The leader's queues: kept up to date from the caches, and asked by whoever reconciles a BatchJob.

What is taken is what statuses say, and what was granted and isn't in a status yet. On taking over, everything
is read anew before anybody is admitted: what the leader of before has written is known then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from longshore.api.computeenvironment import ComputeEnvironmentSpec
from longshore.api.jobqueue import JobQueueSpec
from longshore.cluster.client import ApiError
from longshore.cluster.resources import JOBS, NAMESPACES, NODES
from longshore.cluster.store import Listener, Store
from longshore.queueing.admission import Admission
from longshore.queueing.amounts import Amounts
from longshore.queueing.explain import explain, misplaced
from longshore.queueing.model import Claim, Request, Ticket
from longshore.queueing.nodes import Node, allocatable, node_of
from longshore.queueing.objects import (
    ENDED,
    claim_of,
    environment_of,
    history_of,
    is_queued,
    queue_of,
    request_of,
    says_all,
)
from longshore.runtime.queue import Key, WorkQueue

Obj = dict[str, Any]
log = logging.getLogger(__name__)

BATCHJOB, JOBQUEUE, ENVIRONMENT = "BatchJob", "JobQueue", "ComputeEnvironment"
QUEUED_INDEX = "queued"
"""Under which the store of BatchJobs lists those that name a queue."""
REFRESH_SECONDS = 2.0
"""Statuses of queues and environments, and places in line, are written at most this often."""
PAUSE_SECONDS = 1.0
NOTHING: tuple[str, int | None] = ("", None)
NODES_SECONDS = 30.0
"""How long nodes and namespaces are waited for on taking over."""
AT_ONCE = 100
"""Objects that are read on taking over before others get their turn."""


class Admitter:
    """`refresh` reads queues, environments and jobs anew; `watch_nodes` and `watch_namespaces` are called when those are
    needed."""

    def __init__(
        self,
        parents: Mapping[str, Store],
        stores: Mapping[str, Store],
        keys: WorkQueue,
        now: Callable[[], datetime],
        leading: Callable[[], bool],
        refresh: Callable[[], Awaitable[None]],
        watch_nodes: Callable[[], asyncio.Event],
        watch_namespaces: Callable[[], asyncio.Event],
    ) -> None:
        self._parents, self._stores, self._keys = parents, stores, keys
        self._now, self._leading, self._refresh = now, leading, refresh
        self._watch_nodes, self._watch_namespaces = watch_nodes, watch_namespaces
        self.admission = Admission()
        self.nodes: dict[str, Node] = {}
        self.namespaces: dict[str, Obj] = {}
        """Labels of each, once a queue selects namespaces by them."""
        self._granted: dict[str, Claim] = {}
        """What was granted and isn't in a status yet."""
        self._told: dict[str, tuple[str, int | None]] = {}
        """Reason and place that each waiting job was told last."""
        self._listening = self._open = False
        self._lingering: dict[str, Key] = {}
        """Jobs whose BatchJob is gone, and that haven't ended yet."""
        self._task: asyncio.Task[None] | None = None
        self._soon = self._regrouping = False
        parents[BATCHJOB].listeners.append(_hear(self._batchjob_changed))
        parents[JOBQUEUE].listeners.append(_hear(self._queue_changed))
        parents[ENVIRONMENT].listeners.append(_hear(self._environment_changed))
        stores[NODES.plural].listeners.append(_hear(self._node_changed))
        stores[NAMESPACES.plural].listeners.append(_hear(self._namespace_changed))
        stores[JOBS.plural].listeners.append(_hear(self._job_changed))

    def start(self) -> None:
        """This replica leads from now on."""
        self.stop()
        self._task = asyncio.create_task(self._take_over(), name="admission")

    def stop(self) -> None:
        self._listening = self._open = False
        if self._task is not None:
            self._task.cancel()

    def is_open(self) -> bool:
        """Whether jobs are admitted."""
        return self._open and self._leading()

    def ask(self, batchjob: Obj, spec: Obj) -> Ticket | None:
        """Room for the job's next attempt, which runs `spec`; None while nothing can be said."""
        if not self.is_open():
            return None
        uid = batchjob["metadata"]["uid"]
        held: Obj = (batchjob.get("status") or {}).get("queue", {})
        if "environment" in held and uid not in self._granted:
            # Of an attempt that has ended, or in an environment that is gone: the status has to say so first.
            return None
        if uid not in self._granted and self.admission.waiting(uid) != (
            request := request_of(batchjob, spec)
        ):
            self.admission.ask(request)
            self._touch(request.queue)
            self._settle()
        if (claim := self._granted.get(uid)) is not None:
            self._told.pop(uid, None)
            return Ticket(environment=claim.environment)
        wait = explain(self.admission, uid)
        self._told[uid] = wait.reason, wait.position
        return Ticket(wait=wait)

    def withdraw(self, uid: str) -> None:
        """The job doesn't ask for room: what was granted and isn't in its status is free again."""
        self._told.pop(uid, None)
        if (waited := self.admission.waiting(uid)) is not None:
            self.admission.withdraw(uid)
            self._touch(waited.queue)
            self._settle_soon()
        if self._granted.pop(uid, None) is not None:
            self._release(uid)
            self._settle_soon()

    def tell(self, queue: str) -> None:
        """Has those looked at whose place in the line has changed."""
        if (line := self.admission.lines.get(queue)) is None:
            return
        for uid in dict.fromkeys(misplaced(line, lambda uid: self._told.get(uid, NOTHING)[1])):
            if (request := line.get(uid)) is not None:
                self._keys.add(_key(request))

    def capacity_of(self, spec: ComputeEnvironmentSpec) -> tuple[Amounts, int | None]:
        """What the nodes of an Unmanaged environment can allocate, and their number; None where it isn't known."""
        if spec.type == "Managed" or not self._watch_nodes().is_set():
            return Amounts(), None
        return allocatable(self.nodes.values(), spec.placement)

    def count(self, obj: Obj, spec: ComputeEnvironmentSpec) -> None:
        """The environment as it is now; whoever waits for what has become free is admitted."""
        name = obj["metadata"]["name"]
        if self.admission.set_environment(environment_of(name, spec, self.capacity_of(spec)[0])):
            self._users_touched(name)
            self._settle_soon()

    # What changes.

    def _queue_changed(self, obj: Obj, there: bool) -> None:
        if not self._listening:
            return
        name, now = obj["metadata"]["name"], self._now()
        spec = _read(JobQueueSpec, obj) if there else None
        if spec is None:
            self.admission.drop_queue(name, now.timestamp())
        else:
            queue = queue_of(obj, spec, now, self._selected(spec))
            self.admission.set_queue(queue, now.timestamp())
        self._settle_soon()

    def _selected(self, spec: JobQueueSpec) -> list[str]:
        """Namespaces that the queue selects by their labels."""
        if (selector := spec.namespace_selector) is None:
            return []
        self._watch_namespaces()
        wanted = selector.match_labels.items()
        return sorted(name for name, labels in self.namespaces.items() if wanted <= labels.items())

    def _namespace_changed(self, obj: Obj, there: bool) -> None:
        name, labels = obj["metadata"]["name"], obj["metadata"].get("labels", {})
        if not there:
            self.namespaces.pop(name, None)
        elif self.namespaces.get(name) == labels:
            return
        else:
            self.namespaces[name] = labels
        if self._listening and not self._regrouping:  # many come at once
            self._regrouping = True
            asyncio.get_running_loop().call_soon(self._regroup)

    def _regroup(self) -> None:
        """Queues that select namespaces by labels take in whom they select now."""
        self._regrouping = False
        for _, name in self._parents[JOBQUEUE].names():
            obj = self._parents[JOBQUEUE].get("", name)
            if obj is not None and "namespaceSelector" in obj["spec"]:
                self._queue_changed(obj, True)

    def _environment_changed(self, obj: Obj, there: bool) -> None:
        if not self._listening:
            return
        spec = _read(ComputeEnvironmentSpec, obj) if there else None
        if spec is not None:
            self.count(obj, spec)
        elif self.admission.drop_environment(obj["metadata"]["name"]):
            self._users_touched(obj["metadata"]["name"])
            self._settle_soon()

    def _users_touched(self, environment: str) -> None:
        for queue, line in self.admission.lines.items():
            if line.queue is not None and environment in line.queue.environments:
                self._touch(queue)

    def _node_changed(self, obj: Obj, there: bool) -> None:
        name, found = obj["metadata"]["name"], node_of(obj) if there else None
        if self.nodes.get(name) == found:
            return
        if found is None:
            del self.nodes[name]
        else:
            self.nodes[name] = found
        if self._listening:
            for _, environment in self._parents[ENVIRONMENT].names():
                self._touch(None, environment)

    def _batchjob_changed(self, obj: Obj, there: bool) -> None:
        if not self._listening or "queue" not in obj["spec"]:
            return
        try:
            self._follow(obj, there)
        except ValidationError:  # of another version; whoever reconciles it says so
            self._gone(obj)
        self._settle_soon()

    def _follow(self, obj: Obj, there: bool) -> None:
        uid = obj["metadata"]["uid"]
        if not there:
            self._gone(obj)
        elif (claim := claim_of(obj)) is not None:
            self._granted.pop(uid, None)
            self._told.pop(uid, None)
            if self.admission.claims.get(uid) != claim:
                self.admission.occupy(claim, self._now().timestamp())
                self._touch(claim.queue, claim.environment)
        elif (obj.get("status") or {}).get("phase") in ENDED:
            self.withdraw(uid)
            self._release(uid)
        elif uid not in self._granted:
            self._release(uid)
            if is_queued(obj) and says_all(obj):
                self._queued(obj)

    def _queued(self, obj: Obj) -> None:
        uid, status = obj["metadata"]["uid"], obj["status"]
        if self.admission.waiting(uid) is None:
            request = request_of(obj, obj["spec"])
            self.admission.ask(request)
            self._told[uid] = status["waiting"]["reason"], status["queue"].get("position")
            if self._open:
                self._touch(request.queue)
                self._keys.add_after(_key(request), REFRESH_SECONDS)

    def _gone(self, obj: Obj) -> None:
        uid, metadata = obj["metadata"]["uid"], obj["metadata"]
        key = Key(BATCHJOB, metadata["namespace"], metadata["name"])
        self._told.pop(uid, None)
        self.withdraw(uid)
        if uid in self.admission.claims and self._runs_on(key, uid):
            self._lingering[uid] = key
        else:
            self._release(uid)

    def _job_changed(self, obj: Obj, there: bool) -> None:
        for owner in obj["metadata"].get("ownerReferences", ()):
            key = self._lingering.get(owner["uid"])
            if key is not None and not self._runs_on(key, owner["uid"]):
                self._release(owner["uid"])
                self._settle_soon()

    def _runs_on(self, key: Key, uid: str) -> bool:
        """Whether a Job of the BatchJob hasn't ended."""
        return any(
            not any(
                each["type"] in ("Complete", "Failed") and each["status"] == "True"
                for each in job.get("status", {}).get("conditions", ())
            )
            for job in self._stores[JOBS.plural].by_index(str(key))
            if any(owner["uid"] == uid for owner in job["metadata"].get("ownerReferences", ()))
        )

    def _release(self, uid: str) -> None:
        self._lingering.pop(uid, None)
        if (claim := self.admission.release(uid, self._now().timestamp())) is not None:
            self._touch(claim.queue, claim.environment)

    # Rounds.

    def _settle_soon(self) -> None:
        if self._open and not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._settle)

    def _settle(self) -> None:
        """Admits whoever can be admitted, and has those looked at for whom something has changed."""
        self._soon = False
        if not self.is_open():
            return
        for grant in self.admission.round(self._now().timestamp()):
            request = grant.request
            self._granted[request.uid] = self.admission.claims[request.uid]
            self._keys.add(_key(request))
            self._touch(request.queue, grant.environment)
        for line in self.admission.lines.values():
            for uid in line.changed:
                if (request_ := line.get(uid)) is not None:
                    self._keys.add(_key(request_))
            line.changed.clear()

    def _touch(self, queue: str | None = None, environment: str | None = None) -> None:
        for kind, name in ((JOBQUEUE, queue), (ENVIRONMENT, environment)):
            if name is not None:
                self._keys.add_after(Key(kind, "", name), REFRESH_SECONDS)

    # Taking over.

    async def _take_over(self) -> None:
        while not self._open:
            try:
                await self._refresh()
                await self._load()
            except ApiError as error:
                log.warning("nobody is admitted yet, for queues and jobs cannot be read: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception:
                log.exception("nobody is admitted yet: unforeseen")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _load(self) -> None:
        self.admission, self._told, self._lingering = Admission(), {}, {}
        self._listening = True
        for _, name in self._parents[ENVIRONMENT].names():
            await self._load_environment(name)
        for _, name in self._parents[JOBQUEUE].names():
            if (obj := self._parents[JOBQUEUE].get("", name)) is not None:
                if "namespaceSelector" in obj["spec"]:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._watch_namespaces().wait(), NODES_SECONDS)
                self._queue_changed(obj, True)
        for claim in self._granted.values():
            self.admission.occupy(claim, self._now().timestamp())
        there = await self._load_batchjobs()
        for uid in self._granted.keys() - there:
            self.withdraw(uid)
        self._open = True
        log.info(
            "jobs of queues are admitted: %d wait", sum(len(each) for each in self.admission.lines.values())
        )
        self._settle()
        for kind in (JOBQUEUE, ENVIRONMENT, BATCHJOB):
            for namespace, name in self._names(kind):
                self._keys.add(Key(kind, namespace, name))

    async def _load_environment(self, name: str) -> None:
        obj = self._parents[ENVIRONMENT].get("", name)
        spec = _read(ComputeEnvironmentSpec, obj) if obj is not None else None
        if obj is not None and spec is not None:
            if spec.type == "Unmanaged":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._watch_nodes().wait(), NODES_SECONDS)
            self._environment_changed(obj, True)

    async def _load_batchjobs(self) -> set[str]:
        """Takes in every BatchJob of a queue; returns their uids."""
        there: set[str] = set()
        store, now = self._parents[BATCHJOB], self._now().timestamp()
        for number, (namespace, name) in enumerate(self._names(BATCHJOB)):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            if (obj := store.get(namespace, name)) is not None:
                there.add(obj["metadata"]["uid"])
                self._batchjob_changed(obj, True)
                with contextlib.suppress(ValidationError):
                    self._recall(obj, now)
        return there

    def _recall(self, obj: Obj, now: float) -> None:
        """What the job has used so far counts for its share, as if it had been seen."""
        status, request = obj.get("status") or {}, request_of(obj, obj["spec"])
        queue = self.admission.line(request.queue).queue
        if queue is None or queue.half_life_seconds is None:
            return
        environment = status.get("queue", {}).get("environment", queue.environments[0])
        claim = Claim(request.uid, queue.name, request.share, environment, request.need)
        for began, ended in history_of(obj, now):
            self.admission.remember(claim, began, ended, now)

    def _names(self, kind: str) -> Iterable[tuple[str, str]]:
        store = self._parents[kind]
        return store.names_by_index(QUEUED_INDEX) if kind == BATCHJOB else store.names()


def _key(request: Request) -> Key:
    return Key(BATCHJOB, request.shape.namespace, request.name)


def _read(model: Any, obj: Obj) -> Any:
    """The spec, or None where this version can't read it."""
    try:
        return model.model_validate(obj["spec"])
    except ValidationError:
        return None


def _hear(changed: Callable[[Obj, bool], None]) -> Listener:
    """Has a store tell which objects are there now, and which aren't any more."""

    def listener(before: Obj | None, now: Obj | None) -> None:
        if (obj := now or before) is not None:
            changed(obj, now is not None)

    return listener
