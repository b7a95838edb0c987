"""Campaigns around what waits: queues, dependencies, gangs and schedules, judged by every event that there was.

Jobs of a queue that is stopped are submitted and told that they wait; then one that comes before them all, and the
queue is opened. Meanwhile the operator dies at a write, or its leader does and one that has seen nothing since
takes over, or the leader is cut off. At no event is more taken than there is, each attempt runs once, what others
depend on has ended before they begin, and everybody gets a turn.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hack.cluster import audit
from tests.apiserver.kube import Kube, Obj, wait
from tests.campaigns.campaigns import GOLDEN_RATIO, Run, has_looked
from tests.campaigns.proxy import Fault, Seen
from tests.campaigns.scenarios import batchjob
from tests.campaigns.world import Nodes, Replica, has_ended

MOMENTS = ("before", "committed", "replied")
ENDED = ("Succeeded", "Failed")
SECONDS = 45.0
"""How long a load may take with one fault; a leader that is cut off costs 5 s of it."""
CUT_OFF_SECONDS = 4.5
GANG_SECONDS = 30.0
"""A gang keeps nodes for 10 to 15 s, and needs some more to give them back."""
UNSEEN = ("batchjobs", "jobs", "pods")


@dataclass(frozen=True, slots=True)
class Load:
    """Jobs that wait for the same room. `codes` are what each attempt of a job ends with; none for one that never runs."""

    name: str
    cpu: int
    codes: Mapping[str, tuple[int, ...]]
    specs: Mapping[str, Obj] = field(default_factory=dict)
    most: int | None = None
    """Of the queue: so many jobs run at once."""

    def need(self, job: str) -> int:
        spec = self.specs.get(job, {})
        return int(spec.get("cpu", 1)) * int(spec.get("nodes", {}).get("count", 1))

    def spec(self, job: str, queue: str) -> Obj:
        spec = {name: value for name, value in self.specs.get(job, {}).items() if name != "cpu"}
        cpu = str(self.specs.get(job, {}).get("cpu", 1))
        return {
            "size": None,
            "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}},
            "queue": queue,
            "retry": {"attempts": max(len(self.codes[job]), 1), "backoffSeconds": 0},
        } | spec

    @property
    def jobs(self) -> int:
        return sum(map(len, self.codes.values()))


URGENT = "urgent"


def _load(
    name: str, cpu: int, codes: dict[str, tuple[int, ...]], most: int | None = None, **specs: Obj
) -> Load:
    """Whoever is urgent needs everything."""
    return Load(name, cpu, {**codes, URGENT: (0,)}, {**specs, URGENT: {"cpu": cpu, "priority": 100}}, most)


LOADS = (
    _load(
        "line", 2, {"one": (0,), "two": (1, 0), "three": (1, 1), "four": (0,), "large": (0,)}, large={"cpu": 2, "priority": 5}
    ),
    _load("one at a time", 4, {"one": (0,), "two": (1, 0), "three": (0,)}, most=1),
    # Those that depend on others are submitted first.
    _load(
        "diamond",
        2,
        {"last": (0,), "left": (0,), "right": (1, 0), "first": (0,), "vain": (), "broken": (1,), "after": (0,)},
        last={"dependsOn": [{"name": "left"}, {"name": "right"}]},
        left={"dependsOn": [{"name": "first"}]},
        right={"dependsOn": [{"name": "first"}]},
        vain={"dependsOn": [{"name": "broken"}]},
        after={"dependsOn": [{"name": "broken", "when": "Completed"}]},
    ),
    _load(
        "gangs", 3, {"pair": (1, 0), "other": (0,), "single": (0,)}, pair={"nodes": {"count": 2}}, other={"nodes": {"count": 2}}
    ),
)  # fmt: skip


def queues(run: Run) -> None:
    """Jobs wait for room, for each other and for a leader; one thing goes wrong. Every fifth plan is a gang of
    which only a part finds nodes."""
    turn, which = divmod(run.plan.seed, len(LOADS) + 1)
    if which == len(LOADS):
        _gang_gives_back(run, turn)
        return
    load, how = LOADS[which], ("kill", "take over", "cut off")[turn % 3]
    point = _point(run, load, turn // 3 * 2 + which % 2)
    run.outcome.about = f"{load.name}: {how} at {point[0]} {point[1]}, {point[2]}"
    run.world.with_replicas(
        1 if how == "kill" else 2, **({} if how == "kill" else {"lease_name": _lease(run)})
    )
    _Trial(run, load).go(how, *point)


def _lease(run: Run) -> str:
    return f"queues-{run.plan.seed}-{run.offset}"


def _point(run: Run, load: Load, number: int) -> tuple[str, int, str]:
    """Which write of what, and the moment: creations of Jobs in every second plan, in turn, and else any other."""
    if number % 2 == 0:
        at, moment = divmod(number // 2 + 2, len(MOMENTS))
        return "creation of a Job", at % load.jobs + 1, MOMENTS[moment]
    others = run.references.counted(f"load {load.name}", lambda: _count(run, load))
    at, moment = divmod(int(number * GOLDEN_RATIO % 1 * others * len(MOMENTS)), len(MOMENTS))
    return "another write", at + 1, MOMENTS[moment]


def _count(run: Run, load: Load) -> int:
    """How many writes there are without faults, beside creations of Jobs."""
    run.world.with_replicas(1)
    before, run.kube = run.kube, run.world.namespace()
    trial = _Trial(run, load)
    trial.go("kill", "another write", 10**6, "before")
    run.world.remove(run.kube)
    run.kube, run.outcome.violations = before, []
    return trial.writes["another write"]


class _Trial:
    """One load on its way, in a queue and an environment of its own."""

    def __init__(self, run: Run, load: Load) -> None:
        self.run, self.load, self.kube, self.world = run, load, run.kube, run.world
        self.queue, self.environment = f"queue-{self.kube.namespace}", f"room-{self.kube.namespace}"
        self.writes: Counter[str] = Counter()
        self.struck: Replica | None = None
        self.struck_at = 0.0
        self.victim: object = None
        self.over = False
        """What went wrong is seen to: pods may end."""

    def go(self, how: str, what: str, number: int, moment: str) -> None:
        since = self.kube.request("GET", self.kube.path("Job"))["metadata"]["resourceVersion"]
        self._submit()
        leader = self._leader()
        others = [each for each in self.world.replicas if each is not leader]
        for standby in others if how == "take over" else ():
            standby.proxy.hold(*UNSEEN)
        self._job(URGENT)
        self._told(URGENT)
        for replica in self.world.replicas:
            replica.proxy.start_counting()
            replica.proxy.faults = self._faults(replica, how, what, number, moment)
        self.kube.patch("JobQueue", self.queue, {"spec": {"state": "Open"}})
        self._run_to_the_end(how)
        for replica in self.world.replicas:
            replica.proxy.calm()
        self._judge(since)

    def _submit(self) -> None:
        """Everybody but the urgent one, told to wait."""
        room = {"capacity": {"maxCpu": self.load.cpu}}
        self.kube.create(_object("ComputeEnvironment", self.environment, room))
        most = {} if self.load.most is None else {"maxRunningJobs": self.load.most}
        spec = {"computeEnvironments": [self.environment], "state": "Stopped"} | most
        self.kube.create(_object("JobQueue", self.queue, spec))
        for name in self.load.codes:
            if name != URGENT:
                self._job(name)
        for name in self.load.codes:
            if name != URGENT:
                self._told(name)

    def _job(self, name: str) -> None:
        spec = {key: value for key, value in self.load.spec(name, self.queue).items() if value is not None}
        obj = batchjob(name, **spec)
        obj["spec"].pop("size")
        self.kube.create(obj)

    def _told(self, name: str) -> None:
        wait(lambda: "waiting" in self.kube.status("BatchJob", name), f"{name} is told what it waits for")

    def _leader(self) -> Replica:
        def leading() -> Replica | None:
            return next(
                (
                    each
                    for each in self.world.replicas
                    if each.operator.readiness()[1].get("role") == "leader"
                ),
                None,
            )

        found = wait(leading, "one leads")
        assert found is not None
        return found

    def _faults(self, replica: Replica, how: str, what: str, number: int, moment: str) -> Any:
        def faults(seen: Seen) -> Fault | None:
            if not seen.writes or seen.namespace != self.kube.namespace:
                return None
            kind = (
                "creation of a Job" if (seen.verb, seen.resource) == ("create", "jobs") else "another write"
            )
            self.writes[kind] += 1
            if kind != what or self.writes[kind] != number or self.struck is not None:
                return None
            self.struck, self.struck_at = replica, time.monotonic()
            self.victim = replica.operator.process
            self.run.outcome.faults += 1
            if how != "cut off":
                return Fault("kill", moment)
            if number % 2:
                self.world.signal(replica, signal.SIGSTOP)
            else:
                replica.proxy._partitioned = True
            return None

        return faults

    def _behaviour(self, pod: Obj) -> str:
        labels = pod["metadata"]["labels"]
        codes = self.load.codes[labels["longshore.dev/batchjob"]]
        attempt = int(labels["longshore.dev/attempt"])
        if (self.struck is not None and not self.over) or attempt > len(codes):
            return "run"
        return f"end {codes[attempt - 1]}"

    def _run_to_the_end(self, how: str) -> None:
        nodes, deadline = Nodes(self._behaviour), time.monotonic() + SECONDS
        while True:
            if self.struck is not None and not self.over:
                self._see_to(how, self.struck)
            elif how == "kill" or self.over:
                self.world.revive()
            nodes.tick(self.kube)
            phases = {each["metadata"]["name"]: _phase(each) for each in self.kube.list("BatchJob")}
            if all(phase in ENDED for phase in phases.values()):
                break
            if time.monotonic() > deadline:
                self.run.violated("forgotten", str({k: v for k, v in phases.items() if v not in ENDED}))
                break
            time.sleep(0.03)
        if self.struck is not None and not self.over:
            self._heal(how, self.struck)

    def _see_to(self, how: str, struck: Replica) -> None:
        """What goes wrong lasts until whoever leads then has looked at everything in the light of what it knows."""
        lasted = time.monotonic() - self.struck_at
        if how == "kill":
            self.world.revive()
            self.over = struck.operator.process is not self.victim and has_looked(struck.operator, "BatchJob")
        elif how == "cut off":
            if lasted > CUT_OFF_SECONDS:
                self._heal(how, struck)
        else:
            other = next(each for each in self.world.replicas if each is not struck)
            if other.operator.readiness()[1].get("role") != "leader" or not has_looked(
                other.operator, "BatchJob"
            ):
                return
            self._heal(how, struck)

    def _heal(self, how: str, struck: Replica) -> None:
        if how == "cut off":
            self.world.signal(struck, signal.SIGCONT)
            struck.proxy.partition(False)
        for replica in self.world.replicas:
            replica.proxy.calm()
        self.over = True

    # What must never have been.

    def _judge(self, since: str) -> None:
        events = _history(self.kube, since)
        for problem in (*overcommitted(self.load, events), *out_of_order(self.load, events)):
            self.run.violated(*problem)
        made = self.world.creations(self.kube, self.run.offset)
        for name, codes in self.load.codes.items():
            for attempt in range(1, len(codes) + 2):
                count = made[f"create jobs {name}-{attempt}"]
                if count != (1 if attempt <= len(codes) else 0):
                    self.run.violated("once", f"attempt {attempt} of {name} {codes} was made {count} times")
            phase, wanted = _phase(self.kube.get("BatchJob", name)), "Succeeded" if 0 in codes else "Failed"
            if phase in ENDED and phase != wanted:
                self.run.violated("state", f"{name} {codes} is {phase}")


def _phase(obj: Obj) -> str:
    return str((obj.get("status") or {}).get("phase", ""))


def _object(kind: str, name: str, spec: Obj) -> Obj:
    return {"apiVersion": "longshore.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _history(kube: Kube, since: str) -> list[tuple[str, Obj]]:
    """Every event on BatchJobs and Jobs of the namespace, in the order in which they happened."""
    found = [
        (type_, obj)
        for kind in ("BatchJob", "Job")
        for type_, obj in kube.history(kind, since)
        if obj["metadata"].get("namespace") == kube.namespace
    ]
    return sorted(found, key=lambda each: int(each[1]["metadata"]["resourceVersion"]))


def overcommitted(load: Load, events: list[tuple[str, Obj]]) -> Iterator[tuple[str, str]]:
    """The first moment at which jobs that are admitted, or whose Job hasn't ended, took more than there is."""
    claimed: set[str] = set()
    running: dict[str, str] = {}
    for type_, obj in events:
        name = obj["metadata"]["name"]
        if obj["kind"] == "BatchJob":
            takes = _phase(obj) not in ENDED and "environment" in (obj.get("status") or {}).get("queue", {})
            (claimed.add if takes and type_ != "DELETED" else claimed.discard)(name)
        elif type_ == "DELETED" or has_ended(obj):
            running.pop(name, None)
        else:
            running[name] = obj["metadata"]["labels"]["longshore.dev/batchjob"]
        taking = claimed | set(running.values())
        taken = sum(map(load.need, taking))
        if taken > load.cpu or (load.most is not None and len(taking) > load.most):
            yield (
                "quota",
                f"{', '.join(sorted(taking))} take {taken} of {load.cpu} at once, {load.most} may run",
            )
            return


