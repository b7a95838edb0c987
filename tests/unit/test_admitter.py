"""The leader's queues over random histories: lost replies, conflicts, late events, crashes and new leaders.

The API server is a dictionary with versions, and each replica's caches are filled with its events, late. At
each write, statuses take no more of an environment than there is.
"""

from __future__ import annotations

import asyncio
import copy
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from longshore.api.batchjob import BatchJobSpec
from longshore.api.common import NodeSelection
from longshore.batchjob.decide import asks, decide
from longshore.batchjob.facts import Facts
from longshore.cluster.store import Store
from longshore.queueing.objects import claim_of
from longshore.runtime.admitter import QUEUED_INDEX, Admitter
from longshore.runtime.queue import Key, WorkQueue
from longshore.workload.conditions import timestamp
from longshore.workload.decision import Create, Patch

from tests.unit.facts import NOW

Obj = dict[str, Any]
CPUS = {"large": 3, "small": 1}


class Lost(Exception):
    """The server did it, and the reply didn't come."""


class Conflict(Exception):
    """The object isn't any more what was decided on."""


class Server:
    """BatchJobs with versions, the Jobs of their attempts, and every event there was."""

    def __init__(self) -> None:
        self.version, self.now = 0, NOW
        self.objects: dict[str, Obj] = {}
        self.jobs: dict[str, Obj] = {}
        self.events: list[Obj] = []
        self.gone: list[Obj] = []

    def write(self, name: str, change: Obj, version: str | None = None) -> Obj:
        held = self.objects.get(name)
        if version is not None and (held is None or held["metadata"]["resourceVersion"] != version):
            raise Conflict
        self.version += 1
        obj = copy.deepcopy(held or {}) | copy.deepcopy(change)
        obj["metadata"] = obj["metadata"] | {"resourceVersion": str(self.version)}
        self.objects[name] = obj
        self.events.append(copy.deepcopy(obj))
        self._check()
        return copy.deepcopy(obj)

    def delete(self, name: str) -> None:
        self.version += 1
        obj = self.objects.pop(name)
        obj["metadata"]["resourceVersion"] = str(self.version)
        self.events.append(copy.deepcopy(obj) | {"deleted": True})
        for job in [each for each in self.jobs.values() if each["name"] == name]:
            del self.jobs[job["metadata"]["name"]]

    def _check(self) -> None:
        taken = dict.fromkeys(CPUS, 0)
        for obj in self.objects.values():
            if (claim := claim_of(obj)) is not None:
                taken[claim.environment] += claim.need.cpu_millis // 1000
        assert all(taken[name] <= most for name, most in CPUS.items()), taken


class Replica:
    """One operator: caches that lag behind, its queues, and keys that it works on."""

    def __init__(self, server: Server, rng: random.Random, seen: int) -> None:
        self.server, self.rng, self.seen = server, rng, 0
        self.keys = WorkQueue(lambda: (server.now - NOW).total_seconds(), base_seconds=1, jitter=lambda: 0.5)
        batchjobs = Store(lambda obj: [QUEUED_INDEX])
        self.parents = {"BatchJob": batchjobs, "JobQueue": Store(), "ComputeEnvironment": Store()}
        for name, cpu in CPUS.items():
            self.parents["ComputeEnvironment"].put(
                _object("ComputeEnvironment", name, {"capacity": {"maxCpu": cpu}})
            )
        self.parents["JobQueue"].put(
            _object("JobQueue", "q", {"computeEnvironments": list(CPUS), "maxRunningJobs": 3})
        )
        self.parents["JobQueue"].put(
            _object("JobQueue", "p", {"computeEnvironments": ["large"], "priority": 1})
        )
        self.admitter = Admitter(
            self.parents, {"nodes": Store(), "namespaces": Store(), "jobs": Store()}, self.keys, lambda: server.now, lambda: True,
            self._refresh, asyncio.Event, asyncio.Event,
        )  # fmt: skip
        while self.seen < seen:
            self.hear()

    async def _refresh(self) -> None:
        self.seen = len(self.server.events)
        for obj in self.server.objects.values():
            self.parents["BatchJob"].put(copy.deepcopy(obj))
        names = [("prod", name) for name in self.server.objects]
        self.parents["BatchJob"].sweep(names, self.server.version)

    def hear(self) -> None:
        """The next event comes."""
        if self.seen == len(self.server.events):
            return
        obj = copy.deepcopy(self.server.events[self.seen])
        self.seen += 1
        if obj.pop("deleted", False):
            self.parents["BatchJob"].remove(obj)
        elif self.parents["BatchJob"].put(obj):
            self.keys.add(Key("BatchJob", "prod", obj["metadata"]["name"]))

    def work(self) -> bool:
        """One key, as the operator does it; False if none is due."""
        key = self.keys.take()
        if key is None:
            return False
        failed = False
        if key.kind == "BatchJob":
            try:
                again = self._reconcile(key)
                if again is not None:
                    self.keys.add_after(key, again)
            except (Lost, Conflict):
                failed = True
        self.keys.done(key, failed=failed)
        return True

    def _reconcile(self, key: Key) -> float | None:
        for _ in range(3):
            obj = self.parents["BatchJob"].get("prod", key.name)
            if obj is None:
                return None
            facts = self._facts(obj)
            asked = asks(facts, self.server.now)
            if asked is None:
                self.admitter.withdraw(obj["metadata"]["uid"])
            else:
                facts = replace(facts, ticket=self.admitter.ask(obj, asked[1]))
            decision = decide(facts, self.server.now)
            for step in decision.steps:
                self._do(key, step)
            if decision.steps:
                continue
            if decision.status is not None and decision.status != obj.get("status"):
                self._say(key, obj, decision.status)
            return decision.again_in_seconds
        return 0.5

    def _facts(self, obj: Obj) -> Facts:
        held = (obj.get("status") or {}).get("queue", {}).get("environment")
        jobs = [each for each in self.server.jobs.values() if each["owner"] == obj["metadata"]["uid"]]
        return Facts(
            obj, BatchJobSpec.model_validate(obj["spec"]), jobs=jobs, environment=held,
            nodes=NodeSelection() if held else None, account_exists=True,
        )  # fmt: skip

    def _do(self, key: Key, step: Any) -> None:
        if isinstance(step, Create):
            live = self.server.objects.get(key.name)
            if live is None:
                raise Conflict
            assert (live.get("status") or {}).get("queue", {}).get("environment"), (
                "no Job without an admission"
            )
            body = copy.deepcopy(step.body)
            if body["metadata"]["name"] not in self.server.jobs:
                times = {
                    "uid": f"uid-{body['metadata']['name']}",
                    "creationTimestamp": timestamp(self.server.now),
                }
                owner = body["metadata"]["ownerReferences"][0]["uid"]
                made = body | {
                    "metadata": body["metadata"] | times,
                    "status": {},
                    "owner": owner,
                    "name": key.name,
                }
                self.server.jobs[body["metadata"]["name"]] = made
        elif isinstance(step, Patch):
            self.server.jobs[step.ref.name]["spec"] |= step.body["spec"]

    def _say(self, key: Key, obj: Obj, status: Obj) -> None:
        fate = self.rng.random()
        if fate < 0.05:
            raise Lost
        written = self.server.write(key.name, {"status": status}, obj["metadata"]["resourceVersion"])
        if fate < 0.15:
            raise Lost
        self.parents["BatchJob"].put(written)


