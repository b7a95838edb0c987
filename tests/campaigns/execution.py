"""Which campaigns there are, and how one plan of any is run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.campaigns.campaigns import (
    SEVERAL,
    Outcome,
    Plan,
    References,
    Run,
    batch,
    canary,
    crash,
    errors,
    exposure,
    monkey,
    pairs,
    quiet,
    release,
    replicas,
    soak,
    stale,
    states,
    unobserved,
)
from tests.campaigns.waiting import queues, schedules
from tests.campaigns.world import World


@dataclass(frozen=True, slots=True)
class Campaign:
    """How a campaign runs, and how many plans of it a full run has for each kind."""

    run: Callable[[Run], None]
    webapp: int
    batchjob: int


CAMPAIGNS = {
    "crash": Campaign(crash, 90, 80),
    "errors": Campaign(errors, 30, 30),
    "unobserved": Campaign(unobserved, 25, 25),
    "stale": Campaign(stale, 25, 25),
    "monkey": Campaign(monkey, 15, 10),
    "quiet": Campaign(quiet, 6, 8),
    "replicas": Campaign(replicas, 9, 9),
    "batch": Campaign(batch, 0, 15),
    "release": Campaign(release, 45, 0),
    "exposure": Campaign(exposure, 30, 0),
    "canary": Campaign(canary, 45, 0),
    "pairs": Campaign(pairs, 0, 30),
    "queues": Campaign(queues, 0, 60),
    "schedules": Campaign(schedules, 0, 18),
    "states": Campaign(states, 20, 12),
    "soak": Campaign(soak, 1, 1),
}


def execute(plan: Plan, world: World, references: References) -> Outcome:
    """Runs one plan. What goes wrong in the harness itself is raised."""
    began = time.monotonic()
    if plan.campaign not in SEVERAL:
        world.with_replicas(1)
    run = Run(plan, world, references, world.namespace(), Outcome(plan), world.audit_offset())
    try:
        CAMPAIGNS[plan.campaign].run(run)
        if plan.campaign == "replicas" or not run.outcome.violations:
            run.finish()
    except AssertionError as died:  # the operator didn't start
        run.violated("alive", str(died)[-600:])
    finally:
        for replica in world.replicas:
            replica.proxy.calm()
        world.remove(run.kube)
    run.outcome.seconds = time.monotonic() - began
    return run.outcome