def out_of_order(load: Load, events: list[tuple[str, Obj]]) -> Iterator[tuple[str, str]]:
    """Jobs that were made before what they depend on had ended."""
    phases: dict[str, str] = {}
    for type_, obj in events:
        if obj["kind"] == "BatchJob":
            phases[obj["metadata"]["name"]] = _phase(obj)
        elif type_ == "ADDED":
            name = obj["metadata"]["labels"]["longshore.dev/batchjob"]
            for each in load.specs.get(name, {}).get("dependsOn", ()):
                phase = phases.get(each["name"], "")
                if phase not in (ENDED if each.get("when") == "Completed" else ("Succeeded",)):
                    yield (
                        "order",
                        f"{name} began while {each['name']}, which it depends on, was {phase or 'missing'}",
                    )


def _gang_gives_back(run: Run, turn: int) -> None:
    """One pod of a gang finds a node and the other doesn't; the operator dies at a write. The node is given back, and
    nothing of the gang is left."""
    kube, world, number, struck = run.kube, run.world, turn % 6 + 1, list[Seen]()
    moment = MOMENTS[turn % len(MOMENTS)]
    run.outcome.about = f"a gang finds one node of two: killed at write {number}, {moment}"
    world.with_replicas(1)

    def faults(seen: Seen) -> Fault | None:
        if seen.write != number or struck:
            return None
        struck.append(seen)
        return Fault("kill", moment)

    world.proxy.faults = faults
    nodes = {"count": 2, "startSeconds": 10}
    kube.create(batchjob("gang", nodes=nodes, retry={"attempts": 2, "backoffSeconds": 0}))
    playing, deadline = (
        Nodes(lambda pod: "run" if "nodeName" in pod["spec"] else "stay"),
        time.monotonic() + GANG_SECONDS,
    )

    def given_back() -> bool:
        attempts = (kube.status("BatchJob", "gang")).get("attempts", ())
        return any(each.get("reason") == "GangIncomplete" for each in attempts) and not kube.list("Pod")

    while not given_back():
        world.revive()
        for pod in kube.list("Pod"):
            first = pod["metadata"]["labels"].get("batch.kubernetes.io/job-completion-index") == "0"
            if first and "nodeName" not in pod["spec"] and "deletionTimestamp" not in pod["metadata"]:
                _place(kube, pod)
        playing.tick(kube)
        if time.monotonic() > deadline:
            run.violated("gang", f"one pod of two keeps its node; {len(kube.list('Pod'))} pods are there")
            break
        time.sleep(0.05)
    run.outcome.faults += len(struck)
    world.proxy.calm()
    made = world.creations(kube, run.offset)["create jobs gang-1"]
    if made != 1:
        run.violated("once", f"the gang's Job was made {made} times")
    kube.patch("BatchJob", "gang", {"spec": {"cancel": {"reason": "seen enough"}}})
    wait(
        lambda: _ticked(playing, kube) and _phase(kube.get("BatchJob", "gang")) == "Failed",
        "the gang is cancelled",
    )


