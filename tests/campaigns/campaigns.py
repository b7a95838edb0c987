"""The campaigns: each plan is named by campaign, kind and seed, and does the same each time.

A plan runs a scenario while something goes wrong, and ends with the same questions: is the state the one
that comes about without faults, was each object made as often as without, has every child an owner, is
nothing written when nothing changes, and did the status never claim what wasn't there.
"""

from __future__ import annotations

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from tests.apiserver.kube import Kube, Obj, Refused, wait
from tests.apiserver.operator import OperatorProcess
from tests.campaigns import generator
from tests.campaigns.proxy import Fault, Proxy, Seen
from tests.campaigns.scenarios import (
    CANARIES,
    EXPOSURES,
    INDEX_BY_INDEX,
    RELEASE,
    RELEASES,
    SCENARIOS,
    Scenario,
    Step,
    batchjob,
    ends,
    released,
    releasing,
    serve,
    webapp,
)
from tests.campaigns.world import (
    PLURALS,
    SECONDS,
    Behaviour,
    Nodes,
    State,
    Stuck,
    Violation,
    World,
    controllers_rest,
    difference,
    orphans,
)

ROOT = Path(__file__).parents[2]
QUIET_SECONDS = 1.0
BUSY_RECONCILES = 50
"""So many in QUIET_SECONDS are work without an end; a few are those of what was deleted just now."""
FIRST_WRITES = 3
WORKERS, NEIGHBOURS = 16, 20
"""The operator's workers, by default, and objects that are more than those."""
REFERENCE_QUIET_SECONDS = 2.5
UNWATCHED_SECONDS, OLD_SECONDS = 0.8, 1.0
"""How long things go on at least while nobody watches, and how long the operator lives in the past."""
PARENTS = ("webapps", "batchjobs")
GOLDEN_RATIO = (5**0.5 - 1) / 2
"""Multiples of it, less their whole part, fill the unit interval evenly: so seeds spread over the writes of a
scenario, also when their number differs by one from run to run."""
SEVERAL = ("replicas", "queues")
"""Campaigns in which more than one operator may run."""
NO_REPLY_IS_LOST = ("unobserved", "monkey", "quiet", "states")
"""Campaigns in which every write is answered: one that changes nothing has no excuse."""


Act = tuple[str, Callable[[Kube], object], Behaviour, Callable[[Kube], object], Behaviour]
"""What is done, what is there before and how its pods behave, the act itself, and how pods behave then."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Names one run; the same name does the same."""

    campaign: str
    kind: str
    seed: int

    def __str__(self) -> str:
        return f"{self.campaign} {self.kind} {self.seed}"

    @property
    def rng(self) -> random.Random:
        return random.Random(str(self))


@dataclass(slots=True)
class Outcome:
    """What a plan saw."""

    plan: Plan
    about: str = ""
    violations: list[Violation] = field(default_factory=list)
    faults: int = 0
    seconds: float = 0.0
    figures: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a scenario comes to without faults."""

    states: tuple[State, ...]
    creations: Counter[str]
    writes: int


class References:
    """References by scenario, each recorded once, by the code that runs in the cluster `home`."""

    def __init__(self, home: World) -> None:
        self._home = home
        self._held: dict[str, Reference] = {}
        self._counts: dict[str, int] = {}
        self._lock = Lock()

    def of(self, scenario: Scenario) -> Reference:
        """Whoever asks for what is there doesn't wait for what is being recorded."""
        name = f"{scenario.kind}/{scenario.name}"
        if name not in self._held:
            with self._lock:
                if name not in self._held:
                    self._held[name] = self._record(scenario)
        return self._held[name]

    def counted(self, what: str, count: Callable[[], int]) -> int:
        """How many there are of something without faults, counted once."""
        with self._lock:
            if what not in self._counts:
                self._counts[what] = count()
            return self._counts[what]

    def _record(self, scenario: Scenario) -> Reference:
        world = self._home
        world.with_replicas(1)
        kube, offset = world.namespace(), world.audit_offset()
        states = []
        for step in scenario.steps:
            step.act(kube)
            states.append(world.settle(kube, step.pods, quiet_seconds=REFERENCE_QUIET_SECONDS, seconds=40))
        found = Reference(
            tuple(states), world.creations(kube, offset), len(world.proxy.writes(kube.namespace))
        )
        world.remove(kube)
        return found


