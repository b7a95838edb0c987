"""The index decides as a plain model does, and as it would if it were made anew, whatever has happened."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from longshore.queueing.admission import Admission
from longshore.queueing.amounts import Amounts
from longshore.queueing.explain import explain
from longshore.queueing.model import Environment, Nodes, Queue, Request, Shape
from longshore.queueing.snapshot import Snapshot, admit
from longshore.queueing.usage import Usage

from tests.queueing.model import Model

DEPTH, SHARE_DEPTH = 4, 2
NAMES = ("one", "two", "three")
PLACES = ("large", "small", "arm")


class Cluster(RuleBasedStateMachine):
    """The index and the model side by side; after each change both hold a round."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.number = 1000.0, 0
        self.index, self.model = Admission(DEPTH, SHARE_DEPTH), Model(DEPTH, SHARE_DEPTH)
        self.resized = False

    @initialize(
        fair=some.booleans(), maximum=some.sampled_from([None, 2]), waiting=some.sampled_from([None, 3])
    )
    def set_up(self, fair: bool, maximum: int | None, waiting: int | None) -> None:
        self._place(Environment("large", Amounts(8000, 64, 2)))
        self._place(Environment("small", Amounts(3000, 16, 0)))
        self._place(Environment("arm", Amounts(4000, 32, 0), nodes=Nodes(architecture="arm64")))
        weights = (("a", 3), ("b*", 2))
        self._queue(
            Queue("one", ("large", "small"), half_life_seconds=50.0 if fair else None, weights=weights)
        )
        self._queue(Queue("two", ("small", "arm"), priority=5, max_running=maximum, max_waiting=waiting))
        self._queue(Queue("three", ("large",), half_life_seconds=20.0, namespaces=("team-*",)))

    def _place(self, environment: Environment) -> None:
        self.index.set_environment(environment)
        self.model.environments[environment.name] = environment

    def _queue(self, queue: Queue) -> None:
        if self.model.queues.get(queue.name) == queue:
            return
        self.index.set_queue(queue, self.now)
        self.model.queues[queue.name] = queue
        self.model.turns.pop(queue.name, None)

    def _round(self) -> None:
        self.model.forget_turns()
        if not self.resized:
            self._anew()
        grants = [(each.request.uid, each.environment) for each in self.index.round(self.now)]
        assert grants == self.model.round(self.now)

    def _anew(self) -> None:
        """An index that is made of what is known now comes to the same."""
        usage = {
            (name, share): Usage(each.past, each.at)
            for name, line in self.index.lines.items()
            for share, found in line.usage.items()
            if (half_life := self.model.queues[name].half_life_seconds) is not None
            for each in [found.until(self.now, half_life)]
        }
        waiting = [each for line in self.index.lines.values() for each in line.requests()]
        snapshot = Snapshot(
            tuple(self.model.queues.values()),
            tuple(self.model.environments.values()),
            tuple(self.index.claims.values()),
            tuple(waiting),
            usage,
            {name: line.turn for name, line in self.index.lines.items() if line.turn is not None},
        )
        expected = Model(
            DEPTH,
            SHARE_DEPTH,
            self.model.queues,
            self.model.environments,
            dict(self.model.waiting),
            list(self.model.runs),
            dict(self.model.turns),
        ).round(self.now)
        outcome = admit(snapshot, self.now, DEPTH, SHARE_DEPTH)
        assert [(each.request.uid, each.environment) for each in outcome.grants] == expected

    @rule(
        queue=some.sampled_from(NAMES),
        share=some.sampled_from(["", "a", "b1", "b2", "c"]),
        priority=some.integers(0, 2),
        age=some.integers(0, 30),
        need=some.tuples(some.integers(1, 9), some.integers(1, 20), some.integers(0, 2)),
        namespace=some.sampled_from(["team-x", "other"]),
        architecture=some.sampled_from([None, None, "arm64", "amd64"]),
    )
    def submit(
        self,
        queue: str,
        share: str,
        priority: int,
        age: int,
        need: tuple[int, int, int],
        namespace: str,
        architecture: str | None,
    ) -> None:
        self.number += 1
        shape = Shape(namespace, Amounts(need[0] * 500, need[1], need[2]), Nodes(architecture=architecture))
        uid = f"job-{self.number}"
        request = Request(uid, queue, share, priority, self.now - age, uid, shape)
        self.index.ask(request)
        self.model.waiting[uid] = request
        self._round()

    @rule(seconds=some.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self._round()

    @precondition(lambda self: self.model.running())
    @rule(data=some.data(), seconds=some.integers(0, 40))
    def a_job_ends(self, data: some.DataObject, seconds: int) -> None:
        self.now += seconds
        run = data.draw(some.sampled_from(self.model.running()))
        self.index.release(run.claim.uid, self.now)
        self.model.end(run.claim.uid, self.now)
        self._round()

    @precondition(lambda self: self.model.waiting)
    @rule(data=some.data())
    def one_waits_no_more(self, data: some.DataObject) -> None:
        uid = data.draw(some.sampled_from(sorted(self.model.waiting)))
        self.index.withdraw(uid)
        del self.model.waiting[uid]
        self._round()

    @rule(name=some.sampled_from(PLACES), cpu=some.integers(0, 9), enabled=some.booleans())
    def an_environment_changes(self, name: str, cpu: int, enabled: bool) -> None:
        self.resized = True
        before = self.model.environments[name]
        capacity = before.capacity._replace(cpu_millis=cpu * 1000)
        self._place(replace(before, capacity=capacity, enabled=enabled))
        self._round()

    @rule(
        name=some.sampled_from(NAMES),
        state=some.sampled_from(["Open", "Draining", "Stopped"]),
        priority=some.integers(0, 6),
    )
    def a_queue_changes(self, name: str, state: str, priority: int) -> None:
        since = self.now - 10 if state == "Draining" else None
        before = self.model.queues[name]
        self._queue(replace(before, state=state, draining_since=since, priority=priority))  # type: ignore[arg-type]
        self._round()

    @invariant()
    def no_more_is_taken_than_there_is(self) -> None:
        if not self.resized:
            assert all(min(self.model.free(name)) >= 0 for name in self.model.environments)

    @invariant()
    def everybody_who_waits_is_told_why(self) -> None:
        for uid in self.model.waiting:
            wait = explain(self.index, uid)
            assert wait.reason
            assert wait.message


Cluster.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCluster = Cluster.TestCase
