"""Which step a revision that is tried has come to: a share of the requests, judged, before it gets all.

The step is kept in the status, and what runs follows from the step that is recorded there: it is recorded that a
step is left before anything of the next one is done. So a decision that was carried out in part is made again from
the same step, with the same outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from longshore.api.canary import Canary as CanarySpec
from longshore.api.canary import CanaryStep
from longshore.api.webapp_status import RolloutPhase
from longshore.webapp.analysis import Verdict, judge_measurements, judge_restarts
from longshore.webapp.children.revision import Failed
from longshore.webapp.facts import Facts
from longshore.webapp.fleet import Fleet, of_deployment
from longshore.workload.conditions import parse_time, shorten, timestamp
from longshore.workload.decision import Obj
from longshore.workload.diagnosis import Failure
from longshore.workload.names import ABORT_ANNOTATION, APPROVE_ANNOTATION, child_name

USUAL_PAUSE_SECONDS = 60
LOOK_SECONDS = 10.0
"""Replicas that get ready, and what Prometheus says, are looked at this often."""
EVERY_STEP = "all"


@dataclass(frozen=True, slots=True)
class State:
    """What the status remembers of a try."""

    revision: str
    generation: int
    """Of the WebApp when the try began: tells it from another of the same revision."""
    step: int
    weight: int
    """The share that was last given."""
    phase: RolloutPhase
    since: datetime

    @classmethod
    def load(cls, told: Obj | None) -> State | None:
        if not told:
            return None
        return cls(
            told["revision"], told["generation"], told["step"], told["weight"], told["phase"],
            parse_time(told["since"]),
        )  # fmt: skip

    def dump(self, message: str) -> Obj:
        return {
            "revision": self.revision,
            "generation": self.generation,
            "step": self.step,
            "weight": self.weight,
            "phase": self.phase,
            "since": timestamp(self.since),
            "message": shorten(message),
        }


@dataclass(frozen=True, slots=True)
class Canary:
    """Where the try of the wanted revision stands."""

    state: State | None = None
    replicas: int | None = None
    """How many replicas it is to have, at least; None where there is to be no Deployment of it."""
    promoting: bool = False
    """All replicas get the revision."""
    failed: Failed | None = None
    """Why it was found bad just now."""
    go_back: bool = False
    """Before it begins the last good revision has to be what the app's Deployment holds."""
    waits_for: str = ""
    """What keeps the step from being left though its time is over."""
    again: datetime | None = None
    """When to look again."""
    failure: Failure | None = None
    """Why its pods don't work, if they don't."""

    @property
    def under_way(self) -> bool:
        """It is tried on some replicas: the app's Deployment holds the last good revision."""
        return self.state is not None and not self.promoting


def look(
    facts: Facts,
    wanted: str,
    deployed: str | None,
    last_good: str | None,
    free: bool,
    failure: Failure | None,
    now: datetime,
) -> Canary:
    """What is to be at this moment. `free` says that nothing holds the revision up before it is tried, `failure` why
    its pods don't work."""
    told = State.load(facts.status.get("rollout"))
    found = _look(facts, told, wanted, deployed, last_good, free, failure, now)
    if found.state is not None and found.state != told:
        return replace(found, again=now)  # what follows may be due at once
    return found


def _look(
    facts: Facts,
    told: State | None,
    wanted: str,
    deployed: str | None,
    last_good: str | None,
    free: bool,
    failure: Failure | None,
    now: datetime,
) -> Canary:
    mine = told if told is not None and told.revision == wanted else None
    plan = facts.spec.rollout.canary
    if plan is None or facts.per_node or deployed is None or last_good in (None, wanted) or not free:
        return Canary()
    if mine is None and deployed == wanted:
        return Canary()  # it is being rolled out in the other way
    if mine is None or mine.phase == "Aborted":
        if deployed != last_good:
            return Canary(go_back=True)
        mine = State(wanted, facts.generation, 1, 0, "GettingReady", now)
    begins = mine is not told
    passed = mine.phase == "Promoting" or deployed == wanted
    if facts.spec.suspend and not passed:
        kept = mine if mine.phase == "Suspended" else replace(mine, phase="Suspended", weight=0, since=now)
        return Canary(kept)
    if reason := _told_to_abort(facts, mine):
        return _failed(facts, mine, "Aborted", reason)
    if passed:  # what was tried serves on until all others have been replaced
        live = facts.canary["spec"].get("replicas", 1) if facts.canary and not facts.spec.suspend else None
        return Canary(_promoted(mine, now), live, promoting=True)
    if mine.phase == "Suspended":
        mine, begins = replace(mine, phase="GettingReady", since=now), True
    mine = replace(mine, step=min(mine.step, len(plan.steps)))  # there may be fewer than there were
    if begins:
        return Canary(mine, wanted_replicas(facts, plan.steps[mine.step - 1].weight), failure=failure)
    return _at_step(facts, mine, failure, now)


