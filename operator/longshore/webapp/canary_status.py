"""What is said of a revision that is tried: the step, the share, and what it waits for."""

from __future__ import annotations

from dataclasses import replace

from longshore.webapp.canary import (
    Canary,
    State,
    app_replicas,
    fleet_of,
    pause_ends,
    steps_of,
    wanted_replicas,
)
from longshore.webapp.facts import Facts
from longshore.webapp.rollout import Rollout
from longshore.workload.conditions import Condition, timestamp
from longshore.workload.decision import Obj


def summary(facts: Facts, rollout: Rollout) -> Obj | None:
    """status.rollout; None where no revision is tried, and none was given up."""
    state = rollout.canary.state
    if state is not None:
        return state.dump(message(facts, rollout))
    told = State.load(facts.status.get("rollout"))
    if rollout.failed is None or told is None or told.revision != rollout.wanted:
        return None
    return replace(told, phase="Aborted").dump(f"given up: {rollout.failed.reason}, {rollout.failed.message}")


def progressing(facts: Facts, rollout: Rollout, available: bool) -> Condition:
    state = rollout.canary.state
    assert state is not None
    reason = "AwaitingApproval" if state.phase == "AwaitingApproval" else "Canary"
    serving = f"; {rollout.last_good} serves beside it" if available else ""
    if state.phase == "Promoting":
        serving = ""
    return Condition("Progressing", True, reason, f"{message(facts, rollout)}{serving}")


def message(facts: Facts, rollout: Rollout) -> str:
    """Step, share, and what it waits for, in a sentence that stays the same while nothing happens."""
    canary, steps = rollout.canary, steps_of(facts)
    state = canary.state
    assert state is not None
    if state.phase == "Promoting":
        return f"revision {state.revision} passed its steps and replaces {rollout.last_good} on all replicas"
    at = f"step {state.step} of {len(steps)}"
    if state.phase == "GettingReady":
        return f"{at}: {_getting_ready(facts, canary, state, steps[state.step - 1].weight)}"
    if state.phase == "Suspended":
        return f"{at}: suspended"
    return f"{at}: {_share(facts, state)}, {_waits(facts, canary, state)}"


def _getting_ready(facts: Facts, canary: Canary, state: State, weight: int) -> str:
    fleet = fleet_of(facts)
    count = wanted_replicas(facts, weight)
    ready = min(fleet.available, count) if fleet and fleet.revision == state.revision else 0
    why = f": {canary.failure.message}" if canary.failure else ""
    late = f". {canary.waits_for}" if canary.waits_for else ""
    return f"for {weight} % of requests {ready} of {count} replicas of revision {state.revision} are ready{why}{late}"


def _waits(facts: Facts, canary: Canary, state: State) -> str:
    if state.phase == "AwaitingApproval":
        also = f"; {canary.waits_for}" if canary.waits_for else ""
        return f"waits for approval: longshore approve {facts.name}{also}"
    end = pause_ends(facts, state)
    until = f"until {timestamp(end)}" if end else ""
    return f"{until}; {canary.waits_for}" if canary.waits_for else until


def _share(facts: Facts, state: State) -> str:
    """The share that was asked for, and, where the replicas give another, theirs."""
    if facts.routed:
        return f"{state.weight} % of requests"
    tried = wanted_replicas(facts, state.weight)
    together = tried + app_replicas(facts)
    share = round(100 * tried / together)
    if share == state.weight:
        return f"{state.weight} % of requests"
    return (
        f"{share} % of requests by {tried} of {together} replicas, for {state.weight} % that were asked for"
    )
