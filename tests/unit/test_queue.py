"""The work queue, with a clock that tests turn."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from longshore.runtime.queue import Key, WorkQueue


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


A, B = Key("WebApp", "prod", "a"), Key("WebApp", "prod", "b")


def queue() -> tuple[WorkQueue, Clock]:
    clock = Clock()
    return WorkQueue(clock, base_seconds=1, max_seconds=300, jitter=lambda: 1.0), clock


def test_a_key_that_is_added_twice_runs_once() -> None:
    work, _ = queue()
    work.add(A)
    work.add(A)
    assert (work.take(), work.take()) == (A, None)


def test_a_key_that_is_added_while_it_runs_runs_once_more() -> None:
    work, _ = queue()
    work.add(A)
    work.take()
    work.add(A)
    assert work.take() is None
    work.done(A, failed=False)
    assert work.take() == A


def test_failures_back_off_to_a_limit_and_a_success_resets() -> None:
    work, clock = queue()
    work.add(A)
    pauses = [failed_pause(work, clock) for _ in range(11)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert work.take() == A
    work.done(A, failed=False)
    work.add(A)
    assert failed_pause(work, clock) == 1


def failed_pause(work: WorkQueue, clock: Clock) -> float:
    """The key runs and fails; seconds until it is due again, when it is put back."""
    assert work.take() == A
    work.done(A, failed=True)
    before = clock.now
    while not work.due():
        clock.now += 1
    return clock.now - before


def test_the_servers_retry_after_wins_over_the_backoff() -> None:
    work, clock = queue()
    work.add(A)
    work.take()
    work.done(A, failed=True, retry_after=42)
    clock.now = 41.9
    assert work.take() is None
    clock.now = 42.0
    assert work.take() == A


def test_a_failing_key_does_not_hold_another() -> None:
    work, _ = queue()
    work.add(A)
    work.take()
    work.done(A, failed=True)
    work.add(B)
    assert work.take() == B


def test_namespaces_take_turns_and_within_one_the_oldest_comes_first() -> None:
    work, _ = queue()
    crowd = [Key("BatchJob", "crowd", str(number)) for number in range(100)]
    for key in [*crowd, A, B]:
        work.add(key)
    assert [work.take() for _ in range(5)] == [crowd[0], A, crowd[1], B, crowd[2]]
    assert len(work) == 97


def test_an_event_does_not_wait_for_what_was_planned_later() -> None:
    work, clock = queue()
    work.add_after(A, 100)
    work.add(A)
    assert work.take() == A
    work.done(A, failed=False)
    clock.now = 100
    assert work.take() is None


def test_the_earlier_of_two_plans_holds() -> None:
    work, clock = queue()
    work.add_after(A, 100)
    work.add_after(A, 10)
    work.add_after(A, 50)
    clock.now = 10
    assert work.take() == A


def test_plans_that_events_overtake_do_not_pile_up() -> None:
    work, _ = queue()
    for _ in range(1000):
        work.add(A)
        work.take()
        work.done(A, failed=False)
        work.add_after(A, 604800)
    assert len(work._later) <= 110


def test_a_backlog_is_not_stuck_while_runs_come_to_an_end() -> None:
    work, clock = queue()
    work.add(A)
    work.add(B)
    for clock.now in (100.0, 200.0):
        assert work.oldest_seconds() == work.stuck_seconds() == clock.now
    work.take()
    work.done(A, failed=False)
    clock.now = 230.0
    assert (work.oldest_seconds(), work.stuck_seconds()) == (230.0, 30.0)


class Queue(RuleBasedStateMachine):
    """Every key that was added is run, never by two workers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.work, self.clock = queue()
        self.running: set[Key] = set()
        self.owed: set[Key] = set()

    keys = some.sampled_from([A, B, Key("BatchJob", "prod", "a")])

    @rule(key=keys)
    def add(self, key: Key) -> None:
        self.work.add(key)
        self.owed.add(key)

    @rule()
    def take(self) -> None:
        key = self.work.take()
        if key is not None:
            assert key not in self.running
            self.running.add(key)
            self.owed.discard(key)

    @rule(failed=some.booleans())
    def done(self, failed: bool) -> None:
        if self.running:
            key = self.running.pop()
            self.work.done(key, failed=failed)
            if failed:
                self.owed.add(key)

    @rule(seconds=some.integers(0, 1000))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def nothing_that_is_owed_is_forgotten(self) -> None:
        copy = self.owed - self.running
        later = {key for _, key in self.work._later if key in self.work._when}
        assert copy <= set(self.work._due) | later


Queue.TestCase.settings = settings(max_examples=100, deadline=None)
TestQueue = Queue.TestCase
