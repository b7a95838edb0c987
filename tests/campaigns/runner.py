"""Runs many plans, each worker in a cluster of its own, and hunts for seeded bugs."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.campaigns.bugs import BUGS, Caught, patched
from tests.campaigns.campaigns import Outcome, Plan, References
from tests.campaigns.execution import CAMPAIGNS, execute
from tests.campaigns.world import World

_print = threading.Lock()


def plans(campaigns: Sequence[str], kinds: Sequence[str], count: int | None) -> list[Plan]:
    """The plans of a full run, or `count` of each campaign and kind."""
    found = []
    for name in campaigns:
        campaign = CAMPAIGNS[name]
        for kind, full in (("WebApp", campaign.webapp), ("BatchJob", campaign.batchjob)):
            if kind in kinds:
                found += [
                    Plan(name, kind, seed) for seed in range(full if count is None else min(count, full))
                ]
    return found


@contextmanager
def recorded() -> Iterator[References]:
    """What is right, as the code without bugs says it in a cluster of its own; for all plans together."""
    with tempfile.TemporaryDirectory(prefix="campaigns-") as folder, World(Path(folder)) as home:
        yield References(home)


def run(
    todo: Sequence[Plan],
    workers: int,
    references: References,
    keep: Callable[[Outcome], object] = lambda outcome: None,
) -> list[Outcome]:
    """Runs the plans, each worker in a cluster of its own; the order doesn't matter."""
    waiting, outcomes, began = list(reversed(todo)), [], time.monotonic()
    lock = threading.Lock()

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="campaigns-") as folder, World(Path(folder)) as world:
            while True:
                with lock:
                    if not waiting:
                        return
                    plan = waiting.pop()
                outcome = execute(plan, world, references)
                with lock:
                    outcomes.append(outcome)
                keep(outcome)
                tell(outcome, len(outcomes), len(todo), time.monotonic() - began)

    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work) for _ in range(workers)]:
            future.result()
    return outcomes


def tell(outcome: Outcome, number: int, of: int, seconds: float) -> None:
    with _print:
        verdict = "VIOLATED" if outcome.violations else "ok"
        print(
            f"[{seconds:5.0f} s] {number}/{of} {outcome.plan} ({outcome.about}): {verdict}, {outcome.seconds:.1f} s",
            flush=True,
        )
        for violation in outcome.violations:
            print(f"    {violation}", flush=True)


def hunt(
    names: Sequence[str],
    workers: int,
    most: int,
    references: References,
    keep: Callable[[Caught], object] = lambda caught: None,
) -> list[Caught]:
    """Runs the code with each seeded bug until a plan sees it, each worker in a cluster of its own."""
    waiting, caught, lock = list(reversed(names)), [], threading.Lock()

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="campaigns-") as folder, World(Path(folder)) as world:
            while True:
                with lock:
                    if not waiting:
                        return
                    name = waiting.pop()
                world.run_code(patched(BUGS[name], Path(folder) / name))
                found = _hunt_one(name, world, references, most)
                with lock:
                    caught.append(found)
                keep(found)
                with _print:
                    print(found, flush=True)

    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work) for _ in range(workers)]:
            future.result()
    return caught


def _hunt_one(name: str, world: World, references: References, most: int) -> Caught:
    for number, plan in enumerate(BUGS[name].plans(most), 1):
        outcome = execute(plan, world, references)
        if outcome.violations:
            return Caught(name, plan, number, str(outcome.violations[0]))
    return Caught(name, None, most, "")