@dataclass
class Run:
    """One plan on its way."""

    plan: Plan
    world: World
    references: References
    kube: Kube
    outcome: Outcome
    offset: int

    @property
    def rng(self) -> random.Random:
        return self._rng

    def __post_init__(self) -> None:
        self._rng = self.plan.rng

    def violated(self, oracle: str, what: str) -> None:
        self.outcome.violations.append(Violation(oracle, what))

    def walk(
        self,
        scenario: Scenario,
        before: Callable[[int], None] = lambda step: None,
        meanwhile: Callable[[], None] = lambda: None,
        acted: Callable[[int], None] = lambda step: None,
        more: Counter[str] | None = None,
    ) -> bool:
        """Goes the scenario's steps, each to its expected state. False if one was not reached."""
        reference = self.references.of(scenario)
        for number, step in enumerate(scenario.steps):
            before(number)
            step.act(self.kube)
            acted(number)
            try:
                self.world.settle(self.kube, step.pods, reference.states[number], meanwhile=meanwhile)
            except Stuck as stuck:
                self.violated("state", f"step {number + 1} of {scenario.name}: {stuck}")
                return False
        self.world.proxy.calm()
        self.compare_creations(reference.creations + (more or Counter()))
        return True

    def compare_creations(self, expected: Counter[str]) -> None:
        """Each object was made, and deleted, as often as without faults."""
        made = self.world.creations(self.kube, self.offset)
        for what in sorted(made.keys() | expected.keys()):
            if what == "create serviceaccounts longshore-batch":
                continue
            if made[what] > expected[what]:
                self.violated("once", f"{what} {made[what]} times instead of {expected[what]}")

    def finish(self) -> None:
        """The questions that every plan ends with."""
        for replica in self.world.replicas:
            self.outcome.faults += len(replica.proxy.injected)
            replica.proxy.calm()
        self.outcome.violations += orphans(self.kube)
        if self.plan.campaign in NO_REPLY_IS_LOST:
            needless = [str(each) for each in self.world.proxy.writes(self.kube.namespace) if each.needless]
            if needless:
                self.violated(
                    "needless", f"{len(needless)} writes changed nothing: {', '.join(needless[:4])}"
                )
        self.ask_for_quiet("at the end")

    def ask_for_quiet(self, when: str) -> None:
        """Nothing changes: nothing is written, and nothing is looked at over and over."""
        self.world.revive()
        self.world.let_finish(self.kube)
        replicas = [each for each in self.world.replicas if self.plan.campaign not in SEVERAL]
        began = sum(_reconciles(each.operator) for each in replicas)
        written = self.world.writes_in(self.kube, QUIET_SECONDS)
        if written:
            self.violated("quiet", f"{len(written)} writes without a change {when}: {', '.join(written[:4])}")
        count = sum(_reconciles(each.operator) for each in replicas) - began
        if count > BUSY_RECONCILES:
            self.violated("busy", f"{count:.0f} reconciles in {QUIET_SECONDS:g} s without a change {when}")

    def watch_honesty(self) -> None:
        """At each status that is written, what it speaks of has to be there."""
        for replica in self.world.replicas:
            replica.proxy.on_commit = self._check_honesty

    def _check_honesty(self, seen: Seen) -> None:
        if seen.subresource != "status" or seen.namespace != self.kube.namespace or seen.code >= 300:
            return
        kind = "WebApp" if seen.resource == "webapps" else "BatchJob"
        obj = self.kube.find(kind, seen.name)
        if obj is not None and (problem := dishonest(obj, self.kube)):
            self.violated("honest", problem)


def dishonest(obj: Obj, kube: Kube) -> str:
    """What the status says that isn't so; empty if it is honest."""
    status, name = obj.get("status") or {}, obj["metadata"]["name"]
    if obj["kind"] == "BatchJob":
        return next(
            (
                f"attempt {each['number']} is in the status and has no Job"
                for each in status.get("attempts", ())
                if "finishedAt" not in each and kube.find("Job", each["job"]) is None
            ),
            "",
        )
    current = status.get("observedGeneration") == obj["metadata"]["generation"]
    told = {each["type"]: each["reason"] for each in status.get("conditions", ())}
    if not current or told.get("Progressing") not in ("Complete", "RollingOut", "Progressing"):
        return ""
    deployment = kube.find("Deployment", name)
    if deployment is None:
        return "the status speaks of a rollout and there is no Deployment"
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return (
        ""
        if image == obj["spec"]["image"]
        else f"the status speaks of {obj['spec']['image']}, {image} is deployed"
    )


def scenarios(kind: str) -> list[Scenario]:
    return [each for each in SCENARIOS if each.kind == kind]


# The campaigns. Each takes a Run and leaves violations in it.


def crash(run: Run) -> None:
    """The operator dies at one write: before it is sent, after it is committed, or after the reply."""
    _die_at_a_write(run, scenarios(run.plan.kind), run.plan.seed)


def _die_at_a_write(run: Run, among: Sequence[Scenario], seed: int) -> None:
    moments = ("before", "committed", "replied")
    turns = [
        each for at in range(max(len(each.steps) for each in among)) for each in among if at < len(each.steps)
    ]
    scenario = turns[seed % len(turns)]
    points = run.references.of(scenario).writes * len(moments)
    write, at = divmod(int(seed * GOLDEN_RATIO % 1 * points), len(moments))
    number, moment = write + 1, moments[at]
    run.outcome.about = f"{scenario.name}: killed at write {number}, {moment}"
    fired = []

    def faults(seen: Seen) -> Fault | None:
        if seen.write == number and not fired:
            fired.append(seen)
            return Fault("kill", moment)
        return None

    run.world.proxy.start_plan()
    run.world.proxy.faults = faults
    run.watch_honesty()
    run.walk(scenario)


