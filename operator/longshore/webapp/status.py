"""What is said of a WebApp: conditions with reasons and remedies, counts, revisions, the failure.

Nothing in it moves by itself: the same facts give the same status.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from longshore.webapp import canary_status, per_node
from longshore.webapp.app import App
from longshore.webapp.children.revision import Failed, revision_of
from longshore.webapp.children.service import service_port
from longshore.webapp.exposure import Exposure
from longshore.webapp.facts import Facts
from longshore.webapp.release import FAILED, Record
from longshore.webapp.rollout import Rollout
from longshore.workload.conditions import Condition, parse_time, render, timestamp, with_one
from longshore.workload.decision import Obj
from longshore.workload.diagnosis import Failure
from longshore.workload.names import GATEWAY_LABEL

METRICS_PATIENCE = timedelta(seconds=90)
"""New pods have no metrics for a while; the autoscaler's complaint counts after this long."""


def build(
    app: App, facts: Facts, rollout: Rollout, exposure: Exposure, failure: Failure | None, now: datetime
) -> Obj:
    """The whole status."""
    fleet, wanted = facts.fleet, wanted_replicas(app, facts)
    ready = fleet.ready if fleet else 0
    conditions = _conditions(app, facts, rollout, exposure, failure, now)
    status: Obj = {
        "observedGeneration": facts.generation,
        "conditions": render(conditions, facts.status.get("conditions", []), facts.generation, now),
        "url": exposure.urls[0] if exposure.urls else url(app),
        "replicas": fleet.existing if fleet else 0,
        "readyReplicas": ready,
        "ready": f"{ready}/{wanted}",
        "selector": ",".join(f"{key}={value}" for key, value in app.selector.items()),
        "revisions": _revisions(facts, rollout),
    }
    if facts.spec.expose is not None:
        status["urls"] = [*exposure.urls, url(app)]
        status["engines"] = {"routing": exposure.routing, "tls": exposure.tls}
    if app.autoscaled and not facts.spec.suspend:
        by_keda = facts.bounds is not None and bool(facts.bounds.triggers)
        scaling = {"scaling": "KEDA" if by_keda else "HorizontalPodAutoscaler"}
        status["engines"] = status.get("engines", {}) | scaling
    if exposure.claims:
        status["claims"] = list(exposure.claims)
    if summary := _summary(facts, rollout, now):  # left empty by server-side apply it would be null
        status["revision"] = summary
    if told_of := canary_status.summary(facts, rollout):
        status["rollout"] = told_of
    if facts.per_node and (nodes := per_node.nodes(facts, rollout)):
        status["nodes"] = nodes
    told = rollout.release.failure or rollout.canary.failure or failure
    if told and not facts.spec.suspend:
        status["failure"] = _failure(told, facts.last_words)
    return status


def refused(facts: Facts, reason: str, message: str, now: datetime) -> Obj:
    """The status when nothing can be done: what was known before, and why Ready is False."""
    before = facts.status.get("conditions", [])
    conditions = with_one(Condition("Ready", False, reason, message), before, facts.generation, now)
    return facts.status | {"observedGeneration": facts.generation, "conditions": conditions}


def paused(facts: Facts, now: datetime) -> Obj:
    """The status while the annotation stops us; the generation isn't observed."""
    message = "reconciling is disabled: remove the annotation longshore.dev/reconcile to go on"
    before = facts.status.get("conditions", [])
    condition = Condition("Ready", None, "ReconcileDisabled", message)
    return facts.status | {"conditions": with_one(condition, before, facts.generation, now)}


def url(app: App) -> str:
    """Where the app answers inside the cluster."""
    host = f"{app.name}.{app.namespace}.svc"
    scheme = {"GRPC": "grpc", "TLS": "tls", "TCP": "tcp"}.get(app.spec.protocol, "http")
    return f"{scheme}://{host}" if scheme == "http" else f"{scheme}://{host}:{service_port(app)}"


def _from_where(app: App) -> str:
    allowed = app.spec.network.allow_from if app.spec.network else "Any"
    return {
        "Any": "inside the cluster",
        "Namespace": f"by pods of namespace {app.namespace}",
        "Gateway": f"by pods of namespaces labelled {GATEWAY_LABEL}=true",
    }[allowed]


