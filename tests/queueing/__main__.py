"""python -m tests.queueing [--jobs 100000] [--seed 1]: the simulation at its full size, and what an admission costs.

The second part fills a queue with more and more waiting jobs and measures, for each, the time from a slot
that becomes free to the decision who gets it.
"""

from __future__ import annotations

import argparse
import random
import time

from longshore.queueing.admission import Admission
from longshore.queueing.amounts import Amounts
from longshore.queueing.explain import explain
from longshore.queueing.model import Environment, Nodes, Queue, Request, Shape

from tests.queueing.simulation import WEIGHTS, simulate, workload


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    outcome = simulate(workload(options.jobs, options.seed))
    total = sum(outcome.used.values())
    print(
        f"{options.jobs} jobs in {time.perf_counter() - began:.0f} s, {len(outcome.order)} admitted, {len(outcome.broken)} broken"
    )
    for share, weight in WEIGHTS:
        wanted, got = weight / sum(each for _, each in WEIGHTS), outcome.used.get(share, 0.0) / total
        print(
            f"share {share}: {got:.4f} of what was used while all waited, {wanted:.4f} by weight, {got / wanted - 1:+.2%}"
        )
    print(f"a round: {quantiles(outcome.rounds)}; longest wait {max(outcome.waited.values()):.0f} s")
    for waiting in (500, 5_000, 50_000):
        print(
            f"{waiting} waiting, 5000 running: a freed slot is decided on in {quantiles(slots(waiting, 5_000))}"
        )


def slots(waiting: int, running: int, rounds: int = 300) -> list[float]:
    """Seconds from a freed slot to the decision, with 100 shares and so much waiting and running."""
    rng, admission, now = random.Random(7), Admission(), 0.0
    admission.set_environment(Environment("pool", Amounts(running * 1000, running << 30, 0)))
    admission.set_queue(Queue("jobs", ("pool",), half_life_seconds=600.0), now)
    for number in range(running + waiting + rounds):
        shape = Shape("team", Amounts(1000, 1 << 30, 0), Nodes())
        admission.ask(
            Request(
                f"{number}",
                "jobs",
                f"share-{rng.randrange(100)}",
                rng.randrange(5),
                float(number),
                f"{number}",
                shape,
            )
        )
        if number == running - 1:
            admission.round(now)
    taken, spent = list(admission.claims), []
    for _ in range(rounds):
        now += 1
        began = time.perf_counter()
        admission.release(taken.pop(rng.randrange(len(taken))), now)
        (grant,) = admission.round(now)
        spent.append(time.perf_counter() - began)
        taken.append(grant.request.uid)
    assert all(explain(admission, uid).reason for uid in list(admission._where)[:100])
    return spent


def quantiles(seconds: list[float]) -> str:
    """Median, 99th percentile and maximum, in ms."""
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return f"p50 {p50 * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms, at most {ordered[-1] * 1000:.2f} ms"


if __name__ == "__main__":
    main()