def errors(run: Run) -> None:
    """Requests fail in every way that the API server and the network have; streams end and expire. In every
    fifth plan there are neighbours for whom nothing ever succeeds, in another fifth the first writes fail."""
    scenario = run.rng.choice(scenarios(run.plan.kind))
    rate, left, rng = run.rng.choice((0.1, 0.3, 0.6)), [12], random.Random(str(run.plan) + " faults")
    kinds = (
        Fault("error", status=409, reason="Conflict"),
        Fault("error", status=429, reason="TooManyRequests", retry_after="1"),
        Fault("error", status=500, reason="InternalError"),
        Fault("error", status=503, reason="ServiceUnavailable"),
        Fault("error", status=401, reason="Unauthorized"),
        Fault("error", status=410, reason="Expired"),
        Fault("drop", "before"),
        Fault("drop", "committed"),
        Fault("drop", "committed"),
        Fault("delay", seconds=0.2),
    )
    run.outcome.about = f"{scenario.name}: {rate:.0%} of requests fail"

    hopeless = run.world.namespace() if run.plan.seed % 5 == 4 else None
    first = [FIRST_WRITES if run.plan.seed % 5 == 1 else 0]

    def faults(seen: Seen) -> Fault | None:
        if hopeless and seen.namespace == hopeless.namespace and seen.writes:
            return Fault("error", status=500, reason="InternalError")
        if first[0] and seen.namespace == run.kube.namespace and seen.writes:
            first[0] -= 1
            return Fault("error", status=500, reason="InternalError")
        if left[0] == 0 or rng.random() > rate or seen.resource in ("leases",):
            return None
        kind = rng.choice(kinds)
        if kind.status == 410 and kind.kind == "error" and seen.verb not in ("watch", "list"):
            return None
        if kind.when == "committed" and not seen.writes:
            return None
        left[0] -= 1
        return kind

    def meanwhile() -> None:
        if rng.random() < 0.05 and left[0] > 0:
            left[0] -= 1
            run.world.proxy.cut(expired=rng.random() < 0.5)

    run.world.proxy.start_plan()
    run.world.proxy.faults = faults
    run.watch_honesty()
    if hopeless:
        run.outcome.about += f", {NEIGHBOURS} neighbours for whom nothing succeeds"
        for number in range(NEIGHBOURS):
            hopeless.create((webapp if run.plan.kind == "WebApp" else batchjob)(f"hopeless-{number}"))
        wait(lambda: len(run.world.proxy.injected) >= WORKERS, "as many failures as the operator has workers")
    run.walk(scenario, meanwhile=meanwhile)
    if hopeless:
        run.world.remove(hopeless)
        wait(lambda: not hopeless.list(run.plan.kind), "the neighbours are gone")


def unobserved(run: Run) -> None:
    """Events between two states never come; only a new list tells what was missed."""
    scenario = run.rng.choice(scenarios(run.plan.kind))
    plurals = sorted({*PLURALS, "pods", *PARENTS})
    unseen = run.rng.sample(plurals, run.rng.randint(1, len(plurals)))
    late = run.rng.random() < 0.3
    run.outcome.about = (
        f"{scenario.name}: no events of {', '.join(sorted(unseen))}{' until later' if late else ''}"
    )
    run.world.proxy.start_plan()
    run.watch_honesty()

    def before(step: int) -> None:
        run.outcome.faults += 1
        (run.world.proxy.hold if late else run.world.proxy.withhold)(*unseen)

    removable = [each for each in ("Service", "PodDisruptionBudget") if f"{each.lower()}s" in unseen]
    removed: Counter[str] = Counter()

    def acted(step: int) -> None:
        play(step)
        for kind in removable:
            if not late and run.kube.find(kind, "shop") is not None and run.rng.random() < 0.7:
                run.kube.delete(kind, "shop")
                removed[f"create {kind.lower()}s shop"] += 1
        run.world.proxy.calm()
        run.watch_honesty()

    def play(step: int) -> None:
        nodes, until = Nodes(scenario.steps[step].pods), time.monotonic() + run.rng.uniform(0.1, 0.6)
        while time.monotonic() < until:
            nodes.tick(run.kube)
            time.sleep(0.02)

    run.walk(scenario, before=before, acted=acted, more=removed)


def stale(run: Run) -> None:
    """After a failover the cache shows an older history, across changes, deletes and re-creations. In every second
    turn through the acts parents are as they are, and nothing is known of their children, or what was."""
    acts, seed = _STALE[run.plan.kind], run.plan.seed
    turn = seed // len(acts)
    if turn % 2:
        _wake_up_in_the_past(run, acts, seed, sorted({*PLURALS, "pods"}), early=turn % 4 == 1)
    else:
        _wake_up_in_the_past(run, acts, seed)


