"""The index decides as a plain model does, and as it would if it were made anew, whatever has happened."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
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


class Cluster:
    """The index and the model side by side; after each change both hold a round."""

    def __init__(self, seed: int) -> None:
        self.rng, self.now, self.number, self.resized = random.Random(seed), 1000.0, 0, False
        self.index, self.model = Admission(DEPTH, SHARE_DEPTH), Model(DEPTH, SHARE_DEPTH)
        fair, choice = self.rng.random() < 0.7, self.rng.choice
        self._place(Environment("large", Amounts(8000, 64, 2)))
        self._place(Environment("small", Amounts(3000, 16, 0)))
        self._place(Environment("arm", Amounts(4000, 32, 0), nodes=Nodes(architecture="arm64")))
        weights = (("a", 3), ("b*", 2))
        self._queue(
            Queue("one", ("large", "small"), half_life_seconds=50.0 if fair else None, weights=weights)
        )
        self._queue(
            Queue(
                "two",
                ("small", "arm"),
                5,
                max_running=choice([None, 3]),
                max_waiting=choice([None, 1, 2]),
                backfill=choice([True, False]),
            )
        )
        self._queue(Queue("three", ("large", "arm"), half_life_seconds=20.0, namespaces=("team-*",)))

    def step(self) -> None:
        """One thing happens."""
        acts = {
            self.submit: 40, self.a_job_ends: 30, self.time_passes: 10, self.one_waits_no_more: 6,
            self.a_queue_changes: 2, self.an_environment_changes: 1 if self.number > 60 else 0,
        }  # fmt: skip
        self.now += self.rng.choice([0, 0, 1, 5, 30])
        self.rng.choices(list(acts), list(acts.values()))[0]()
        self._round()
        for uid in self.model.waiting:
            assert explain(self.index, uid).message

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
            assert all(min(self.model.free(name)) >= 0 for name in PLACES)
            if self.number % 4 == 0:
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

    def submit(self) -> None:
        choice = self.rng.choice
        self.number += 1
        need = Amounts(500 * choice([1, 1, 2, 2, 4, 6, 9]), choice([1, 2, 8, 20]), choice([0, 0, 0, 1, 2]))
        shape = Shape(
            choice(["team-x", "team-y", "other"]), need, Nodes(choice([None, None, "arm64", "amd64"]))
        )
        uid, priority = f"job-{self.number}", choice([0, 0, 1, 2])
        share, age = choice(["", "a", "b1", "b2", "c"]), choice([0, 3, 20])
        request = Request(uid, choice(NAMES), share, priority, self.now - age, uid, shape)
        self.index.ask(request)
        self.model.waiting[uid] = request

    def time_passes(self) -> None:
        self.now += self.rng.randint(1, 60)

    def a_job_ends(self) -> None:
        if running := self.model.running():
            run = self.rng.choice(running)
            self.index.release(run.claim.uid, self.now)
            self.model.end(run.claim.uid, self.now)

    def one_waits_no_more(self) -> None:
        if self.model.waiting:
            uid = self.rng.choice(sorted(self.model.waiting))
            self.index.withdraw(uid)
            del self.model.waiting[uid]

    def an_environment_changes(self) -> None:
        self.resized = True
        before = self.model.environments[self.rng.choice(PLACES)]
        capacity = before.capacity._replace(cpu_millis=self.rng.randint(1, 9) * 1000)
        self._place(replace(before, capacity=capacity, enabled=self.rng.random() < 0.8))

    def a_queue_changes(self) -> None:
        state = self.rng.choice(["Open", "Open", "Draining", "Stopped"])
        since = self.now - 10 if state == "Draining" else None
        before = self.model.queues[self.rng.choice(NAMES)]
        self._queue(replace(before, state=state, draining_since=since, priority=self.rng.choice([0, 5, 6])))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(24))
def test_the_index_decides_as_the_plain_model_does(seed: int) -> None:
    cluster = Cluster(seed)
    for _ in range(150):
        cluster.step()
    assert len(cluster.model.runs) > 10