def wanted_replicas(app: App, facts: Facts) -> int:
    """How many replicas there should be now: the autoscaler's word where it scales."""
    if app.spec.suspend:
        return 0
    if facts.per_node:
        return facts.fleet.wanted if facts.fleet else 0
    if app.autoscaled and facts.fleet is not None:
        return facts.fleet.wanted
    return app.spec.scaling.min_replicas


def _conditions(
    app: App, facts: Facts, rollout: Rollout, exposure: Exposure, failure: Failure | None, now: datetime
) -> list[Condition]:
    available = _available(app, facts, failure)
    progressing = _progressing(facts, rollout, failure, bool(available.status))
    return [
        _ready(available, progressing, rollout, failure),
        available,
        progressing,
        _scaling(app, facts, now),
        _exposed(app, exposure),
    ]


def _exposed(app: App, exposure: Exposure) -> Condition:
    inside = f"reached {_from_where(app)} at {url(app)}"
    told = exposure.condition
    if told is None:
        return Condition("Exposed", True, "ClusterOnly", inside)
    return told if told.status else replace(told, message=f"{told.message}. Until then {inside}")


def _ready(
    available: Condition, progressing: Condition, rollout: Rollout, failure: Failure | None
) -> Condition:
    if available.reason == "Suspended":
        return Condition("Ready", False, "Suspended", available.message)
    if progressing.reason in ("RolledBack", "DeadlineExceeded", FAILED):
        return Condition("Ready", False, progressing.reason, progressing.message)
    if progressing.reason == "WaitingForRelease":
        failure = rollout.release.failure
    if progressing.reason in ("Canary", "AwaitingApproval"):
        failure = rollout.canary.failure
    if progressing.reason in ("RollingOut", "WaitingForRelease", "Canary", "AwaitingApproval"):
        reason = failure.reason if failure else progressing.reason
        return Condition("Ready", False, reason, progressing.message)
    if not available.status:
        return Condition("Ready", False, available.reason, available.message)
    return Condition("Ready", True, "Available", f"revision {rollout.target} serves")


def _available(app: App, facts: Facts, failure: Failure | None) -> Condition:
    if app.spec.suspend:
        return Condition(
            "Available", False, "Suspended", "suspended: set spec.suspend to false to start again"
        )
    count = max((each.available for each in (facts.fleet, facts.fleet_before) if each), default=0)
    if facts.per_node and facts.fleet_before is None:
        return per_node.available(facts, failure)
    least = min(app.spec.scaling.min_replicas, facts.bounds.usual_minimum if facts.bounds else 1000)
    floor = max(1, least - _may_miss(app, least))
    if count >= floor:
        return Condition(
            "Available",
            True,
            "MinimumReplicas",
            f"at least {floor} of {least} replicas answer",
        )
    missing = f"{count} of at least {floor} replicas answer"
    if failure:
        return Condition("Available", False, failure.reason, f"{missing}: {failure.message}")
    return Condition("Available", False, "NoReplicas" if count == 0 else "TooFewReplicas", missing)


def _may_miss(app: App, replicas: int) -> int:
    most = app.spec.rollout.max_unavailable
    return most if isinstance(most, int) else replicas * int(most.rstrip("%")) // 100


