"""Days of a busy queue: shares come to their weights, nobody starves, and nobody behind a head delays it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from longshore.queueing.amounts import Amounts
from longshore.queueing.model import Environment, Grant, Nodes, Queue, Request, Shape

from tests.queueing.model import Model
from tests.queueing.simulation import ENVIRONMENT, QUEUE, WEIGHTS, Job, simulate, workload

FAIR = replace(QUEUE, half_life_seconds=100.0)
LINE = replace(QUEUE, half_life_seconds=None, weights=())


def job(uid: str, at: float, cpu: int, seconds: float, gpus: int = 0) -> Job:
    shape = Shape("team", Amounts(cpu * 1000, 1, gpus), Nodes())
    return Job(Request(uid, QUEUE.name, "", 0, at, uid, shape), seconds)


@pytest.mark.parametrize("seed", [1, 3])
def test_shares_come_to_their_weights(seed: int) -> None:
    outcome = simulate(workload(5000, seed, longest_seconds=600), (FAIR,))
    total, weights = sum(outcome.used.values()), sum(weight for _, weight in WEIGHTS)
    for share, weight in WEIGHTS:
        assert outcome.used[share] / total == pytest.approx(weight / weights, rel=0.05)
    assert len(outcome.order) == 5000
    assert outcome.broken == []


def test_the_order_is_that_of_the_plain_model() -> None:
    jobs = workload(130, 5, longest_seconds=600)
    environment = replace(ENVIRONMENT, capacity=Amounts(16_000, 64 << 30, 2))
    model = Model(500, 100, {QUEUE.name: FAIR}, {environment.name: environment})
    requests = {each.request.uid: each.request for each in jobs}
    order: list[str] = []

    def also(what: str, now: float, uid: str) -> None:
        if what == "end":
            model.end(uid, now)
        else:
            model.waiting[uid] = requests[uid]

    def compare(now: float, grants: list[Grant]) -> None:
        expected = model.round(now)
        assert [(each.request.uid, each.environment) for each in grants] == expected
        order.extend(uid for uid, _ in expected)

    assert simulate(jobs, (FAIR,), (environment,), also, compare).order == order
    assert len(order) == 130


def test_a_large_job_gets_its_room_in_a_stream_of_small_ones() -> None:
    small = [job(f"small-{number}", number / 2, 1, 60) for number in range(2000)]
    outcome = simulate(
        [*small, job("large", 100, 90, 60)],
        (LINE,),
        (replace(ENVIRONMENT, capacity=Amounts(100_000, 1 << 30, 0)),),
    )
    assert outcome.waited["large"] <= 120, (
        "the few before it begin within one life of a job, and end within another"
    )
    assert outcome.broken == []


def test_in_a_fair_queue_the_large_job_of_one_share_is_not_passed_by_the_small_ones_of_others() -> None:
    small = [job(f"small-{number}", number / 4, 1, 60) for number in range(4000)]
    small = [
        replace(each, request=replace(each.request, share=f"s{number % 5}"))
        for number, each in enumerate(small)
    ]
    large = job("large", 100, 20, 60)
    large = replace(large, request=replace(large.request, share="s9"))
    environment = replace(ENVIRONMENT, capacity=Amounts(20_000, 1 << 30, 0))
    outcome = simulate([*small, large], (replace(FAIR, weights=()),), (environment,))
    assert outcome.waited["large"] <= 120
    assert outcome.broken == []


def test_a_head_starts_when_it_would_without_those_behind_it() -> None:
    """Four gpus are taken until 100; whoever needs none runs beside, as long as the head's cpu stays free."""
    before, head = [job("running", 0, 4, 100, gpus=4)], job("head", 1, 4, 50, gpus=8)
    behind = [job(f"behind-{number}", 2 + number, 2, 30) for number in range(200)]
    alone, together = (
        simulate(jobs, (LINE,), (replace(ENVIRONMENT, capacity=Amounts(16_000, 1 << 30, 8)),))
        for jobs in ([*before, head], [*before, head, *behind])
    )
    assert alone.waited["head"] == together.waited["head"] == 99
    early = [uid for uid in together.order if uid.startswith("behind") and together.waited[uid] == 0]
    assert early[:4] == ["behind-0", "behind-1", "behind-2", "behind-3"]
    assert together.broken == []


def test_of_queues_that_share_an_environment_the_higher_priority_is_never_delayed_by_the_lower() -> None:
    high, low = replace(LINE, name="high", priority=5), replace(LINE, name="low")
    environment = Environment("pool", Amounts(10_000, 1 << 30, 0))

    def of(queue: Queue, each: Job) -> Job:
        return replace(each, request=replace(each.request, queue=queue.name))

    urgent = [of(high, job(f"high-{number}", 5.0 * number, 4, 20)) for number in range(50)]
    others = [of(low, job(f"low-{number}", 5.0 * number, 3, 15)) for number in range(50)]
    alone = simulate(urgent, (high,), (environment,))
    together = simulate([*urgent, *others], (high, low), (environment,))
    late = [together.waited[each.request.uid] - alone.waited[each.request.uid] for each in urgent]
    assert max(late) <= 15, "only what ran already when it came may be waited for"
    assert len(together.order) == 100
