"""Which revision is to run: the wanted one, or, when that has failed, the last good one.

A revision has failed when the Deployment controller says that it exceeded its deadline, or, of a DaemonSet,
when pods fail and none has become ready for as long. The failure is
remembered with the generation that asked for it: the same generation is not tried again, a new one is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from longshore.webapp import canary as canaries
from longshore.webapp import release as releases
from longshore.webapp.app import App, revision_inputs
from longshore.webapp.canary import Canary
from longshore.webapp.children.revision import Failed, revision_of
from longshore.webapp.facts import Facts
from longshore.webapp.release import Release
from longshore.workload.conditions import parse_time
from longshore.workload.decision import Obj
from longshore.workload.diagnosis import Failure
from longshore.workload.names import content_hash


@dataclass(frozen=True, slots=True)
class Rollout:
    """Hashes of revisions, and where the rollout of the wanted one stands."""

    wanted: str
    target: str | None
    """None while there is none that may run: the release of the first revision has not succeeded."""
    deployed: str | None
    last_good: str | None
    complete: bool
    """The Deployment or DaemonSet runs the target with all replicas, and nothing else."""
    failed: Failed | None
    """Why the wanted revision was given up at this generation."""
    timed_out: bool
    """The wanted revision exceeded its deadline, whether or not there is one to go back to."""
    release: Release = field(default=Release())
    """Where its release stands, which comes before it."""
    canary: Canary = field(default=Canary())
    """Where its try on a part of the requests stands."""

    @property
    def rolled_back(self) -> bool:
        return self.failed is not None and self.target != self.wanted

    @property
    def candidate(self) -> str | None:
        """The revision that is on its way: by its release or by its rollout."""
        tried = self.canary.under_way or (self.release.holds and not self.release.failed)
        trying = self.wanted if tried else self.target
        return trying if trying != self.last_good else None


def choose(facts: Facts, failure: Failure | None, now: datetime, of_canary: Failure | None = None) -> Rollout:
    """Decides what is to run. `failure` is why pods of the deployed revision don't work, if they don't; `of_canary`
    is that of one that is tried."""
    wanted = wanted_revision(facts)
    known = {revision_of(each): each for each in facts.revisions}
    fleet = facts.fleet
    deployed, complete = (fleet.revision, fleet.complete) if fleet else (None, False)
    last_good = _last_good(facts, known, deployed, complete)
    failed = Failed.load(known[wanted]) if wanted in known else None
    if failed and (failed.generation != facts.generation or wanted == last_good):
        failed = None
    timed_out = deployed == wanted != last_good and _timed_out(facts, wanted, failure, now)
    if timed_out and failed is None and facts.spec.rollout.auto_rollback and last_good is not None:
        failed = _give_up(facts, failure)
    release = releases.look(facts, wanted, wanted in (deployed, last_good), now)
    free = failed is None and not release.holds
    canary = canaries.look(facts, wanted, deployed, last_good, free, of_canary, now)
    failed = failed or canary.failed
    target: str | None = last_good if failed and last_good is not None else wanted
    if canary.under_way or canary.go_back:
        target = last_good
    if release.holds and target == wanted:
        target = _kept(release, known, deployed, last_good)
    return Rollout(
        wanted=wanted,
        target=target,
        deployed=deployed,
        last_good=last_good,
        complete=complete and deployed == target,
        failed=failed,
        timed_out=timed_out,
        release=release,
        canary=canary,
    )


def wanted_revision(facts: Facts) -> str:
    """Hash of the revision that the spec asks for."""
    return content_hash(revision_inputs(facts.spec))


def _kept(release: Release, known: dict[str, Obj], deployed: str | None, last_good: str | None) -> str | None:
    """What runs while the release of the wanted revision holds it up: what does now, or, once it failed, what is good."""
    now_running = deployed if deployed in known else None
    return (last_good or now_running) if release.failed else (now_running or last_good)


def revision_number(facts: Facts, revision: str) -> int:
    """The number of a revision that is wanted now: its own while it is the newest, else a new highest one."""
    numbers = {revision_of(each): int(each["revision"]) for each in facts.revisions}
    newest = max(numbers.values(), default=0)
    if revision in numbers and numbers[revision] == newest:
        return newest
    return max(facts.generation, newest + 1)


def revisions_to_drop(app: App, facts: Facts, keep: set[str | None]) -> list[Obj]:
    """The oldest revisions beyond the limit; those in `keep` stay whatever their age."""
    others = sorted(
        (each for each in facts.revisions if revision_of(each) not in keep),
        key=lambda each: int(each["revision"]),
    )
    room = max(app.spec.rollout.history_limit - len(keep - {None}), 0)
    return others[: len(others) - room] if len(others) > room else []


def _last_good(facts: Facts, known: dict[str, Obj], deployed: str | None, complete: bool) -> str | None:
    if complete and deployed in known:
        return deployed
    said = facts.status.get("revision", {}).get("lastGood")
    return said if said in known else None


def _timed_out(facts: Facts, wanted: str, failure: Failure | None, now: datetime) -> bool:
    if facts.spec.suspend:
        return False
    if facts.per_node:
        deadline = deadline_per_node(facts, wanted)
        return deadline is not None and now >= deadline and _fails_per_node(facts, failure)
    return _timed_out_by_deployment(facts, wanted)


def deadline_per_node(facts: Facts, wanted: str) -> datetime | None:
    """When the rollout of a DaemonSet, which has no deadline of its own, has made no progress for too long."""
    told = facts.status.get("revision", {})
    if told.get("candidate") != wanted or "since" not in told:
        return None
    moments = [parse_time(told["since"])]
    for pod in facts.pods:
        if revision_of(pod) == wanted:
            moments += [
                parse_time(each["lastTransitionTime"])
                for each in pod.get("status", {}).get("conditions", ())
                if each["type"] == "Ready" and each["status"] == "True"
            ]
    return max(moments) + timedelta(seconds=facts.spec.rollout.progress_deadline_seconds)


def _fails_per_node(facts: Facts, failure: Failure | None) -> bool:
    """A node that is away doesn't fail a rollout; a pod that says why it doesn't run does, or that none does."""
    fleet = facts.fleet
    if fleet is None or not fleet.observed or fleet.wanted == 0:
        return False
    return failure is not None or not any(
        each["type"] == "Ready" and each["status"] == "True"
        for pod in facts.pods
        if revision_of(pod) == fleet.revision
        for each in pod.get("status", {}).get("conditions", ())
    )


def _timed_out_by_deployment(facts: Facts, wanted: str) -> bool:
    if facts.deployment is None:
        return False
    status = facts.deployment.get("status", {})
    if status.get("observedGeneration", 0) < facts.deployment["metadata"]["generation"]:
        return False
    for condition in status.get("conditions", ()):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return not _about_another(condition.get("message", ""), facts, wanted)
    return False


def _about_another(message: str, facts: Facts, wanted: str) -> bool:
    """The condition outlives a change of the template for a moment; its message names the ReplicaSet it is about."""
    named = re.search(r'ReplicaSet "[^"]*-([a-z0-9]+)"', message)
    of_others = {
        pod["metadata"].get("labels", {}).get("pod-template-hash")
        for pod in facts.pods
        if revision_of(pod) != wanted
    }
    return named is not None and named[1] in of_others


def _give_up(facts: Facts, failure: Failure | None) -> Failed:
    if failure is None:
        seconds = facts.spec.rollout.progress_deadline_seconds
        return Failed(facts.generation, "DeadlineExceeded", f"no progress in {seconds} s")
    return Failed(facts.generation, failure.reason, failure.message)
