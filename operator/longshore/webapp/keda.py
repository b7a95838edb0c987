"""Schedules as KEDA follows them, where it can follow every one of them as it is meant.

KEDA's cron trigger raises the number of replicas from one time of the day to another. A schedule that lowers the
maximum, or whose time comes several times a day, can't be said that way; then all schedules of the app are followed by
ourselves, as where there is no KEDA.
"""

from __future__ import annotations

import re

from longshore.api.schedules import ScalingSchedule
from longshore.api.webapp import Scaling, WebAppSpec
from longshore.webapp.schedules import Bounds
from longshore.workload.cron import BadSchedule, Cron
from longshore.workload.decision import Obj

_DAY = 24 * 60
_NUMBERS = re.compile(r"\*|\d+(-\d+)?(,\d+(-\d+)?)*")
_NAMES = r"(?:[0-6]|SUN|MON|TUE|WED|THU|FRI|SAT)"
_WEEK_DAYS = re.compile(rf"\*|{_NAMES}(-{_NAMES})?(,{_NAMES}(-{_NAMES})?)*", re.IGNORECASE)


def bounds(spec: WebAppSpec) -> Bounds | None:
    """The bounds for KEDA to move in, with a trigger for each schedule; None where it can't follow the schedules."""
    scaling = spec.scaling
    if not scaling.schedules or spec.suspend or scaling.mode == "PerNode":
        return None
    made = [trigger(each) for each in scaling.schedules]
    highest = max(each.min_replicas or 0 for each in scaling.schedules)
    usual = _usual_maximum(scaling)
    if None in made or highest <= scaling.min_replicas or (usual > scaling.min_replicas and highest > usual):
        return None
    return Bounds(
        scaling=scaling.model_copy(update={"max_replicas": max(usual, highest)}),
        usual_minimum=scaling.min_replicas,
        triggers=tuple(each for each in made if each),
        by_load=usual > scaling.min_replicas,
    )


def trigger(schedule: ScalingSchedule) -> Obj | None:
    """KEDA's cron trigger; None if there is none that means the same."""
    try:
        Cron(schedule.cron, schedule.time_zone)
    except BadSchedule:
        return None
    minute, hour, *days = schedule.cron.split()
    if schedule.max_replicas is not None or not (minute.isdecimal() and hour.isdecimal()):
        return None
    month_days, months, week_days = days
    if not (
        _NUMBERS.fullmatch(month_days) and _NUMBERS.fullmatch(months) and _WEEK_DAYS.fullmatch(week_days)
    ):
        return None
    if "*" not in (month_days, week_days):  # which of the two counts is read differently
        return None
    minutes, rest = divmod(schedule.duration_seconds, 60)
    end = 60 * int(hour) + int(minute) + minutes
    if rest or minutes >= _DAY or (end >= _DAY and days != ["*", "*", "*"]):
        return None
    end_hour, end_minute = divmod(end % _DAY, 60)
    return {
        "type": "cron",
        "name": schedule.name,
        "metadata": {
            "timezone": schedule.time_zone,
            "start": schedule.cron,
            "end": " ".join([str(end_minute), str(end_hour), *days]),
            "desiredReplicas": str(schedule.min_replicas),
        },
    }


def _usual_maximum(scaling: Scaling) -> int:
    return scaling.max_replicas or scaling.min_replicas