def _object(kind: str, name: str, spec: Obj, namespace: str = "") -> Obj:
    metadata = {
        "name": name,
        "uid": f"uid-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": timestamp(NOW),
    }
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "longshore.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def submit(server: Server, rng: random.Random, number: int) -> None:
    cpu = rng.choice([1, 1, 1, 2, 3])
    spec = {
        "image": "x", "queue": rng.choice("pqq"), "priority": rng.randint(0, 2), "retry": {"attempts": 2, "backoffSeconds": 2},
        "resources": {"requests": {"cpu": str(cpu), "memory": "64Mi"}},
    }  # fmt: skip
    obj = _object("BatchJob", f"job-{number}", spec, "prod")
    obj["metadata"]["creationTimestamp"] = timestamp(server.now)
    server.write(f"job-{number}", obj)


def end_a_job(server: Server, rng: random.Random) -> None:
    open_ = [each for each in server.jobs.values() if not each["status"].get("conditions")]
    if open_:
        job = rng.choice(open_)
        told = "Suspended" if job["spec"].get("suspend") else rng.choice(["Complete", "Complete", "Failed"])
        condition = {"type": told, "status": "True", "lastTransitionTime": timestamp(server.now)}
        job["status"] = {"conditions": [condition]}


async def live(seed: int) -> None:
    rng, server = random.Random(seed), Server()
    replica, number = Replica(server, rng, 0), 0
    replica.admitter.start()
    for _ in range(400):
        act = rng.random()
        if act < 0.06 and number < 25:
            number += 1
            submit(server, rng, number)
        elif act < 0.2:
            end_a_job(server, rng)
            for name in server.objects:
                replica.keys.add(Key("BatchJob", "prod", name))
        elif act < 0.24 and server.objects:
            name = rng.choice(sorted(server.objects))
            obj = server.objects[name]
            server.write(name, {"spec": obj["spec"] | {"suspend": not obj["spec"].get("suspend", False)}})
        elif act < 0.26 and server.objects:
            server.delete(rng.choice(sorted(server.objects)))
        elif act < 0.28:
            replica.admitter.stop()
            replica = Replica(server, rng, rng.randint(0, len(server.events)))
            replica.admitter.start()
            for name in server.objects:
                replica.keys.add(Key("BatchJob", "prod", name))
        elif act < 0.6:
            replica.hear()
        elif act < 0.9:
            replica.work()
        else:
            server.now += timedelta(seconds=1)
        await asyncio.sleep(0)
    await come_to_rest(server, rng, replica)


async def come_to_rest(server: Server, rng: random.Random, replica: Replica) -> None:
    """Without further faults every job that isn't suspended comes to its end, and nothing is taken then."""
    replica.rng = random.Random()
    replica.rng.random = lambda: 1.0  # type: ignore[method-assign]
    for _ in range(300):
        for name in server.objects:
            replica.keys.add(Key("BatchJob", "prod", name))
        for _ in range(3):
            while replica.seen < len(server.events):
                replica.hear()
            while replica.work():
                await asyncio.sleep(0)
        if not left(server) and not replica.admitter.admission.claims:
            return
        end_a_job(server, rng)
        server.now += timedelta(seconds=1)
    raise AssertionError((left(server), replica.admitter.admission.claims))


def left(server: Server) -> dict[str, Obj]:
    """Why those wait that haven't ended."""
    return {
        name: obj.get("status", {}).get("waiting")
        for name, obj in server.objects.items()
        if obj.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        and not obj["spec"].get("suspend")
    }


@pytest.mark.parametrize("seed", range(25))
def test_no_more_is_taken_than_there_is_and_nobody_is_forgotten(seed: int) -> None:
    asyncio.run(live(seed))
