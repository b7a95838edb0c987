"""Puts in order what single fields can't tell: pairs that admission refuses together, and defaults that differ.

What has to go is left or changed with a word about it, at the field that it came from.
"""

from __future__ import annotations

import re

from longshore.convert.draft import Draft
from longshore.convert.units import amount

DEFAULTS = {
    "health.intervalSeconds": 10,
    "health.timeoutSeconds": 2,
    "drainSeconds": 5,
    "terminationGracePeriodSeconds": 30,
    "retry.backoffSeconds": 10,
    "retry.maxBackoffSeconds": 360,
    "scaling.minReplicas": 1,
}

_NOT_OF_A_TEMPLATE = {
    "suspend": "a job of a schedule isn't held back: suspend the schedule",
    "ttlSecondsAfterFinished": "how many jobs stay is the schedule's to say: keepSucceeded, keepFailed",
    "dependsOn": "jobs of a schedule don't wait for others",
}


def settle(draft: Draft) -> None:
    """Makes the draft one that admission takes."""
    if draft.kind not in ("WebApp", "BatchJob"):
        return
    _security(draft)
    settle_amounts(draft)
    if draft.kind == "WebApp":
        _health(draft)
        _scaling(draft)
        _availability(draft)
        _rollout(draft)
        _stopping(draft)
    else:
        _retry(draft)
        _timeouts(draft)
        _schedule(draft)


def _number(draft: Draft, path: str) -> int:
    found = draft.get(path)
    return int(DEFAULTS[path] if found is None else found)


def _security(draft: Draft) -> None:
    security = draft.spec.get("security", {})
    if security.get("profile") == "Baseline" or security.get("runAsUser") or draft.never_root:
        return
    draft.sources.get("image", draft.source).changed(
        "containers don't run as root here: unless the image names another user by its number, set"
        " security.runAsUser, or security.profile: Baseline"
    )


def settle_amounts(draft: Draft) -> None:
    """Every container has a memory limit, and no limit is below its request."""
    resources = draft.spec.get("resources")
    if "size" in draft.spec:
        return
    if resources is None:
        draft.source.changed(
            "no cpu and memory are set here: size Small, 500m and 1Gi, holds until you set size or resources"
        )
        return
    source = next(
        (where for path, where in draft.sources.items() if path.startswith("resources")), draft.source
    )
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for name in requests.keys() & limits.keys():
        if amount(str(limits[name])) < amount(str(requests[name])):
            del limits[name]
            source.changed(f"the limit of {name} is below the request: it is gone")
    if "memory" not in requests and "memory" not in limits:
        resources.setdefault("requests", {})["memory"] = "1Gi"
        source.changed("no memory is set here, and every container has a limit: 1Gi until you set another")
    if not limits:
        resources.pop("limits", None)
    if "memory" not in limits:
        source.changed("memory has no limit here: the request is the limit")


def _health(draft: Draft) -> None:
    interval, timeout = _number(draft, "health.intervalSeconds"), _number(draft, "health.timeoutSeconds")
    if timeout > interval:
        source = draft.sources.get("health.timeoutSeconds", draft.source)
        draft.put("health.timeoutSeconds", interval, source)
        source.changed(f"a check may not take longer than the interval: {interval} s instead of {timeout} s")


def _scaling(draft: Draft) -> None:
    least, most = _number(draft, "scaling.minReplicas"), draft.get("scaling.maxReplicas")
    if most is not None and most < least:
        draft.drop("scaling.maxReplicas").leave("it is below the least number of replicas")
        most = None
    if most is not None and most > least:
        return
    for target in list(draft.get("scaling.targets") or ()):
        draft.drop(f"scaling.targets.{target}").leave(
            "there is no room to scale: set scaling.maxReplicas above minReplicas first"
        )


def _availability(draft: Draft) -> None:
    if draft.get("availability.maxUnavailable") in (0, "0%"):
        draft.drop("availability.maxUnavailable").leave(
            "it would keep nodes from ever being drained: one replica may be away"
        )
    wanted, replicas = draft.get("availability.minAvailable"), _number(draft, "scaling.minReplicas")
    if wanted is None or (replicas < 2 and (draft.get("scaling.maxReplicas") or 0) < 2):
        return
    needed = wanted if isinstance(wanted, int) else -(-int(re.sub(r"\D", "", wanted) or 0) * replicas // 100)
    if needed >= replicas:
        draft.drop("availability.minAvailable").leave(
            f"it would keep nodes from ever being drained with {replicas} replicas at least: one may be away"
        )


def _rollout(draft: Draft) -> None:
    zero = (0, "0%")
    if draft.get("rollout.maxSurge") in zero and draft.get("rollout.maxUnavailable") in (*zero, None):
        draft.drop("rollout.maxSurge").leave("no replica could ever be replaced: 25% more may run meanwhile")


def _stopping(draft: Draft) -> None:
    drain, grace = _number(draft, "drainSeconds"), _number(draft, "terminationGracePeriodSeconds")
    if drain < grace:
        return
    paths = ("drainSeconds", "terminationGracePeriodSeconds")
    source = next((draft.sources[path] for path in paths if path in draft.sources), draft.source)
    draft.put("drainSeconds", grace - 1, source)
    source.changed(f"draining has to end before the replica is killed: drainSeconds is {grace - 1}")


def _retry(draft: Draft) -> None:
    first, longest = _number(draft, "retry.backoffSeconds"), _number(draft, "retry.maxBackoffSeconds")
    if first <= longest:
        return
    source = draft.sources.get("retry.backoffSeconds", draft.source)
    if "retry.maxBackoffSeconds" in draft.sources:
        draft.put("retry.backoffSeconds", longest, source)
        source.changed(f"it is above the longest wait: {longest} s")
    else:
        draft.put("retry.maxBackoffSeconds", first, source)


def _schedule(draft: Draft) -> None:
    """What isn't a part of a template, where the job is made by a schedule."""
    if "cron" not in draft.schedule:
        return
    for path, instead in _NOT_OF_A_TEMPLATE.items():
        if path in draft.spec:
            draft.drop(path).leave(instead)


def _timeouts(draft: Draft) -> None:
    attempt, total = draft.get("timeouts.attemptSeconds"), draft.get("timeouts.totalSeconds")
    if attempt is not None and total is not None and attempt > total:
        draft.drop("timeouts.attemptSeconds").leave(
            "it is above the time for all attempts, which ends it first"
        )
