"""`python -m tests.campaigns`: runs campaigns, replays one plan, or shows that seeded bugs are caught."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.campaigns import report
from tests.campaigns.bugs import BUGS, Caught, patched
from tests.campaigns.campaigns import CAMPAIGNS, Outcome, Plan, References, execute
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


def run(todo: Sequence[Plan], workers: int, code: Path | None = None) -> list[Outcome]:
    """Runs the plans, each worker in a cluster of its own; the order doesn't matter."""
    waiting, outcomes, references, began = list(reversed(todo)), [], References(), time.monotonic()
    lock = threading.Lock()

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="campaigns-") as folder, World(Path(folder), code) as world:
            while True:
                with lock:
                    if not waiting:
                        return
                    plan = waiting.pop()
                outcome = execute(plan, world, references)
                with lock:
                    outcomes.append(outcome)
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


def hunt(names: Sequence[str], workers: int, most: int) -> list[Caught]:
    """Runs the code with each seeded bug until a plan sees it."""
    waiting, caught, references, lock = list(reversed(names)), [], References(), threading.Lock()
    with tempfile.TemporaryDirectory(prefix="campaigns-") as folder, World(Path(folder)) as world:
        # What is right is said by the code without the bug.
        for campaign in sorted({BUGS[name].campaign for name in names}):
            for kind in ("WebApp", "BatchJob"):
                if CAMPAIGNS[campaign].batchjob and (kind == "BatchJob" or CAMPAIGNS[campaign].webapp):
                    for seed in range(5 if campaign == "stale" else 1):
                        execute(Plan(campaign, kind, seed), world, references)

    def work() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                name = waiting.pop()
            found = hunt_one(name, references, most)
            with lock:
                caught.append(found)
            with _print:
                print(found, flush=True)

    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work) for _ in range(workers)]:
            future.result()
    return caught


def hunt_one(name: str, references: References, most: int) -> Caught:
    bug = BUGS[name]
    with (
        tempfile.TemporaryDirectory(prefix="campaigns-") as folder,
        World(Path(folder), patched(bug, Path(folder) / "code")) as world,
    ):
        for number, plan in enumerate(bug.plans(most), 1):
            outcome = execute(plan, world, references)
            if outcome.violations:
                return Caught(name, plan, number, str(outcome.violations[0]))
    return Caught(name, None, most, "")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument(
        "--campaign", choices=CAMPAIGNS, action="append", help="only this one; may be repeated"
    )
    parser.add_argument("--kind", choices=("WebApp", "BatchJob"), action="append", help="only this kind")
    parser.add_argument("--seed", type=int, help="replay the one plan of this seed")
    parser.add_argument("--plans", type=int, help="at most so many of each campaign and kind")
    parser.add_argument("--bug", action="append", choices=BUGS, help="run the code with this seeded bug")
    parser.add_argument("--bugs", action="store_true", help="show that every seeded bug is caught")
    parser.add_argument("--workers", type=int, default=2, help="clusters at once; default 2")
    parser.add_argument("--report", type=Path, help="write the report to this file")
    chosen = parser.parse_args()
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # operators die in the middle of requests here
    kinds = chosen.kind or ("WebApp", "BatchJob")
    todo = plans(chosen.campaign or list(CAMPAIGNS), kinds, chosen.plans)
    if chosen.seed is not None:
        todo = [Plan(name, kind, chosen.seed) for name in chosen.campaign or () for kind in kinds]
    began = time.monotonic()
    if chosen.bug:
        caught, outcomes = hunt(chosen.bug, chosen.workers, 60), []
    else:
        outcomes = run(todo, min(chosen.workers, len(todo)))
        caught = hunt(list(BUGS), chosen.workers, 60) if chosen.bugs else []
    text = report.text(outcomes, caught, time.monotonic() - began)
    print(text)
    if chosen.report:
        chosen.report.write_text(text)
    missed = [each for each in caught if each.plan is None]
    return 1 if missed or any(each.violations for each in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
