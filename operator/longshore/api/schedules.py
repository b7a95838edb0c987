"""Schedules that move the bounds of scaling for a while."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from longshore.api.base import DnsLabel, Model, Rule

_CRON_FIELD = "[0-9A-Za-z*/,#-]+"
CronExpression = Annotated[
    str,
    Field(min_length=9, max_length=100),
    Rule(
        f"self.matches('^{_CRON_FIELD}( +{_CRON_FIELD}){{4}}$')",
        "write the five fields minute, hour, day of month, month and day of week, such as 0 3 * * 1-5",
    ),
]
TimeZone = Annotated[
    str,
    Field(min_length=1, max_length=64),
    Rule(
        "self.matches('^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$')",
        "write a time zone of the IANA database, such as Europe/Berlin or UTC",
    ),
]


class ScalingSchedule(Model):
    """Other bounds of scaling, from each time that cron matches, for a while."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.minReplicas) || has(self.maxReplicas)",
            "set minReplicas, maxReplicas or both: a schedule without them changes nothing",
        ),
        Rule(
            "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
            "maxReplicas must not be below minReplicas: raise maxReplicas or lower minReplicas",
        ),
    )
    name: DnsLabel = Field(description="Name of the schedule, unique in this list.")
    cron: CronExpression = Field(
        description="When it begins: minute, hour, day of month, month, day of week, with * , - / and names such as MON or JAN."
    )
    time_zone: TimeZone = Field(
        default="UTC",
        description="Time zone that cron is read in, such as Europe/Berlin. A fixed time that the clock skips comes at the end "
        "of the gap, one that it repeats comes once. Default: UTC.",
    )
    duration_seconds: Annotated[int, Field(ge=60, le=604800)] = Field(
        description="How long it holds, in seconds, from 60 to 604800, a week."
    )
    min_replicas: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="minReplicas meanwhile. Default: as without it, at most maxReplicas."
    )
    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="maxReplicas meanwhile. Default: as without it, at least minReplicas."
    )