def _progressing(facts: Facts, rollout: Rollout, failure: Failure | None, available: bool) -> Condition:
    if rollout.failed and rollout.rolled_back:
        why = f"revision {rollout.wanted} failed: {rollout.failed.reason}, {rollout.failed.message}"
        state = "is serving" if rollout.complete or available else "is being restored"
        return Condition(
            "Progressing",
            False,
            "RolledBack",
            f"{why}; {rollout.target} {state}; change the spec to try again",
        )
    if facts.spec.suspend:
        return Condition("Progressing", True, "Complete", "suspended: nothing to roll out")
    if rollout.timed_out:
        why = (
            failure.message if failure else f"no progress in {facts.spec.rollout.progress_deadline_seconds} s"
        )
        cause = f"{failure.reason}, " if failure else ""
        nothing = (
            "there is no good revision to go back to" if rollout.last_good is None else "autoRollback is off"
        )
        return Condition(
            "Progressing", False, "DeadlineExceeded",
            f"revision {rollout.wanted} failed: {cause}{why}; {nothing}; change the spec to try again",
        )  # fmt: skip
    if rollout.release.holds:
        return _held_up(facts, rollout, available)
    if rollout.canary.state is not None:
        return canary_status.progressing(facts, rollout, available)
    if facts.before and not rollout.complete:
        return _changing_over(facts, rollout, failure)
    if rollout.deployed == rollout.target == rollout.last_good:
        return Condition("Progressing", True, "Complete", f"revision {rollout.target} is rolled out")
    serving = f"; {rollout.last_good} is serving" if rollout.last_good and available else ""
    if failure:
        return Condition(
            "Progressing",
            True,
            "RollingOut",
            f"revision {rollout.target} does not start: {failure.message}{serving}",
        )
    return Condition(
        "Progressing", True, "RollingOut", f"revision {rollout.target} is being rolled out{serving}"
    )


def _changing_over(facts: Facts, rollout: Rollout, failure: Failure | None) -> Condition:
    """The mode has changed, and the controller of the old one serves until that of the new one does."""
    to = "one replica on each node" if facts.per_node else "replicas wherever there is room"
    why = f"; it does not start: {failure.message}" if failure else ""
    return Condition(
        "Progressing", True, "RollingOut",
        f"revision {rollout.target} is being changed over to {to}; what ran before serves until then{why}",
    )  # fmt: skip


def _held_up(facts: Facts, rollout: Rollout, available: bool) -> Condition:
    """What the rollout waits for, or that its release failed."""
    release, wanted = rollout.release, rollout.wanted
    serving = f"; {rollout.target} is serving" if rollout.target and available else ""
    if release.failed:
        why = release.failure.message if release.failure else ""
        return Condition(
            "Progressing", False, FAILED,
            f"revision {wanted} is not rolled out, {why}{serving}; change the spec to try again",
        )  # fmt: skip
    log = f"kubectl logs -n {facts.app['metadata']['namespace']} job/{release.job}"
    if release.failure:
        why = f"the release of revision {release.running} does not run: {release.failure.message}"
    elif release.running == wanted:
        why = f"revision {wanted} waits for its release to end: {log}"
    elif release.running:
        why = (
            f"revision {wanted} waits for the release of revision {release.running}, which is let finish: {log}."
            f" To stop it: kubectl delete -n {facts.app['metadata']['namespace']} job/{release.job}"
        )
    else:
        why = f"the release of revision {wanted} is about to start"
    return Condition("Progressing", True, "WaitingForRelease", f"{why}{serving}")


def _scaling(app: App, facts: Facts, now: datetime) -> Condition:
    scaling = app.spec.scaling
    if app.spec.suspend:
        return Condition("Scaling", True, "Suspended", "suspended: no replicas")
    bounds = facts.bounds
    if bounds and bounds.invalid:
        return Condition("Scaling", False, "ScheduleInvalid", f"{bounds.invalid}. The other bounds hold")
    by = f", by schedule {' and '.join(bounds.holding)}" if bounds and bounds.holding else ""
    if facts.per_node:
        return Condition("Scaling", True, "Fixed", "one replica on each node that placement selects")
    if not app.autoscaled:
        return Condition("Scaling", True, "Fixed", f"{scaling.min_replicas} replicas{by}")
    between = f"between {scaling.min_replicas} and {scaling.max_replicas} replicas{by}"
    if bounds and bounds.triggers:
        return _by_keda(facts, between)
    told = {each["type"]: each for each in (facts.autoscaler or {}).get("status", {}).get("conditions", ())}
    active, limited = told.get("ScalingActive", {}), told.get("ScalingLimited", {})
    if metrics_missing(facts) and now - parse_time(active["lastTransitionTime"]) >= METRICS_PATIENCE:
        return Condition("Scaling", False, "MetricsUnavailable", _no_metrics(active.get("message", "")))
    if limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
        return Condition(
            "Scaling",
            True,
            "AtMaximum",
            f"demand asks for more than maxReplicas, {scaling.max_replicas}: raise it, or the size",
        )
    return Condition("Scaling", True, "Autoscaled", between)


