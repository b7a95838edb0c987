"""The whole decision on a WebApp: the steps in their order, the status, when to look again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from longshore.webapp import analysis, keda, schedules
from longshore.webapp import canary as canaries
from longshore.webapp import exposure as exposures
from longshore.webapp import release as releases
from longshore.webapp import rollout as rollouts
from longshore.webapp import status as statuses
from longshore.webapp.app import App, with_inputs
from longshore.webapp.children import (
    autoscaler,
    canary,
    daemon_set,
    deployment,
    disruption_budget,
    files,
    network_policy,
    release,
    revision,
    scaled_object,
    service,
    service_account,
)
from longshore.webapp.children.backends import Backend
from longshore.webapp.children.revision import revision_of
from longshore.webapp.exposure import Exposure
from longshore.webapp.facts import Facts
from longshore.webapp.rollout import Rollout
from longshore.workload.decision import Apply, Create, Decision, Delete, Event, Obj, Ref, Step
from longshore.workload.diagnosis import Failure, diagnose, refused_pods
from longshore.workload.names import (
    ALLOW_LABEL,
    CANARY_LABEL,
    RECONCILE_ANNOTATION,
    REPLICAS_ANNOTATION,
)

LOOK_AGAIN_SECONDS = 10.0
"""While pods of an app aren't ready and nothing says why, the kubelet's events are read this often."""
REPLICAS_MANAGER = "longshore-replicas"
"""Field manager that hands the replicas field to the autoscaler, so that it keeps its value meanwhile."""


def decide(facts: Facts, now: datetime) -> Decision:
    """What to do about a WebApp, given everything that is known of it."""
    if facts.app["metadata"].get("annotations", {}).get(RECONCILE_ANNOTATION) == "disabled":
        return Decision(status=statuses.paused(facts, now))
    facts = _at(facts, now)
    metadata = facts.app["metadata"]
    wanted = App(metadata["name"], metadata["namespace"], metadata["uid"], facts.spec)
    if not facts.account_allowed:
        message = (
            f"service account {facts.spec.service_account_name} does not exist in namespace {wanted.namespace} or is not offered to"
            f" apps: kubectl label serviceaccount -n {wanted.namespace} {facts.spec.service_account_name} {ALLOW_LABEL}=true"
        )
        return Decision(status=statuses.refused(facts, "ServiceAccountNotAllowed", message, now))
    failure = _failure(facts, now)
    of_canary = diagnose(
        analysis.tried(facts.pods, rollouts.wanted_revision(facts)), facts.evidence, now
    ) or _refused_pods(facts.canary)
    rollout = rollouts.choose(facts, failure, now, of_canary)
    running = _running(wanted, facts, rollout)
    exposure = exposures.expose(running, facts, _behind_the_route(facts, rollout))
    if facts.refusal is not None:
        status = statuses.refused(facts, facts.refusal.reason, facts.refusal.message, now)
        return Decision(_steps(wanted, running, facts, rollout, exposure), status)
    status = statuses.build(running, facts, rollout, exposure, failure, now)
    unclear = bool(facts.pods) and not facts.spec.suspend and not rollout.complete
    unclear = unclear or rollout.release.running is not None
    state = rollout.canary.state
    unclear = unclear or (state is not None and state.phase == "GettingReady")
    waiting = unclear or (
        statuses.metrics_missing(facts) and running.autoscaled and _scaling_reason(status) == "Autoscaled"
    )
    return Decision(
        _steps(wanted, running, facts, rollout, exposure),
        status,
        _events(facts, status),
        _again(facts, rollout, exposure, waiting, now),
    )


def _at(facts: Facts, now: datetime) -> Facts:
    """The facts with the bounds of scaling that hold now."""
    by_keda = keda.bounds(facts.spec) if facts.keda else None
    bounds = by_keda or schedules.at(facts.spec.scaling, now)
    return replace(facts, spec=facts.spec.model_copy(update={"scaling": bounds.scaling}), bounds=bounds)


def _again(facts: Facts, rollout: Rollout, exposure: Exposure, waiting: bool, now: datetime) -> float | None:
    waits = [LOOK_AGAIN_SECONDS] if waiting else []
    if exposure.again_in_seconds is not None:
        waits.append(exposure.again_in_seconds)
    if facts.bounds and facts.bounds.next_edge and not facts.spec.suspend:
        waits.append((facts.bounds.next_edge - now).total_seconds())
    if facts.per_node and (deadline := rollouts.deadline_per_node(facts, rollout.wanted)) and deadline > now:
        waits.append((deadline - now).total_seconds())
    if rollout.canary.again is not None:
        waits.append(max(0.0, (rollout.canary.again - now).total_seconds()))
    return min(waits, default=None)


def foresee(facts: Facts, now: datetime) -> Decision:
    """The decision, and what follows it once the release that it starts, if any, has succeeded."""
    decision = decide(facts, now)
    started = [step for step in decision.steps if isinstance(step, Create)]
    if not started:
        return decision
    wanted = revision_of(started[0].body)
    made = next(
        step.body for step in decision.steps if isinstance(step, Apply) and revision_of(step.body) == wanted
    )
    others = [each for each in facts.revisions if revision_of(each) != wanted]
    released = replace(facts, revisions=[*others, releases.as_if_succeeded(made, facts.generation)])
    after = decide(released, now)
    return replace(after, steps=(*started, *after.steps))


def _failure(facts: Facts, now: datetime) -> Failure | None:
    deployed = facts.fleet.revision if facts.fleet else None
    of_target = [
        pod
        for pod in facts.pods
        if revision_of(pod) == deployed and CANARY_LABEL not in pod["metadata"].get("labels", {})
    ]
    return diagnose(of_target, facts.evidence, now) or _refused_pods(facts.deployment)


def _refused_pods(live: Obj | None) -> Failure | None:
    for condition in (live or {}).get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return refused_pods(condition.get("message", ""))
    return None


def _running(wanted: App, facts: Facts, rollout: Rollout) -> App:
    """The app with the spec of the revision that is to run."""
    if rollout.target in (rollout.wanted, None):
        return wanted
    held = next(each for each in facts.revisions if revision_of(each) == rollout.target)
    return App(wanted.name, wanted.namespace, wanted.uid, with_inputs(facts.spec, held["data"]["spec"]))


def _steps(wanted: App, running: App, facts: Facts, rollout: Rollout, exposure: Exposure) -> tuple[Step, ...]:
    number = rollouts.revision_number(facts, rollout.wanted)
    remembered = revision.build(wanted, rollout.wanted, number, rollout.failed)
    before = [
        service_account.build(running) or service_account.build(wanted),
        *{body["metadata"]["name"]: body for body in map(files.build, (wanted, running)) if body}.values(),
        remembered,
        network_policy.build(running),
        service.build(running),
        disruption_budget.build(running),
    ]
    started = rollout.release.start
    before += _canary_services(running, facts)
    return (
        *(Apply(body) for body in before if body),
        *releases.steps(facts, rollout.release),
        *([Create(release.build(wanted, rollout.wanted, started))] if started else []),
        *(_controller(running, facts, rollout.target) if rollout.target else []),
        *(_scaler(running, facts, _ratchet(facts, rollout)) if rollout.target else []),
        *_canary(wanted, facts, rollout),
        *exposures.steps(exposure, facts.surroundings.live),
        *_deletions(wanted, running, facts, rollout),
    )


def _scaler(running: App, facts: Facts, at_least: int) -> list[Step]:
    """What moves the replicas, not below `at_least`. The other one goes first: KEDA takes no app that has an autoscaler."""
    made: Obj | None
    if facts.bounds and facts.bounds.triggers:
        other = facts.autoscaler
        made = scaled_object.build(running, facts.bounds.triggers, facts.bounds.by_load, at_least)
    else:
        other, made = facts.scaled_object, autoscaler.build(running, at_least)
    return [*([Delete(Ref.of(other))] if other else []), *([Apply(made)] if made else [])]


def _controller(running: App, facts: Facts, target: str) -> list[Step]:
    if not facts.per_node:
        return _deployment(running, facts, target)
    return [] if facts.spec.suspend else [Apply(daemon_set.build(running, target))]


def _deployment(running: App, facts: Facts, target: str) -> list[Step]:
    main = Apply(deployment.build(running, target))
    if deployment.replicas(running) is not None:
        return [main]
    return _left_to_the_autoscaler(running, main, facts.deployment, running.spec.scaling.min_replicas)


def _ratchet(facts: Facts, rollout: Rollout) -> int:
    """While a revision is tried no replica of the others is taken away: they can take all requests back at once."""
    if rollout.canary.replicas is None or facts.deployment is None:
        return 0
    return int(facts.deployment["spec"].get("replicas", 1))


def _behind_the_route(facts: Facts, rollout: Rollout) -> list[Backend]:
    """The Services that a route divides requests between; none means the app's own."""
    if not facts.routed or facts.spec.rollout.strategy != "Canary":
        return []
    return [Backend(name, weight) for name, weight in canaries.backends(facts, rollout.canary)]