def _ticked(nodes: Nodes, kube: Kube) -> bool:
    nodes.tick(kube)
    return True


def _place(kube: Kube, pod: Obj) -> None:
    metadata = {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
    target = {"apiVersion": "v1", "kind": "Node", "name": "the-only-one"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}
    kube.request("POST", kube.path("Pod", metadata["name"], "binding"), body)


def schedules(run: Run) -> None:
    """A run was missed while nobody was there, and its job leaves nothing behind: its minute runs once, though the
    operator dies at a write, wakes up with what was before, or cannot record the run until its job has ended."""
    kube, world = run.kube, run.world
    how = ("kill", "past", "unrecorded")[run.plan.seed % 3]
    world.with_replicas(1)
    template = {"image": "work:1", "size": "Nano"}
    schedule = {"name": "tick", "cron": "* * * * *", "keepSucceeded": 0, "keepFailed": 0}
    kube.create(_object("JobDefinition", "clock", {"template": template, "schedules": [schedule]}))
    told: list[Obj] = wait(lambda: kube.status("JobDefinition", "clock").get("schedules", []), "a next run")
    world.operator.kill()
    missed = (datetime.now(UTC) - timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:00Z")
    before = {"status": {"schedules": [told[0] | {"nextRun": missed}]}}
    kube.patch("JobDefinition", "clock", before, "status")
    version = kube.request("GET", kube.path("Job"))["metadata"]["resourceVersion"]
    world.proxy.start_counting()
    world.proxy.faults = _when_scheduled(run, how)
    code = run.plan.seed // 3 % 2
    nodes = Nodes(lambda pod: f"end {code}")
    _until_recorded(run, nodes)
    if how == "past":
        world.operator.kill()
        world.proxy.serve_older(version, "jobdefinitions", "batchjobs", "jobs", "pods")
        run.outcome.faults += 1
        run.outcome.about = "its cache is of before the run"
        world.revive()
        wait(
            lambda: _ticked(nodes, kube) and has_looked(world.operator, "JobDefinition"),
            "what was before is looked at",
        )
        world.proxy.calm()
        _until_recorded(run, nodes)
    world.proxy.calm()
    made: Counter[str] = Counter()
    for each in audit.read(world.server.audit_log, run.offset, "longshore/"):
        of_ours = each.namespace == kube.namespace and each.resource in ("batchjobs", "jobs")
        if of_ours and each.verb == "create" and each.code == 201:
            made[f"{each.resource} {each.name}"] += 1
    if not any(what.startswith("jobs ") for what in made):
        run.violated("forgotten", "no run was made")
    for what, count in made.items():
        if count > 1:
            run.violated("once", f"{what} was made {count} times")
    kube.delete("JobDefinition", "clock")


def _when_scheduled(run: Run, how: str) -> Any:
    number, moment = run.plan.seed // 3 + 1, MOMENTS[run.plan.seed // 3 % len(MOMENTS)]
    fired: list[Seen] = []
    run.outcome.about = {
        "kill": f"killed at write {number}, {moment}",
        "unrecorded": "the run is not recorded before its job has ended",
    }.get(how, "")

    def faults(seen: Seen) -> Fault | None:
        if how == "kill" and seen.write == number and not fired:
            fired.append(seen)
            run.outcome.faults += 1
            return Fault("kill", moment)
        if how == "unrecorded" and (seen.resource, seen.subresource) == ("jobdefinitions", "status"):
            if not fired and not any(_phase(each) in ENDED for each in run.kube.list("BatchJob")):
                return Fault("error", status=500, reason="InternalError")
            fired.append(seen)
            # One more is refused after the job has ended: what is known of it then is all that tells of the run.
            if len(fired) <= 2:
                return Fault("error", status=500, reason="InternalError")
        return None

    return faults


def _until_recorded(run: Run, nodes: Nodes) -> None:
    """Until the next run lies ahead and what was made is gone again."""
    kube, deadline = run.kube, time.monotonic() + SECONDS
    while True:
        run.world.revive()
        nodes.tick(kube)
        said = kube.status("JobDefinition", "clock")["schedules"][0]
        ahead = said.get("nextRun", "") > datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if ahead and "lastRun" in said and not kube.list("BatchJob"):
            return
        if time.monotonic() > deadline:
            left = [each["metadata"]["name"] for each in kube.list("BatchJob")]
            run.violated("state", f"the schedule says {said}, and {left} are there")
            return
        time.sleep(0.03)
