"""What one schedule asks for now: a job to make, jobs to cancel and to delete, and when to look again.

The next run in the status is the memory of a schedule. It moves on when that run has been made, skipped or missed,
so that an operator that was away sees what has come due meanwhile; of several runs the latest is made. A job exists
before the status says so, under a name that only this run has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from longshore.api.jobdefinition import Schedule
from longshore.jobdefinition.children.batchjob import run_of
from longshore.workload.conditions import parse_time, shorten, timestamp
from longshore.workload.cron import BadSchedule, Cron
from longshore.workload.decision import Event, Obj

FINISHED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen, and what is told then."""

    schedule: Schedule
    active: int
    next: datetime | None = None
    run: datetime | None = None
    """Time of the run that is to be made now."""
    cancel: tuple[Obj, ...] = ()
    delete: tuple[Obj, ...] = ()
    event: Event | None = None
    waits: str | None = None
    """Why a run that is due isn't made now."""
    invalid: str | None = None
    """Why the schedule never runs."""

    def render(self, before: Obj | None, jobs: Iterable[Obj], refused: str | None) -> Obj:
        """The schedule's status; `refused` is what the API server said when the run was to be made."""
        last = max(
            ((moment, job["metadata"]["name"]) for job in jobs if (moment := run_of(job))), default=None
        )
        told = before or {}
        if last is not None and timestamp(last[0]) > told.get("lastRun", ""):
            told = {"lastRun": timestamp(last[0]), "lastJob": last[1]}
        message = refused or self.waits
        parts = {
            "name": self.schedule.name,
            "cron": self.schedule.cron,
            "timeZone": self.schedule.time_zone,
            "lastRun": told.get("lastRun"),
            "lastJob": told.get("lastJob"),
            "nextRun": timestamp(self.next) if self.next else None,
            "active": self.active,
            "message": shorten(message) if message else None,
        }
        return {name: value for name, value in parts.items() if value is not None}


def plan(schedule: Schedule, before: Obj | None, jobs: Sequence[Obj], since: datetime, now: datetime) -> Plan:
    """Decides on one schedule. `jobs` are its own, `before` is its status, and `since` the time from which on it
    counts when there is none."""
    active = [job for job in jobs if (job.get("status") or {}).get("phase") not in FINISHED]
    base = Plan(schedule, len(active), delete=_superfluous(schedule, before, jobs))
    try:
        cron = Cron(schedule.cron, schedule.time_zone)
    except BadSchedule as bad:
        return replace(base, invalid=f"schedule {schedule.name}: {bad}")
    if schedule.suspend:
        return base
    due = _remembered(schedule, before) or cron.next_after(since if before is None else now)
    if due is None:
        return replace(base, invalid=f"schedule {schedule.name}: cron {schedule.cron!r} never comes due")
    if now < due:
        return replace(base, next=due)
    run = max(cron.last_until(now) or due, due)
    return _come_due(replace(base, next=cron.next_after(now)), due, run, jobs, active, now)


def _come_due(
    after: Plan, due: datetime, run: datetime, jobs: Sequence[Obj], active: Sequence[Obj], now: datetime
) -> Plan:
    """`after` is the plan once the run has been made, skipped or missed."""
    schedule = after.schedule
    if any(run_of(job) == run for job in jobs):
        return after
    what, deadline = (
        f"the run of {timestamp(run)} of schedule {schedule.name}",
        schedule.starting_deadline_seconds,
    )
    if deadline is not None and now - run > timedelta(seconds=deadline):
        message = f"{what} was missed: it could not be made within startingDeadlineSeconds, {deadline} s"
        return replace(after, event=Event("Warning", "RunMissed", message))
    names = ", ".join(sorted(job["metadata"]["name"] for job in active)[:5])
    if active and schedule.concurrency == "Forbid":
        message = f"{what} was skipped, because {names} still runs and concurrency is Forbid"
        return replace(after, event=Event("Normal", "RunSkipped", message))
    if active and schedule.concurrency == "Replace":
        running = tuple(job for job in active if "cancel" not in job["spec"])
        return replace(after, next=due, cancel=running, waits=f"{what} waits until {names} has been stopped")
    return replace(after, next=due, run=run)


def _remembered(schedule: Schedule, before: Obj | None) -> datetime | None:
    """The next run of the status, unless it was reckoned for another time."""
    if before is None or "nextRun" not in before:
        return None
    same = (before["cron"], before["timeZone"]) == (schedule.cron, schedule.time_zone)
    return parse_time(before["nextRun"]) if same else None


def _superfluous(schedule: Schedule, before: Obj | None, jobs: Sequence[Obj]) -> tuple[Obj, ...]:
    """The oldest jobs that have ended, beyond what is kept. One whose run isn't recorded yet stays: else it would
    be made again."""
    if before is None:
        return ()
    recorded = before.get("nextRun")
    found: list[Obj] = []
    for phase, kept in (("Succeeded", schedule.keep_succeeded), ("Failed", schedule.keep_failed)):
        ended = [job for job in jobs if (job.get("status") or {}).get("phase") == phase and run_of(job)]
        ended.sort(key=lambda job: (run_of(job), job["metadata"]["name"]), reverse=True)
        found += [job for job in ended[kept:] if recorded is None or timestamp(run_of(job)) < recorded]  # type: ignore[arg-type]
    return tuple(found)