def _wake_up_in_the_past(
    run: Run, acts: Sequence[Act], seed: int, kinds: Sequence[str] = (), early: bool | None = None
) -> None:
    """`kinds` are those that are older, by default any; `early` is whether they show what was before the first
    act, by default in four plans of ten."""
    world, kube, rng, kind = run.world, run.kube, run.rng, run.plan.kind
    name, first, pods, act, pods_after = acts[seed % len(acts)]
    plurals = sorted({*PLURALS, "pods", *PARENTS})
    old = kinds or rng.sample(plurals, rng.randint(1, len(plurals)))
    early = rng.random() < 0.4 if early is None else early
    run.outcome.about = f"{name}: {'empty' if early else 'older'} {', '.join(sorted(old))}"
    scenario = Scenario(kind, f"stale {name}", (Step(first, pods), Step(act, pods_after)))
    reference = run.references.of(scenario)
    world.proxy.start_plan()
    version = _newest_version(kube)
    first(kube)
    try:
        world.settle(kube, pods, reference.states[0])
        version = version if early else _newest_version(kube)
        world.operator.kill()
        act(kube)
        nodes = Nodes(pods_after)
        _play(nodes, kube, UNWATCHED_SECONDS, lambda: controllers_rest(kube))
        run.outcome.faults += 1
        world.proxy.serve_older(version, *old)
        run.watch_honesty()
        world.revive()
        _play(nodes, kube, OLD_SECONDS, lambda: has_looked(world.operator, kind))
        world.proxy.calm()
        world.settle(kube, pods_after, reference.states[1])
    except Stuck as stuck:
        run.violated("state", f"{name}: {stuck}")
        return
    expected = reference.creations.copy()
    run.compare_creations(expected)


def _play(nodes: Nodes, kube: Kube, seconds: float, until: Callable[[], bool]) -> None:
    """Plays the nodes for so long at least, and until it is so."""
    began = time.monotonic()
    while (lasted := time.monotonic() - began) < seconds or not until():
        if lasted > SECONDS:
            raise Stuck(f"{until.__doc__ or 'what is waited for'}: not within {SECONDS:g} s")
        nodes.tick(kube)
        time.sleep(0.02)


def has_looked(operator: OperatorProcess, kind: str) -> bool:
    """Whether every object of a kind that the operator knows of has been reconciled, and none is due."""
    try:
        told = operator.metrics()
    except (OSError, LookupError):
        return False  # it is only just starting, or was killed

    def figure(name: str) -> float:
        return sum(map(float, re.findall(rf"^{re.escape(name)}[^ ]* (\S+)$", told, re.MULTILINE)))

    known = figure(f'longshore_cache_objects{{cache="{kind}"')
    return figure(f'longshore_reconciles_total{{kind="{kind}"') >= known and not figure(
        "longshore_queue_depth"
    )


def _newest_version(kube: Kube) -> str:
    return str(kube.request("GET", "api/v1/namespaces?limit=1")["metadata"]["resourceVersion"])


