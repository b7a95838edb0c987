"""Whether, and when, a failed attempt is followed by another: the first rule that matches decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from longshore.api.batchjob import BatchJobSpec, Retry
from longshore.batchjob.attempts import NOT_COUNTED, Attempt
from longshore.batchjob.children.job import DISRUPTIONS
from longshore.workload.diagnosis import wrote_too_much


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows a failed attempt: another at `at`, or none, and why."""

    at: datetime | None
    why: str


def judge(spec: BatchJobSpec, attempt: Attempt, counted_before: int) -> Verdict:
    """What follows `attempt`, which failed. `counted_before` attempts before it cost one of retry.attempts."""
    retry, assumed = spec.retry, attempt.reason or "Error"
    assert attempt.finished is not None, "only an attempt that ended is judged"
    if assumed in NOT_COUNTED:
        return Verdict(attempt.finished, "resumed")
    if spec.array is not None:
        return Verdict(None, "indexes are retried within the attempt")
    rule = next((each for each in retry.when if _matches(each.exit_codes, each.reasons, attempt)), None)
    if rule is not None and rule.action == "Fail":
        what = f"exit code {attempt.exit_code}" if rule.exit_codes is not None else attempt.reason
        return Verdict(None, f"a retry rule says Fail to {what}")
    free = is_free(retry, attempt)
    used = counted_before + (0 if free else 1)
    if used >= retry.attempts:
        return Verdict(
            None,
            f"attempt {used} of {retry.attempts} was the last"
            if retry.attempts > 1
            else f"no retries are set{_at_no_cost(attempt)}",
        )
    return Verdict(attempt.finished + _backoff(retry, used), "retried")


def _at_no_cost(attempt: Attempt) -> str:
    """That a rule could have helped an attempt which was not at fault."""
    if attempt.reason not in DISRUPTIONS or wrote_too_much(attempt.message or ""):
        return ""
    return f". A retry rule with reasons: [{attempt.reason}] and action: Retry has it tried again, which costs no attempt"


def is_free(retry: Retry, attempt: Attempt) -> bool:
    """Whether the attempt costs none of retry.attempts: it was stopped, or a rule retries a lost node."""
    if attempt.reason in NOT_COUNTED:
        return True
    rule = next((each for each in retry.when if _matches(each.exit_codes, each.reasons, attempt)), None)
    return attempt.reason in DISRUPTIONS and rule is not None and rule.action == "Retry"


def _matches(exit_codes: Sequence[int] | None, reasons: Sequence[str] | None, attempt: Attempt) -> bool:
    if exit_codes is not None:
        return attempt.exit_code in exit_codes
    reason = attempt.reason if attempt.reason in DISRUPTIONS | {"OOMKilled"} else "Error"
    return reason in (reasons or ())


def _backoff(retry: Retry, failures: int) -> timedelta:
    """Doubled after each failure that counted, up to the maximum."""
    doubled = retry.backoff_seconds * 2 ** max(failures - 1, 0)
    return timedelta(seconds=min(doubled, max(retry.max_backoff_seconds, retry.backoff_seconds)))