def _canary_services(running: App, facts: Facts) -> list[Obj]:
    if facts.routed and running.spec.rollout.strategy == "Canary":
        return list(canary.services(running))
    return []


def _canary(wanted: App, facts: Facts, rollout: Rollout) -> list[Step]:
    """The replicas on which the wanted revision is tried."""
    count = rollout.canary.replicas
    if count is None:
        return []
    scaler = canary.autoscaler(wanted, count) if facts.routed else None
    main = Apply(canary.deployment(wanted, rollout.wanted, None if scaler else count))
    if scaler is None:
        return [main]
    return [*_left_to_the_autoscaler(wanted, main, facts.canary, count), Apply(scaler)]


def _left_to_the_autoscaler(app: App, main: Apply, live: Obj | None, floor: int) -> list[Step]:
    if live is None:  # or there is one that the cache lacks, with as many replicas as it needs
        return [main]
    count = int(live["spec"].get("replicas", 1))
    ours = live["metadata"].get("annotations", {}).get(REPLICAS_ANNOTATION) is not None
    name = main.body["metadata"]["name"]
    return [_hold_replicas(app, name, max(count, floor)), main] if ours or count < floor else [main]


def _hold_replicas(app: App, name: str, count: int) -> Apply:
    body: Obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": app.namespace},
        "spec": {"replicas": count},
    }
    return Apply(body, manager=REPLICAS_MANAGER)


