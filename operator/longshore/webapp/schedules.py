"""The bounds of scaling at a moment: those of the schedules that hold then, else the usual ones.

A schedule holds for its duration from each time that its cron expression matches. Nothing is remembered:
after a restart the same moment has the same bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from longshore.api.schedules import ScalingSchedule
from longshore.api.webapp import Scaling
from longshore.workload.cron import BadSchedule, Cron
from longshore.workload.decision import Obj


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds at a moment."""

    scaling: Scaling
    usual_minimum: int
    """What minReplicas is without schedules: so many replicas are enough while more of them start."""
    holding: tuple[str, ...] = ()
    """Names of the schedules that hold."""
    next_edge: datetime | None = None
    """When a schedule begins or ends next."""
    invalid: str = ""
    """Which schedules can't be followed, and why."""
    triggers: tuple[Obj, ...] = ()
    """KEDA's triggers, one for each schedule, where KEDA follows them; the bounds don't move then."""
    by_load: bool = False
    """Beside its triggers KEDA scales by the load."""


def at(scaling: Scaling, now: datetime) -> Bounds:
    """The bounds at this moment. Of several schedules that hold, each bound is the highest."""
    holding: list[ScalingSchedule] = []
    edges: list[datetime] = []
    invalid: list[str] = []
    for schedule in scaling.schedules:
        try:
            cron = Cron(schedule.cron, schedule.time_zone)
        except BadSchedule as bad:
            invalid.append(f"schedule {schedule.name}: {bad}")
            continue
        end = _end(cron, schedule, now)
        if end is not None:
            holding.append(schedule)
        edges += [moment for moment in (end, cron.next_after(now)) if moment is not None]
    if holding:
        minimums, maximums = zip(*(_bounds(scaling, each) for each in holding), strict=True)
        moved = scaling.model_copy(update={"min_replicas": max(minimums), "max_replicas": max(maximums)})
    return Bounds(
        scaling=moved if holding else scaling,
        usual_minimum=scaling.min_replicas,
        holding=tuple(each.name for each in holding),
        next_edge=min(edges, default=None),
        invalid="; ".join(invalid),
    )


def _end(cron: Cron, schedule: ScalingSchedule, now: datetime) -> datetime | None:
    """When the schedule ends that holds now; None if it doesn't."""
    began = cron.last_until(now)
    end = began + timedelta(seconds=schedule.duration_seconds) if began else None
    return end if end is not None and end > now else None


def _bounds(usual: Scaling, schedule: ScalingSchedule) -> tuple[int, int]:
    least = schedule.min_replicas or usual.min_replicas
    most = schedule.max_replicas or usual.max_replicas or usual.min_replicas
    return (least, max(most, least)) if schedule.min_replicas else (min(least, most), most)