def _no_metrics(words: str) -> str:
    """Why the autoscaler can't reckon, and what to do; `words` are its own."""
    if missing := re.search(r"missing request for (\w+) in container (\S+)", words):
        return (
            f"the autoscaler goes by {missing[1]}, and container {missing[2]} asks for none, so replicas stay as they are:"
            f" set size, or resources.requests.{missing[1]}"
        )
    return "the autoscaler gets no metrics, so replicas stay as they are: install metrics-server, or set maxReplicas to minReplicas"


def _by_keda(facts: Facts, between: str) -> Condition:
    """What KEDA says of it; nothing at first, and nothing ever where only its definitions are installed."""
    told = (facts.scaled_object or {}).get("status", {}).get("conditions", ())
    ready: Obj = next((each for each in told if each["type"] == "Ready"), {})
    if ready.get("status") == "False":
        return Condition(
            "Scaling", False, "MetricsUnavailable",
            f"KEDA does not scale: {ready.get('message') or ready.get('reason')}. See kubectl describe scaledobject {facts.name}",
        )  # fmt: skip
    return Condition("Scaling", True, "Autoscaled", f"{between}, by KEDA, which follows the schedules")


def metrics_missing(facts: Facts) -> bool:
    """The autoscaler says that it gets no metrics."""
    conditions = (facts.autoscaler or {}).get("status", {}).get("conditions", ())
    return any(
        each["type"] == "ScalingActive"
        and each["status"] == "False"
        and str(each.get("reason", "")).startswith("FailedGet")
        for each in conditions
    )


def _summary(facts: Facts, rollout: Rollout, now: datetime) -> Obj:
    trying = rollout.candidate is not None
    current = rollout.last_good if trying and rollout.last_good else rollout.target
    parts = {"current": current, "lastGood": rollout.last_good, "candidate": rollout.candidate}
    if facts.per_node and trying and rollout.deployed == rollout.candidate:
        told = facts.status.get("revision", {})
        same = told.get("candidate") == rollout.candidate
        parts["since"] = told.get("since") if same and "since" in told else timestamp(now)
    return {name: value for name, value in parts.items() if value}


def _revisions(facts: Facts, rollout: Rollout) -> list[Obj]:
    newest_first = sorted(facts.revisions, key=lambda each: int(each["revision"]), reverse=True)
    return [_revision(each, facts, rollout) for each in newest_first[:20]]


def _revision(revision: Obj, facts: Facts, rollout: Rollout) -> Obj:
    name = revision_of(revision)
    before = {each["name"]: each["state"] for each in facts.status.get("revisions", ())}.get(
        revision["metadata"]["name"]
    )
    failed = rollout.failed if name == rollout.wanted else Failed.load(revision)
    reason = failed.reason if failed else _release_failed(revision, rollout)
    if name == rollout.last_good or (before == "Good" and not reason):
        state = "Good"
    elif name == rollout.candidate:
        state = "Candidate"
    else:
        state = "Failed" if reason else "Superseded"
    made: Obj = {
        "name": revision["metadata"]["name"],
        "image": revision["data"]["spec"].get("image", ""),
        "generation": int(revision["revision"]),
        "state": state,
    }
    return made | ({"reason": reason} if reason and state == "Failed" else {})


def _release_failed(revision: Obj, rollout: Rollout) -> str | None:
    name = revision_of(revision)
    record = (rollout.release.records or {}).get(name) or Record.load(revision)
    return FAILED if record is not None and record.state == "Failed" else None


def _failure(failure: Failure, last_words: bool) -> Obj:
    parts = {
        "reason": failure.reason,
        "message": failure.message,
        "pod": failure.pod,
        "container": failure.container,
        "exitCode": failure.exit_code,
        "lastWords": failure.last_words if last_words else None,
    }
    return {name: value for name, value in parts.items() if value is not None}