def _deletions(wanted: App, running: App, facts: Facts, rollout: Rollout) -> list[Step]:
    unwanted: list[Obj] = []
    if facts.before and (rollout.complete or facts.spec.suspend):
        unwanted.append(facts.before)
    if facts.daemon_set and facts.per_node and facts.spec.suspend:
        unwanted.append(facts.daemon_set)
    if facts.autoscaler and not running.autoscaled:
        unwanted.append(facts.autoscaler)
    if facts.budget and disruption_budget.build(running) is None:
        unwanted.append(facts.budget)
    if facts.network_policy and network_policy.build(running) is None:
        unwanted.append(facts.network_policy)
    tried = rollout.canary.replicas is not None
    if facts.canary_autoscaler and not (tried and facts.routed and wanted.autoscaled):
        unwanted.append(facts.canary_autoscaler)
    if facts.canary and not tried:
        unwanted.append(facts.canary)
    if not _canary_services(running, facts):
        unwanted += facts.canary_services
    own_account = service_account.build(running) or service_account.build(wanted)
    if facts.account and own_account is None and rollout.complete:
        unwanted.append(facts.account)
    kept = {rollout.wanted, rollout.target, rollout.last_good, rollout.deployed, rollout.release.running}
    unwanted += rollouts.revisions_to_drop(running, facts, kept)
    if rollout.complete:
        in_use = {running.files_name, wanted.files_name}
        unwanted += [each for each in facts.files if each["metadata"]["name"] not in in_use]
    return [Delete(Ref.of(each)) for each in unwanted]


def _events(facts: Facts, status: Obj) -> tuple[Event, ...]:
    return (*_events_of_rollout(facts, status), *_events_of_canary(facts, status))


def _events_of_canary(facts: Facts, status: Obj) -> tuple[Event, ...]:
    """Each step that is reached, and what comes after the last."""
    said, told = status.get("rollout"), facts.status.get("rollout") or {}
    moved = ("revision", "generation", "step", "phase")
    if said is None or all(said[name] == told.get(name) for name in moved):
        return ()
    if said["phase"] in ("GettingReady", "Aborted", "Suspended"):
        return ()
    reasons = {"AwaitingApproval": "AwaitingApproval", "Promoting": "CanaryPassed"}
    return (Event("Normal", reasons.get(said["phase"], "CanaryStep"), said["message"]),)


def _events_of_rollout(facts: Facts, status: Obj) -> tuple[Event, ...]:
    before = {each["type"]: each["reason"] for each in facts.status.get("conditions", ())}
    for condition in status["conditions"]:
        if condition["type"] == "Progressing" and condition["reason"] != before.get("Progressing"):
            if condition["reason"] == "Complete" and before:
                return (Event("Normal", "RolledOut", condition["message"]),)
            if condition["reason"] in ("RolledBack", "DeadlineExceeded", releases.FAILED):
                return (Event("Warning", condition["reason"], condition["message"]),)
    return ()


def _scaling_reason(status: Obj) -> str:
    return str(next(each["reason"] for each in status["conditions"] if each["type"] == "Scaling"))