def release(run: Run) -> None:
    """Around releases the operator dies at one write, or wakes up with an older history: each runs once."""
    if run.plan.seed % 3:
        _die_at_a_write(run, RELEASES, run.plan.seed)
    else:
        turn, act = divmod(run.plan.seed // 3, len(_STALE_RELEASES))
        if turn % 2:
            _wake_up_in_the_past(run, _STALE_RELEASES, act, _TELLING_OF_RELEASES)
        else:
            _wake_up_in_the_past(run, _STALE_RELEASES, act, ("jobs",), early=True)


def exposure(run: Run) -> None:
    """Around the making and removing of what exposes an app the operator dies at one write."""
    _die_at_a_write(run, EXPOSURES, run.plan.seed)


def pairs(run: Run) -> None:
    """While an array follows another index by index, the operator dies at one write: no index is run twice."""
    _die_at_a_write(run, INDEX_BY_INDEX, run.plan.seed)


def canary(run: Run) -> None:
    """Around canaries the operator dies at one write, or wakes up with the history of an earlier step: no step is
    lost, come to again, or left before its time, and nothing that was given up is tried again."""
    since = _newest_version(run.kube)
    if run.plan.seed % 3:
        _die_at_a_write(run, CANARIES, run.plan.seed)
    else:
        _wake_up_at_an_earlier_step(run, run.plan.seed // 3)
    _judge_steps(run, since)


def _wake_up_at_an_earlier_step(run: Run, seed: int) -> None:
    """All of it comes to pass; then the operator is started with caches in which only a part of it has."""
    world, kube, rng = run.world, run.kube, run.rng
    scenario = CANARIES[-1 - seed % len(CANARIES)]
    reference = run.references.of(scenario)
    world.proxy.start_plan()
    versions: list[str] = []
    others = sorted({*PLURALS, "pods"})
    old = ["webapps", *rng.sample(others, rng.choice((0, 0, 1, len(others))))]
    step = 2 + seed // len(CANARIES) % (len(scenario.steps) - 2)
    run.outcome.about = f"{scenario.name}: older {', '.join(sorted(old))}, as before step {step + 1}"
    if not run.walk(scenario, before=lambda number: versions.append(_newest_version(kube))):
        return
    world.let_finish(kube)
    world.operator.kill()
    run.outcome.faults += 1
    world.proxy.serve_older(versions[step], *old)
    world.revive()
    nodes, until = Nodes(serve), time.monotonic() + 1.5
    while time.monotonic() < until:
        nodes.tick(kube)
        time.sleep(0.02)
    world.proxy.calm()
    try:
        world.settle(kube, serve, reference.states[-1])
    except Stuck as stuck:
        run.violated("state", f"{scenario.name}: {stuck}")
    run.compare_creations(reference.creations)


def _judge_steps(run: Run, since: str) -> None:
    """What the objects were, one after the other: of the app its steps, of the Deployments what they ran."""
    last: Obj = {}
    for _, app in run.kube.history("WebApp", since):
        if app["metadata"]["namespace"] != run.kube.namespace:
            continue
        told = (app.get("status") or {}).get("rollout") or {}
        same = told and (told["revision"], told["generation"]) == (
            last.get("revision"),
            last.get("generation"),
        )
        if same and last["phase"] != "Aborted" and not last["step"] <= told["step"] <= last["step"] + 1:
            run.violated("steps", f"step {last['step']} is followed by step {told['step']}")
        if told and not same and told["step"] != 1:
            run.violated("steps", f"a try begins at step {told['step']}")
        last = told or last
    ran: dict[str, list[str]] = {}
    for kind, live in run.kube.history("Deployment", since):
        if live["metadata"]["namespace"] != run.kube.namespace:
            continue
        image = live["spec"]["template"]["spec"]["containers"][0]["image"]
        what = f"{image} on {live['spec']['replicas']}" if live["metadata"]["name"] != "shop" else image
        seen = ran.setdefault(live["metadata"]["name"], [])
        if kind != "DELETED" and (not seen or seen[-1] != what):
            seen.append(what)
    for name, seen in ran.items():
        if len(set(seen)) != len(seen):
            run.violated("steps", f"{name} ran {', '.join(seen)}")
    if "shop:broken" in ran.get("shop", ()):
        run.violated("steps", "all replicas got what does not run")


def monkey(run: Run) -> None:
    """Somebody else edits and deletes children at random; everything comes back."""
    world, kube, rng = run.world, run.kube, run.rng
    scenario = next(
        each
        for each in SCENARIOS
        if (each.kind, each.name) in (("WebApp", "life"), ("BatchJob", "cancelled"))
        and each.kind == run.plan.kind
    )
    reference, step = run.references.of(scenario), scenario.steps[0]
    run.outcome.about = "children edited and deleted"
    world.proxy.start_plan()
    step.act(kube)
    try:
        world.settle(kube, step.pods, reference.states[0])
        for _ in range(rng.randint(2, 5)):
            began = time.monotonic()
            act = rng.choice(_MISCHIEF[run.plan.kind])
            _mischief(kube, act, rng)
            run.outcome.faults += 1
            world.settle(kube, step.pods, reference.states[0])
            run.outcome.figures.setdefault("repair_seconds", []).append(time.monotonic() - began)
    except Stuck as stuck:
        run.violated("state", f"after {act if run.outcome.faults else 'nothing'}: {stuck}")


def quiet(run: Run) -> None:
    """At rest nothing is written: by events, new lists, restarts, or a touch that changes nothing."""
    all_ = scenarios(run.plan.kind)
    scenario = all_[run.plan.seed % len(all_)]
    reference = run.references.of(scenario)
    run.outcome.about = f"{scenario.name}, at rest after each step"
    run.world.proxy.start_plan()
    for number, step in enumerate(scenario.steps):
        step.act(run.kube)
        try:
            run.world.settle(run.kube, step.pods, reference.states[number], quiet_seconds=0.7)
        except Stuck as stuck:
            run.violated("state", str(stuck))
            return
        if run.rng.random() < 0.5:
            run.world.operator.kill()
            run.world.revive()
            run.outcome.faults += 1
        for kind in ("WebApp", "BatchJob"):
            for obj in run.kube.list(kind):
                touch = {"metadata": {"annotations": {"touched": str(time.monotonic())}}}
                run.kube.patch(kind, obj["metadata"]["name"], touch)
        run.ask_for_quiet(f"after step {number + 1}")
        for kind in ("WebApp", "BatchJob"):
            for obj in run.kube.list(kind):
                run.kube.patch(kind, obj["metadata"]["name"], {"metadata": {"annotations": None}})


def replicas(run: Run) -> None:
    """Two operators; the leader is killed, paused or cut off in the middle of the work."""
    world, rng = run.world, run.rng
    scenario = rng.choice(scenarios(run.plan.kind))
    reference = run.references.of(scenario)
    name = f"two-{run.plan.kind.lower()}-{run.plan.seed}-{run.offset}"
    world.with_replicas(2, lease_name=name)
    for replica in world.replicas:
        replica.proxy.start_plan()
    what = ("kill", "pause", "partition")[run.plan.seed % 3]
    at = rng.randint(1, max(reference.writes - 1, 1))
    run.outcome.about = f"{scenario.name}: {what} of the leader at write {at}"
    struck: list[float] = []
    state = {"leader": -1}
    looks: list[tuple[Proxy, int]] = []

    def strike(index: int) -> Callable[[Seen], Fault | None]:
        def faults(seen: Seen) -> Fault | None:
            if seen.write != at or struck:
                return None
            struck.append(time.monotonic())
            state["leader"] = index
            if what == "kill":
                return Fault("kill", rng.choice(("before", "committed")))
            if what == "pause":
                world.signal(world.replicas[index], signal.SIGSTOP)
            else:
                world.replicas[index].proxy._partitioned = True
            return None

        return faults

    for index, replica in enumerate(world.replicas):
        replica.proxy.faults = strike(index)

    def taken_over() -> bool:
        return any(
            seen.resource == "leases"
            and seen.verb != "get"
            and seen.code < 300
            and seen.committed_at > struck[0]
            for index, replica in enumerate(world.replicas)
            for seen in list(replica.proxy.seen)
            if index != state["leader"]
        )

    def heal_once_taken_over() -> None:
        if struck and what != "kill" and state["leader"] >= 0 and taken_over():
            heal()

    def heal() -> None:
        """Who led goes on where it was, and is waited for until it has looked at the lease."""
        index, state["leader"] = state["leader"], -1
        proxy = world.replicas[index].proxy
        looks.append((proxy, len(proxy.seen)))
        if what == "pause":
            world.signal(world.replicas[index], signal.SIGCONT)
        else:
            proxy.partition(False)

    run.watch_honesty()
    try:
        run.walk(scenario, meanwhile=heal_once_taken_over)
        deadline = time.monotonic() + SECONDS
        while struck and what != "kill" and not _has_looked_at_lease(looks):
            heal_once_taken_over()
            if time.monotonic() > deadline:
                run.violated("one leader", "nobody took over, or who led never looked at the lease again")
                break
            time.sleep(0.03)
    finally:
        if struck and what != "kill" and state["leader"] >= 0:
            heal()
    run.outcome.faults += len(struck)
    _judge_leaders(run, struck)


def _has_looked_at_lease(looks: Sequence[tuple[Proxy, int]]) -> bool:
    return bool(looks) and all(
        any(seen.resource == "leases" and seen.code for seen in proxy.seen[count:]) for proxy, count in looks
    )


def _judge_leaders(run: Run, struck: list[float]) -> None:
    """No replica's write is committed after another has taken the lease."""
    events: list[tuple[float, int, Seen]] = sorted(
        (each.committed_at, index, each)
        for index, replica in enumerate(run.world.replicas)
        for each in list(replica.proxy.seen)
        if each.committed_at
        and each.code < 300
        and (each.writes or (each.resource == "leases" and each.verb != "get"))
    )
    holder = -1
    for at, index, seen in events:
        if seen.resource == "leases":
            if holder not in (-1, index) and struck and at > struck[0]:
                run.outcome.figures.setdefault("takeover_seconds", []).append(at - struck[0])
            holder = index
        elif holder == -1:
            holder = index
        elif index != holder:
            run.violated(
                "one leader", f"replica {index + 1} wrote {seen} after replica {holder + 1} took over"
            )


def batch(run: Run) -> None:
    """Several BatchJobs at once, the operator killed at random moments, requests failing: once per attempt."""
    world, kube, rng = run.world, run.kube, run.rng
    codes = {f"work-{number}": [rng.choice((0, 0, 1)) for _ in range(3)] for number in range(6)}
    run.outcome.about = "six jobs, kills and lost replies"
    left, noise = [10], random.Random(str(run.plan) + " faults")

    def faults(seen: Seen) -> Fault | None:
        if left[0] == 0 or not seen.writes or noise.random() > 0.3:
            return None
        left[0] -= 1
        return noise.choice(
            (
                Fault("kill", "before"),
                Fault("kill", "committed"),
                Fault("kill", "replied"),
                Fault("drop", "committed"),
                Fault("error", status=500, reason="InternalError"),
            )
        )

    world.proxy.start_plan()
    world.proxy.faults = faults
    run.watch_honesty()
    for name in codes:
        kube.create(batchjob(name, retry={"attempts": 3, "backoffSeconds": 0}))

    def pods(pod: Obj) -> str:
        labels = pod["metadata"]["labels"]
        return f"end {codes[labels['longshore.dev/batchjob']][int(labels['longshore.dev/attempt']) - 1]}"

    nodes, deadline = Nodes(pods), time.monotonic() + 40
    while True:
        world.revive()
        nodes.tick(kube)
        phases = {each["metadata"]["name"]: (each.get("status") or {}) for each in kube.list("BatchJob")}
        if all(each.get("phase") in ("Succeeded", "Failed") for each in phases.values()):
            break
        if time.monotonic() > deadline:
            run.violated("forgotten", str({name: each.get("phase") for name, each in phases.items()}))
            return
        time.sleep(0.03)
    world.proxy.calm()
    made = world.creations(kube, run.offset)
    for name, planned in codes.items():
        needed = planned.index(0) + 1 if 0 in planned else 3
        for attempt in range(1, 4):
            count = made[f"create jobs {name}-{attempt}"]
            if count != (1 if attempt <= needed else 0):
                run.violated("once", f"attempt {attempt} of {name} ({planned}) was made {count} times")
        phase = phases[name]["phase"]
        if phase != ("Succeeded" if 0 in planned else "Failed"):
            run.violated("state", f"{name} ({planned}) is {phase}")


def states(run: Run) -> None:
    """Random specs, one after another: the cluster is as a fresh object with the last of them, and a refused
    one changes nothing."""
    world, kube, rng, kind = run.world, run.kube, run.rng, run.plan.kind
    schema = generator.schema_of(kind, ROOT / "crds")
    world.proxy.start_plan()
    make, behaviour = (webapp, serve) if kind == "WebApp" else (batchjob, lambda pod: "run")
    first: Obj = {"image": "shop:1", "size": "Nano"}
    spec, walked, refused = first, 0, 0
    name = "shop" if kind == "WebApp" else "work"
    steps = rng.randint(4, 8)
    kube.create(make(name, **spec))
    try:
        start = world.settle(kube, behaviour)
        before = start
        tries = 0
        while walked < steps and tries < 60:
            tries += 1
            wanted = generator.changed(spec, schema, rng)
            wanted.setdefault("image", "shop:1")
            if wanted == spec:
                continue
            try:
                kube.request("PUT", kube.path(kind, name), _with_spec(kube.get(kind, name), wanted))
            except Refused as no:
                if no.status == 409:  # a status was written between reading and writing
                    continue
                refused += 1
                if no.status not in (400, 422) or not no.message:
                    run.violated("refusal", f"{no.status} {no.message[:200]}")
                continue
            spec, walked = wanted, walked + 1
        run.outcome.figures = {"transitions": [walked], "refused": [refused]}
        after = world.settle(kube, behaviour, quiet_seconds=0.5)
        if walked == 0 and after != before:
            run.violated("refusal", f"refused specs changed something: {difference(before, after)}")
        other = world.namespace()
        other.create(make(name) | {"spec": spec})
        fresh = world.settle(other, behaviour, quiet_seconds=0.5)
        one, two = _comparable(after), _comparable(fresh)
        if one != two:
            # A state that had not come to rest is no difference.
            after = world.settle(kube, behaviour, quiet_seconds=2.5)
            fresh = world.settle(other, behaviour, quiet_seconds=2.5)
            one, two = _comparable(after), _comparable(fresh)
        if one != two:
            run.violated("path", f"another path to {spec} ends elsewhere: {difference(two, one)}")
        if kind == "WebApp":
            kube.request("PUT", kube.path(kind, name), _with_spec(kube.get(kind, name), first))
            back = world.settle(kube, behaviour, quiet_seconds=1.0)
            if _comparable(back) != _comparable(start):
                run.violated("back", difference(_comparable(start), _comparable(back)))
        world.remove(other)
    except Stuck as stuck:
        run.violated("state", f"no rest with {spec}: {stuck}")
    run.outcome.about = f"{walked} changes, {refused} refused"


def soak(run: Run) -> None:
    """10,000 reconciles: memory, file descriptors and tasks stay where they are."""
    world, kube = run.world, run.kube
    make, behaviour = (webapp, serve) if run.plan.kind == "WebApp" else (batchjob, lambda pod: "run")
    count, target = 20, 10_000 if run.plan.seed == 0 else 500
    run.outcome.about = f"{target} reconciles"
    world.proxy.start_plan()
    for number in range(count):
        kube.create(make(f"soak-{number}"))
    world.settle(kube, behaviour)
    pid = world.operator.process.pid if world.operator.process else 0
    began, samples, touched = _reconciles(world.operator), [], 0
    while (done := _reconciles(world.operator) - began) < target:
        for number in range(count):
            touched += 1
            touch = {"metadata": {"annotations": {"touched": str(touched)}}}
            kube.patch(run.plan.kind, f"soak-{number}", touch)
        if len(samples) <= done * 20 // target:
            samples.append(_resources(pid))
    samples.append(_resources(pid))
    settled = samples[len(samples) // 4 :]
    growth = (settled[-1][0] - settled[0][0]) / 1024
    run.outcome.figures = {
        "memory_growth_kib": [growth],
        "file_descriptors": [float(each[1]) for each in settled],
        "threads": [float(each[2]) for each in settled],
    }
    if growth > 8 * 1024:
        run.violated("memory", f"{growth:.0f} KiB more after {target} reconciles")
    if settled[-1][1] > settled[0][1] + 16:
        run.violated("descriptors", f"{settled[0][1]} grew to {settled[-1][1]}")


def _reconciles(operator: OperatorProcess) -> float:
    found = re.findall(r"^longshore_reconciles_total\{.*\} (\S+)$", operator.metrics(), re.MULTILINE)
    return sum(map(float, found))


def _resources(pid: int) -> tuple[int, int, int]:
    """Resident bytes, file descriptors, threads."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]
    threads = int(re.search(r"Threads:\s+(\d+)", status)[1])  # type: ignore[index]
    return resident, len(list(Path(f"/proc/{pid}/fd").iterdir())), threads


def _comparable(state: State) -> State:
    """Without what rightly remembers the path: revisions that were, and how often it was rolled out."""
    found = {}
    current = {
        each
        for name, obj in state.items()
        if name.startswith("WebApp/")
        for each in [f"ControllerRevision/{(obj.get('status', {}).get('revision') or {}).get('current')}"]
    }
    for name, obj in state.items():
        if name.startswith("ControllerRevision/") and name not in current:
            continue
        obj = dict(obj)
        if "status" in obj:
            obj["status"] = {key: value for key, value in obj["status"].items() if key != "revisions"}
        if name.startswith(("Deployment/", "ControllerRevision/")):
            obj.pop("revision", None)
            metadata = dict(obj["metadata"])
            metadata["annotations"] = {
                key: value
                for key, value in (metadata.get("annotations") or {}).items()
                if key != "deployment.kubernetes.io/revision"
            }
            obj["metadata"] = metadata
        found[name] = obj
    return found


def _with_spec(obj: Obj, spec: Obj) -> Obj:
    return {**obj, "spec": spec}


def _mischief(kube: Kube, act: str, rng: random.Random) -> None:
    what, kind = act.split(" ", 1)
    objects = [
        each
        for each in kube.list(kind)
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") == "longshore"
    ]
    if not objects:
        return
    obj = rng.choice(objects)
    name = obj["metadata"]["name"]
    change: dict[str, Obj] = {
        "orphan": {"metadata": {"ownerReferences": None}},
        "label": {
            "metadata": {
                "labels": {"app.kubernetes.io/managed-by": "longshore", "app.kubernetes.io/name": "x"}
            }
        },
        "scale": {"spec": {"replicas": 0}},
        "port": {"spec": {"ports": [{"name": "http", "port": 81, "targetPort": 81}]}},
        "data": {"data": {"file-0": "evil"}},
        "limit": {"spec": {"maxReplicas": 9}},
        "budget": {"spec": {"maxUnavailable": 3}},
        "token": {"automountServiceAccountToken": True},
    }
    if what == "delete":
        kube.delete(kind, name)
    else:
        kube.patch(kind, name, change[what])


_MISCHIEF = {
    "WebApp": (
        "delete Deployment", "delete Service", "delete PodDisruptionBudget", "delete HorizontalPodAutoscaler",
        "delete ServiceAccount", "delete ConfigMap", "orphan Deployment", "orphan Service", "orphan ConfigMap",
        "label Service", "label Deployment", "port Service", "limit HorizontalPodAutoscaler",
        "budget PodDisruptionBudget", "token ServiceAccount", "delete ControllerRevision",
    ),
    "BatchJob": ("orphan Job",),
}  # fmt: skip


def _recreate(kind: str, make: Callable[..., Obj], name: str) -> Callable[[Kube], object]:
    def act(kube: Kube) -> None:
        kube.delete(kind, name)
        deadline = time.monotonic() + 10
        while any(kube.list(each) for each in ("Deployment", "Job")) and time.monotonic() < deadline:
            for pod in kube.list("Pod"):
                if "deletionTimestamp" in pod["metadata"]:
                    kube.let_go(pod)
            time.sleep(0.05)
        kube.create(make(name))

    return act


_STALE = {
    "WebApp": (
        ("recreated", lambda kube: kube.create(webapp()), serve, _recreate("WebApp", webapp, "shop"), serve),
        (
            "updated",
            lambda kube: kube.create(webapp()),
            serve,
            lambda kube: kube.patch("WebApp", "shop", {"spec": {"image": "shop:2"}}),
            serve,
        ),
        (
            "child deleted",
            lambda kube: kube.create(webapp(scaling={"minReplicas": 2})),
            serve,
            lambda kube: kube.delete("Service", "shop"),
            serve,
        ),
        (
            "deleted",
            lambda kube: kube.create(webapp()),
            serve,
            lambda kube: kube.delete("WebApp", "shop"),
            serve,
        ),
        (
            "another",
            lambda kube: kube.create(webapp("other")),
            serve,
            lambda kube: kube.create(webapp()),
            serve,
        ),
    ),
    "BatchJob": (
        (
            "recreated",
            lambda kube: kube.create(batchjob()),
            lambda pod: "run",
            _recreate("BatchJob", batchjob, "work"),
            lambda pod: "run",
        ),
        (
            "finished",
            lambda kube: kube.create(batchjob()),
            lambda pod: "run",
            lambda kube: None,
            ends(0),
        ),
        (
            "retried",
            lambda kube: kube.create(batchjob(retry={"attempts": 3, "backoffSeconds": 0})),
            lambda pod: "run",
            lambda kube: None,
            ends(1, 1, 0),
        ),
        (
            "deleted",
            lambda kube: kube.create(batchjob()),
            lambda pod: "run",
            lambda kube: kube.delete("BatchJob", "work"),
            lambda pod: "run",
        ),
        (
            "another",
            lambda kube: kube.create(batchjob("other")),
            ends(0),
            lambda kube: kube.create(batchjob()),
            ends(0),
        ),
    ),
}


_TELLING_OF_RELEASES = ("controllerrevisions", "deployments", "jobs")
"""Kinds that tell that a release has run: what an old cache of all of them would have run again."""
_STALE_RELEASES: tuple[Act, ...] = (
    (
        "its Job is deleted after it succeeded",
        lambda kube: kube.create(webapp(release=RELEASE)),
        released,
        lambda kube: kube.delete("Job", kube.list("Job")[0]["metadata"]["name"]),
        released,
    ),
    (
        "it succeeds",
        lambda kube: kube.create(webapp(release=RELEASE)),
        releasing,
        lambda kube: None,
        released,
    ),
    (
        "it fails",
        lambda kube: kube.create(webapp(image="shop:unmigrated", release=RELEASE)),
        releasing,
        lambda kube: None,
        released,
    ),
    (
        "the spec goes on",
        lambda kube: kube.create(webapp(release=RELEASE)),
        releasing,
        lambda kube: kube.patch("WebApp", "shop", {"spec": {"image": "shop:2"}}),
        released,
    ),
    (
        "made anew",
        lambda kube: kube.create(webapp(release=RELEASE)),
        released,
        _recreate("WebApp", lambda name="shop", **spec: webapp(name, release=RELEASE, **spec), "shop"),
        released,
    ),
)
