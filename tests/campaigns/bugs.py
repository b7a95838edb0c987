"""Bugs that operators have had, put into a copy of the code on purpose: each must be caught."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from tests.campaigns.campaigns import Plan

SOURCE = Path(__file__).parents[2] / "operator" / "longshore"


@dataclass(frozen=True, slots=True)
class Bug:
    """A replacement in one file, or two; `campaign` and `kind` say where to look for it."""

    what: str
    file: str
    right: str
    wrong: str
    campaign: str
    kind: str
    seed: int = 0
    """The plan that is known to see it, tried first."""
    also: tuple[str, str] | None = None
    """What else is replaced in the file, and by what."""

    def plans(self, most: int) -> Iterator[Plan]:
        seeds = (seed for seed in count() if seed != self.seed)
        yield Plan(self.campaign, self.kind, self.seed)
        yield from islice((Plan(self.campaign, self.kind, seed) for seed in seeds), most - 1)


@dataclass(frozen=True, slots=True)
class Caught:
    """Which plan saw a bug, and what it saw; no plan if none did."""

    bug: str
    plan: Plan | None
    after: int
    seen: str

    def __str__(self) -> str:
        by = (
            f"caught by {self.plan}, the {self.after}. plan"
            if self.plan
            else f"NOT CAUGHT in {self.after} plans"
        )
        return f"{self.bug}: {by} {self.seen}"


def patched(bug: Bug, folder: Path) -> Path:
    """A copy of the code with the bug in it.

    Raises:
        LookupError: the code has changed so that the place isn't found, or not once.
    """
    shutil.copytree(SOURCE, folder / "longshore", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "longshore" / bug.file
    text = path.read_text()
    for right, wrong in [(bug.right, bug.wrong), *([bug.also] if bug.also else [])]:
        if text.count(right) != 1:
            raise LookupError(f"{bug.file} has {text.count(right)} places for the bug: {bug.what}")
        text = text.replace(right, wrong)
    path.write_text(text)
    return folder


BUGS: dict[str, Bug] = {
    "no-owner": Bug(
        "children of a WebApp have no owner reference",
        "webapp/app.py",
        '            "ownerReferences": [owner_reference("WebApp", self.name, self.uid)],\n',
        "",
        "crash",
        "WebApp",
    ),
    "cache-for-live": Bug(
        "that the parent still exists is believed from the cache",
        "cluster/apply.py",
        "        if self.checked:\n            return\n",
        "        return\n",
        "stale",
        "WebApp",
        3,
    ),
    "status-first": Bug(
        "the status is written before the children",
        "runtime/reconciler.py",
        "        try:\n            wrote = [",
        "        if decision.status and not await _say(kind, obj, decision, context):\n            continue\n"
        "        try:\n            wrote = [",
        "crash",
        "WebApp",
    ),
    "retry-lost": Bug(
        "a reconcile that failed is not tried again",
        "runtime/operator.py",
        'failed=result in ("api_error", "unforeseen")',
        "failed=False",
        "errors",
        "WebApp",
        2,
    ),
    "gone-ignored": Bug(
        "a watch that has expired goes on from the same version",
        "cluster/informer.py",
        'version, failures = "", min(failures, 1)',
        "failures = min(failures, 1)",
        "unobserved",
        "WebApp",
    ),
    "no-sweep": Bug(
        "a new list doesn't tell what is gone",
        "cluster/informer.py",
        "for obj in self.store.sweep(names, int(version), self._namespace):",
        "for obj in ():",
        "unobserved",
        "WebApp",
    ),
    "own-writes-unread": Bug(
        "the reply to an own write isn't put into the cache",
        "cluster/apply.py",
        '        store.put(obj | {"apiVersion": resource.api_version, "kind": resource.kind})\n',
        "        return\n",
        "unobserved",
        "WebApp",
    ),
    "two-leaders": Bug(
        "who leads goes on when the lease wasn't renewed in time",
        "cluster/lease.py",
        "return self._renewed is not None and self._monotonic() - self._renewed < self._timing.renew_deadline",
        "return self._renewed is not None",
        "replicas",
        "WebApp",
        2,
    ),
    "part-name": Bug(
        "the name of an array's part isn't derived from the parts before it",
        "batchjob/parts.py",
        'f"{attempt}-part{number}"',
        'f"{attempt}-part{number}-{id(made) % 9973}"',
        "pairs",
        "BatchJob",
    ),
    "random-job": Bug(
        "the name of a Job isn't derived from the attempt",
        "batchjob/work.py",
        "return child_name(self.name, str(attempt), LONGEST_JOB_NAME)",
        'return child_name(self.name, f"{attempt}-{id(self) % 9973}", LONGEST_JOB_NAME)',
        "crash",
        "BatchJob",
    ),
    "conditions-replaced": Bug(
        "the whole list of conditions is replaced by one",
        "runtime/reconciler.py",
        '        "status": decision.status,\n    }\n',
        '        "status": decision.status | {"conditions": decision.status.get("conditions", [])[-1:]},\n    }\n',
        "quiet",
        "WebApp",
    ),
    "hash-only": Bug(
        "an object with the right hash is believed to be right",
        "cluster/apply.py",
        "        left = frozenset(differences(desired, live))\n        if not left",
        "        left: frozenset[str] = frozenset()\n        if not left",
        "monkey",
        "WebApp",
    ),
    "hash-first": Bug(
        "the hash is written before the fields, and believed: what was applied in part stays so",
        "cluster/apply.py",
        "            await self._count_as_applied(resource, live)\n",
        '            marks = {"metadata": {"annotations": {self.hash_annotation: digest}}}\n'
        "            await self.client.merge_patch(resource, namespace, name, marks, manager=self.manager)\n"
        "            await self._count_as_applied(resource, live)\n",
        "errors",
        "WebApp",
        also=(
            "        left = frozenset(differences(desired, live))\n        if not left",
            "        left: frozenset[str] = frozenset()\n        if not left",
        ),
    ),
    "always-write": Bug(
        "a child is applied although nothing differs",
        "cluster/apply.py",
        "if self._holds(live, desired, digest):",
        "if self._holds(live, desired, digest) and resource is not SERVICES:",
        "quiet",
        "WebApp",
    ),
    "endless": Bug(
        "a status that names the moment differs each time",
        "runtime/reconciler.py",
        "    if decision.status is None or not _differs(",
        "    if decision.status and 'url' in decision.status:\n"
        "        decision.status['url'] = f'http://{context.now().timestamp()}'\n"
        "    if decision.status is None or not _differs(",
        "quiet",
        "WebApp",
    ),
    "spin": Bug(
        "an object that is as it should be is looked at again at once, for ever",
        "runtime/reconciler.py",
        "            return decision.again_in_seconds\n",
        "            return 0.0\n",
        "quiet",
        "WebApp",
    ),
    "head-of-line": Bug(
        "a worker waits out the pause of a key that failed and does nothing else",
        "runtime/operator.py",
        '            log.warning("will try again: %s", error, extra={"key": str(key)})\n',
        "            await asyncio.sleep(60)\n",
        "errors",
        "WebApp",
        4,
    ),
    "blocked-queue": Bug(
        "a key whose reconcile failed is never given back",
        "runtime/queue.py",
        "        self._running.discard(key)\n",
        "        if not failed:\n            self._running.discard(key)\n",
        "errors",
        "WebApp",
        1,
    ),
    "unwanted-stays": Bug(
        "what is no longer wanted is not deleted",
        "webapp/decide.py",
        "        *_deletions(wanted, running, facts, rollout),\n",
        "",
        "crash",
        "WebApp",
    ),
    "namesake-status": Bug(
        "a status is written without the version that it was decided on",
        "runtime/reconciler.py",
        '"uid": metadata["uid"], **version}',
        '"uid": metadata["uid"]}',
        "stale",
        "BatchJob",
    ),
    "namesake-pods": Bug(
        "pods of a deleted namesake count",
        "batchjob/reconcile.py",
        '        if any(owner["uid"] in uids for owner in each["metadata"].get("ownerReferences", ()))\n',
        "",
        "stale",
        "BatchJob",
        15,
    ),
    "orphan-rerun": Bug(
        "a Job without its owner reference counts as deleted",
        "batchjob/reconcile.py",
        "if is_orphan(each) and",
        "if False and is_orphan(each) and",
        "monkey",
        "BatchJob",
    ),
    "job-unlooked-for": Bug(
        "a Job that the cache lacks is not looked for on the server",
        "batchjob/reconcile.py",
        'if "finishedAt" not in attempt and attempt["job"] not in held:',
        "if False:",
        "stale",
        "BatchJob",
        6,
    ),
    "canary-from-old-cache": Bug(
        "which step a canary has come to is believed of the cache",
        "webapp/canary_facts.py",
        "    if not _is_concerned(key, app, spec, context):\n",
        "    if not _is_concerned(key, app, spec, context) or True:\n",
        "canary",
        "WebApp",
    ),
    "release-from-old-cache": Bug(
        "that a release has no Job is believed of the cache",
        "webapp/release_facts.py",
        "in choose(facts, None, context.now()).release.absent:",
        "in ():",
        "release",
        "WebApp",
        3,
    ),
    "room-counted-late": Bug(
        "room is taken only once the status says so, not from the admission on",
        "runtime/admitter.py",
        "            self._granted[request.uid] = self.admission.claims[request.uid]\n",
        "            self._granted[request.uid] = self.admission.claims[request.uid]\n"
        "            self.admission.release(request.uid, self._now().timestamp())\n",
        "queues",
        "BatchJob",
    ),
    "room-not-given-back": Bug(
        "the room of a job that has ended stays taken",
        "runtime/admitter.py",
        "            self.withdraw(uid)\n            self._release(uid)\n        elif uid not in",
        "            self.withdraw(uid)\n        elif uid not in",
        "queues",
        "BatchJob",
    ),
    "job-before-status": Bug(
        "a job is started before its status says that it is admitted",
        "batchjob/admission.py",
        "    return replace(course, start=None, resume=False, asks=attempt, queue=queue)",
        '    if "environment" in queue:\n'
        "        return replace(course, queue=queue)\n"
        "    return replace(course, start=None, resume=False, asks=attempt, queue=queue)",
        "queues",
        "BatchJob",
    ),
    "takeover-unread": Bug(
        "who takes over admits by its cache",
        "runtime/admitter.py",
        "                await self._refresh()\n",
        "",
        "queues",
        "BatchJob",
        5,
    ),
    "dependency-unheard": Bug(
        "that a dependency has ended is told to nobody",
        "batchjob/prerequisites.py",
        '        yield str(Key(BATCHJOBS.kind, metadata["namespace"], each["name"]))',
        "        yield each['name']",
        "queues",
        "BatchJob",
        2,
    ),
    "dependency-missing": Bug(
        "a dependency that doesn't exist yet counts as met",
        "batchjob/dependencies.py",
        'return "Deleted" if before in ("Waiting", "Deleted") else "Missing"',
        'return "Met"',
        "queues",
        "BatchJob",
        2,
    ),
    "gang-kept": Bug(
        "a gang of which some pods find no node keeps those that it has",
        "batchjob/gang.py",
        "    if nodes is None or job is None or now < _deadline(facts, job, nodes):\n",
        "    if True:\n",
        "queues",
        "BatchJob",
        4,
    ),
    "schedule-by-cache": Bug(
        "whether a run was made is believed from the cache",
        "jobdefinition/reconcile.py",
        "        if certain or not _runs(decision):",
        "        if True:",
        "schedules",
        "BatchJob",
        1,
    ),
    "run-unrecorded": Bug(
        "a job that has ended is deleted before its run is recorded",
        "jobdefinition/schedules.py",
        "if recorded is None or timestamp(run_of(job)) < recorded]",
        "]",
        "schedules",
        "BatchJob",
        2,
    ),
}
