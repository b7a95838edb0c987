"""Two gangs, of which each could hold what the other lacks, both come to run, however the scheduler deals."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from longshore.batchjob.decide import decide
from longshore.workload.conditions import timestamp
from longshore.workload.decision import Create, Patch

from tests.unit.facts import NOW, Obj, batch_facts, pod_of

NODES, COUNT = 4, 3
STEP, WORK = timedelta(seconds=15), timedelta(minutes=10)
DAY = timedelta(days=1)


@dataclass
class Gang:
    """One gang as the API server holds it: three pods, each of which takes a node for itself."""

    uid: str
    status: Obj = field(default_factory=dict)
    jobs: list[Obj] = field(default_factory=list)
    pods: list[Obj] = field(default_factory=list)

    @property
    def held(self) -> list[Obj]:
        return [pod for pod in self.pods if "nodeName" in pod["spec"]]

    def reconcile(self, now: datetime) -> None:
        facts = batch_facts({"nodes": {"count": COUNT}}, status=self.status, jobs=self.jobs, pods=self.pods)
        facts.batchjob["metadata"]["uid"] = self.uid
        decision = decide(facts, now)
        for step in decision.steps:
            if isinstance(step, Create) and step.body["kind"] == "Job":
                metadata = step.body["metadata"] | {"uid": step.body["metadata"]["name"]}
                job = step.body | {"metadata": metadata | {"creationTimestamp": timestamp(now)}, "status": {}}
                self.jobs.append(job)
                self.pods = [pod_of(job, index, node=None) for index in range(COUNT)]
            elif isinstance(step, Patch):
                self._end(now, "Suspended")
                self.jobs[-1]["spec"]["suspend"] = True
        if not decision.steps:
            self.status = decision.status or {}

    def work(self, now: datetime) -> None:
        """Once all have a node they run, and then are done."""
        if len(self.held) == COUNT:
            for pod in self.pods:
                state = {"running": {"startedAt": timestamp(now)}}
                pod["status"].setdefault("containerStatuses", [{"name": "job", "state": state}])
            if "startedAt" in self.status and now - datetime.fromisoformat(self.status["startedAt"]) >= WORK:
                self._end(now, "Complete")

    def _end(self, now: datetime, how: str) -> None:
        told = {"type": how, "status": "True", "lastTransitionTime": timestamp(now)}
        self.jobs[-1]["status"] = {"conditions": [told]}
        self.pods = []


@pytest.mark.parametrize("seed", range(6))
def test_both_come_to_run(seed: int) -> None:
    dice, now = random.Random(seed), NOW
    gangs = [Gang(f"one-{seed}"), Gang(f"other-{seed}")]
    while any(gang.status.get("phase") != "Succeeded" for gang in gangs):
        assert now - NOW < DAY, [gang.status for gang in gangs]
        now += STEP
        for gang in gangs:
            gang.reconcile(now)
        waiting = [pod for gang in gangs for pod in gang.pods if pod not in gang.held]
        dice.shuffle(waiting)
        free = NODES - sum(len(gang.held) for gang in gangs)
        for pod in waiting[:free]:
            pod["spec"]["nodeName"] = "some-node"
        for gang in gangs:
            gang.work(now)
