"""Jobs become BatchJobs, CronJobs JobDefinitions with a schedule."""

from __future__ import annotations

from longshore.convert.draft import Draft, Obj, Options, named
from longshore.convert.kubernetes.objects import read_own_metadata
from longshore.convert.kubernetes.pod import main_container, read_pod
from longshore.convert.reader import Reader

HINTS = {
    "podFailurePolicy": "write retry.rules by exitCodes, or by reasons: OOMKilled, Evicted, NodeLost, Preempted, Error",
    "successPolicy": "write it to successPolicy",
    "maxFailedIndexes": "write it to successPolicy.maxFailedIndexes",
    "manualSelector": "Longshore selects the pods that it makes",
    "managedBy": "Longshore runs the Job",
    "podReplacementPolicy": "an attempt begins when the one before has ended",
    "completions": "write array.size: each pod finds its index in LONGSHORE_ARRAY_INDEX",
    "parallelism": "pods that share a queue of work aren't there: write an array",
}
CRON_HINTS = {
    "spec.jobTemplate.spec.suspend": "a job of a schedule isn't held back: suspend the schedule",
    "spec.jobTemplate.spec.ttlSecondsAfterFinished": "how many jobs stay is the schedule's to say: keepSucceeded, keepFailed",
}
_INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
_LOST_NODE = ["Evicted", "NodeLost", "Preempted"]
_MOST_ATTEMPTS = 10


def convert(job: Reader, options: Options) -> Draft:
    """The BatchJob of a Job, or the JobDefinition of a CronJob."""
    draft = named("BatchJob", job["metadata"]["name"], options, "job")
    read_own_metadata(draft, job)
    spec = job["spec"]
    scheduled = job["kind"].peek == "CronJob"
    if scheduled:
        _schedule(draft, spec)
        template = spec["jobTemplate"]
        for kind in ("labels", "annotations"):
            template["metadata"][kind].needless("Longshore labels what it makes")
        for key in ("creationTimestamp", "name"):
            template["metadata"][key].needless("Jobs get names of their own")
        spec = template["spec"]
    spec.hints(HINTS)
    if scheduled:
        job.hints(CRON_HINTS)
    pod = spec["template"]["spec"]
    container = main_container(pod["containers"].items(), ())
    read_pod(draft, spec["template"]["metadata"], pod, container, options)
    pod["restartPolicy"].holds("Never")
    if pod["restartPolicy"].peek == "OnFailure":
        pod["restartPolicy"].take()
        pod["restartPolicy"].changed(
            "each attempt is a new pod, rather than a container that is started again"
        )
    container["ports"].needless("a job answers no requests")
    spec["selector"].needless("Longshore selects the pods that it makes")
    if not scheduled:
        draft.put("suspend", spec["suspend"].flag() or None, spec["suspend"])
    draft.put("timeouts.attemptSeconds", pod["activeDeadlineSeconds"].number(), pod["activeDeadlineSeconds"])
    _deadline(draft, spec, scheduled)
    _array(draft, spec)
    _attempts(draft, spec)
    _rules(draft, spec["podFailurePolicy"]["rules"], container["name"].peek)
    return draft


def _schedule(draft: Draft, spec: Reader) -> None:
    for key, field in (
        ("schedule", "cron"), ("timeZone", "timeZone"), ("concurrencyPolicy", "concurrency"),
    ):  # fmt: skip
        draft.scheduled(field, spec[key].text(), spec[key])
    for key, field in (
        ("startingDeadlineSeconds", "startingDeadlineSeconds"), ("successfulJobsHistoryLimit", "keepSucceeded"),
        ("failedJobsHistoryLimit", "keepFailed"),
    ):  # fmt: skip
        draft.scheduled(field, spec[key].number(), spec[key])
    draft.scheduled("suspend", spec["suspend"].flag() or None, spec["suspend"])
    if not spec["timeZone"]:
        spec["schedule"].changed(
            "times are in UTC; a CronJob's are in the zone of the controller, mostly UTC as well"
        )


def _deadline(draft: Draft, spec: Reader, scheduled: bool) -> None:
    deadline, kept = spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]
    if draft.put("timeouts.totalSeconds", deadline.number(), deadline):
        deadline.changed("timeouts.totalSeconds counts from submission, waiting included")
    if scheduled:
        return
    if not draft.put("ttlSecondsAfterFinished", kept.number(), kept) and not kept:
        spec.changed("a BatchJob is deleted a week after its end, where a Job stays: ttlSecondsAfterFinished")


def _array(draft: Draft, spec: Reader) -> None:
    size, parallel, mode = spec["completions"], spec["parallelism"], spec["completionMode"]
    if size.peek in ("", "1"):
        size.holds(1, "1")
        parallel.holds(1, "1")
        mode.holds("NonIndexed", "Indexed")
        return
    if draft.put("array.size", size.number(), size):
        draft.put("array.maxParallel", parallel.number() or (None if parallel else 1), parallel or size)
    if mode.peek == "Indexed":
        mode.take()
        mode.changed(f"the index is in LONGSHORE_ARRAY_INDEX, and in {_INDEX_VARIABLE} as before")
    else:
        mode.holds("NonIndexed")
        size.changed(
            "each pod has an index of its own, in LONGSHORE_ARRAY_INDEX, and each index has to succeed"
        )


def _attempts(draft: Draft, spec: Reader) -> None:
    """A Job's backoffLimit is six where nothing is written, and for an index without limit."""
    limit = spec["backoffLimitPerIndex"] or spec["backoffLimit"]
    if not limit:
        draft.put("retry.attempts", 7, spec)
        spec["backoffLimit"].changed("a Job without a backoffLimit is tried seven times, and so is this one")
        return
    if spec["backoffLimitPerIndex"]:
        spec["backoffLimit"].leave("attempts are counted per index")
    if (retries := limit.number()) is None:
        return
    draft.put("retry.attempts", min(retries + 1, _MOST_ATTEMPTS), limit)
    if retries + 1 > _MOST_ATTEMPTS:
        limit.changed(f"{_MOST_ATTEMPTS} attempts are the most")


def _rules(draft: Draft, rules: Reader, container: str) -> None:
    for each in rules.items():
        rule = _rule(each, container)
        if rule is None or not draft.put("retry.rules", [*(draft.get("retry.rules") or []), rule], each):
            each.leave(HINTS["podFailurePolicy"])
        else:
            _take_rule(each)


def _take_rule(rule: Reader) -> None:
    rule["action"].take()
    for key in ("containerName", "operator", "values"):
        rule["onExitCodes"][key].take()
    for each in rule["onPodConditions"].items():
        each["type"].take()
        each["status"].take()


def _rule(rule: Reader, container: str) -> Obj | None:
    """A rule as the contract has it; None where it can't say that. Takes nothing."""
    action, codes = rule["action"].peek, rule["onExitCodes"]
    if codes and action in ("FailJob", "FailIndex", "Count"):
        named_one, operator = codes["containerName"].peek, codes["operator"].peek
        if operator == "In" and named_one in ("", container) and isinstance(codes["values"].value, list):
            return {
                "exitCodes": [
                    number for each in codes["values"].items() if (number := each.number()) is not None
                ],
                "action": "Retry" if action == "Count" else "Fail",
            }
    conditions = [(each["type"].peek, each["status"].peek) for each in rule["onPodConditions"].items()]
    if conditions in ([("DisruptionTarget", "True")], [("DisruptionTarget", "")]):
        followed_by = {"Ignore": "Retry", "FailJob": "Fail", "FailIndex": "Fail"}.get(action)
        return {"reasons": _LOST_NODE, "action": followed_by} if followed_by else None
    return None