def token(state: State, step: int | str) -> str:
    """What an annotation has to say for a step of exactly this try; EVERY_STEP for all that are left."""
    return f"{state.revision}/{state.generation}/{step}"


def steps_of(facts: Facts) -> tuple[CanaryStep, ...]:
    canary = facts.spec.rollout.canary
    return tuple(canary.steps) if canary else ()


def outline(canary: CanarySpec) -> str:
    """The steps in words, such as: 20 % for 60 s, 50 % until it is approved."""
    return ", ".join(
        f"{step.weight} % until it is approved"
        if step.approval
        else f"{step.weight} % for {USUAL_PAUSE_SECONDS if step.pause_seconds is None else step.pause_seconds} s"
        for step in canary.steps
    )


def wanted_replicas(facts: Facts, weight: int) -> int:
    """So many that the share is theirs; at most as many as the app has, for these are enough for all requests."""
    app = app_replicas(facts)
    if facts.routed:
        return max(1, -(-app * weight // 100))
    return max(1, min(app, (2 * app * weight + 100 - weight) // (2 * (100 - weight))))


def fleet_of(facts: Facts) -> Fleet | None:
    """The pods on which a revision is tried, as their Deployment counts them."""
    return of_deployment(facts.canary) if facts.canary else None


def backends(facts: Facts, canary: Canary) -> tuple[tuple[str, int], ...]:
    """What a route divides requests between, as names of Services and weights that add up to 100.

    It is the app's own Service as long as no replica is tried that could take requests. The others are made as soon as
    the strategy is Canary, so that their endpoints are long known when a route first sends to them; and none is sent
    where no replica is ready.
    """
    fleet = fleet_of(facts)
    if facts.spec.rollout.strategy != "Canary" or fleet is None or not fleet.available:
        return ((facts.name, 100),)
    weight = canary.state.weight if canary.state else 0
    stable = (child_name(facts.name, "stable"), 100 - weight)
    return (stable, (child_name(facts.name, "canary"), weight)) if weight else (stable,)


def _at_step(facts: Facts, mine: State, failure: Failure | None, now: datetime) -> Canary:
    plan = facts.spec.rollout.canary
    assert plan is not None
    step = plan.steps[mine.step - 1]
    count = wanted_replicas(facts, step.weight)
    patience = timedelta(seconds=facts.spec.rollout.progress_deadline_seconds)
    held = Canary(mine, count, failure=failure, again=_next_look(facts, mine, step, now))
    if bad := judge_restarts(plan.analysis, facts.pods, mine.revision):
        reason = failure.reason if failure else "AnalysisFailed"
        return _bad(facts, held, reason, f"{bad}{f': {_in_words(facts, failure)}' if failure else ''}")
    complete = _is_complete(facts, mine.revision, count)
    if mine.phase == "GettingReady":
        if _approved(facts, mine) == EVERY_STEP:
            return replace(held, state=_promoted(mine, now))
        if complete:
            phase: RolloutPhase = "AwaitingApproval" if step.approval else "Paused"
            reached = replace(mine, phase=phase, weight=step.weight, since=now)
            return replace(held, state=reached)
        if now >= mine.since + patience:
            return _too_late(facts, held)
        return held
    verdict = judge_measurements(plan.analysis, facts)
    if verdict.bad:
        return _bad(facts, held, "AnalysisFailed", verdict.bad)
    if not complete and (end := _end(mine, step)) is not None and now >= end + patience:
        return _too_late(facts, held)
    phase = "AwaitingApproval" if step.approval else "Paused"  # the spec may have been changed
    mine = replace(mine, phase=phase)
    held = replace(held, state=mine)
    return _may_leave(facts, held, verdict, complete, now)


def _may_leave(facts: Facts, held: Canary, verdict: Verdict, complete: bool, now: datetime) -> Canary:
    mine = held.state
    assert mine is not None
    steps = steps_of(facts)
    approved = _approved(facts, mine)
    end = _end(mine, steps[mine.step - 1])
    if not approved and (end is None or now < end):
        return replace(held, waits_for=verdict.missing)
    if not complete:
        return replace(held, waits_for="not all replicas of the step are ready")
    if verdict.missing and not approved:
        name = facts.name
        return replace(held, waits_for=f"{verdict.missing}. Without it goes on: longshore approve {name}")
    if mine.step == len(steps) or approved == EVERY_STEP:
        return replace(held, state=_promoted(mine, now), waits_for="")
    following = replace(mine, step=mine.step + 1, phase="GettingReady", since=now)
    return replace(held, state=following, waits_for="")


def _promoted(mine: State, now: datetime) -> State:
    return mine if mine.phase == "Promoting" else replace(mine, phase="Promoting", since=now)


def _bad(facts: Facts, held: Canary, reason: str, message: str) -> Canary:
    assert held.state is not None
    if not facts.spec.rollout.auto_rollback:
        return replace(
            held,
            waits_for=f"{message}; autoRollback is off: longshore abort {facts.name}, or change the spec",
        )
    return _failed(facts, held.state, reason, message)


def _too_late(facts: Facts, held: Canary) -> Canary:
    seconds = facts.spec.rollout.progress_deadline_seconds
    if held.failure is not None:
        return _bad(facts, held, held.failure.reason, _in_words(facts, held.failure))
    return _bad(
        facts, held, "DeadlineExceeded", f"its replicas for the step were not ready within {seconds} s"
    )


def _in_words(facts: Facts, failure: Failure) -> str:
    """What is wrong with a pod that is about to be gone, and so without where to read its log."""
    what = failure.message.partition(". Read its log:")[0]
    if not (facts.last_words and failure.last_words):
        return what
    return f"{what}; its last words: {shorten(failure.last_words, 300)}"


def _failed(facts: Facts, mine: State, reason: str, message: str) -> Canary:
    where = f"at step {min(mine.step, len(steps_of(facts)))} of {len(steps_of(facts))} {message}"
    return Canary(failed=Failed(facts.generation, reason, where))


def _is_complete(facts: Facts, wanted: str, count: int) -> bool:
    fleet = fleet_of(facts)
    if fleet is None or fleet.revision != wanted or not fleet.complete:
        return False
    return fleet.wanted >= count if facts.routed else fleet.wanted == count


def app_replicas(facts: Facts) -> int:
    """How many replicas the app has beside those that are tried."""
    scaling = facts.spec.scaling
    if (scaling.max_replicas or 0) > scaling.min_replicas and facts.deployment is not None:
        return max(int(facts.deployment["spec"].get("replicas", 1)), scaling.min_replicas)
    return scaling.min_replicas


def _end(mine: State, step: CanaryStep) -> datetime | None:
    """When the time of the step is over; None if it lasts until it is approved."""
    if step.approval:
        return None
    seconds = USUAL_PAUSE_SECONDS if step.pause_seconds is None else step.pause_seconds
    return mine.since + timedelta(seconds=seconds)


def pause_ends(facts: Facts, state: State) -> datetime | None:
    """When the step's time is over that the state is at."""
    steps = steps_of(facts)
    return _end(state, steps[state.step - 1]) if state.step <= len(steps) else None


def measures(facts: Facts) -> bool:
    """Whether Prometheus is asked."""
    canary = facts.spec.rollout.canary
    return canary is not None and (
        canary.analysis.error_rate_percent is not None or canary.analysis.prometheus is not None
    )


def _next_look(facts: Facts, mine: State, step: CanaryStep, now: datetime) -> datetime | None:
    """When something may be due that no event tells of."""
    if mine.phase == "GettingReady":
        end: datetime | None = mine.since + timedelta(seconds=facts.spec.rollout.progress_deadline_seconds)
    else:
        end = _end(mine, step)
    moments = [end] if end is not None and end > now else []
    if measures(facts) or (end is not None and end <= now):
        moments.append(now + timedelta(seconds=LOOK_SECONDS))
    return min(moments, default=None)


def _approved(facts: Facts, mine: State) -> str:
    """Which step of this try somebody lets be left: this one, all, or none."""
    said = facts.app["metadata"].get("annotations", {}).get(APPROVE_ANNOTATION, "")
    if said == token(mine, EVERY_STEP):
        return EVERY_STEP
    return str(mine.step) if said == token(mine, mine.step) else ""


def _told_to_abort(facts: Facts, mine: State) -> str:
    said = facts.app["metadata"].get("annotations", {}).get(ABORT_ANNOTATION, "")
    which, _, why = said.partition(" ")
    if which != f"{mine.revision}/{mine.generation}":
        return ""
    return f"somebody gave it up{f': {shorten(why, 300)}' if why.strip() else ''}"
