"""JobDefinition: what batch jobs are made from, with parameters, revisions and schedules."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from longshore.api.base import DnsLabel, ListMap, Model, Rule
from longshore.api.batchjob import JobTemplate
from longshore.api.common import Conditions
from longshore.api.parameters import MOST_PARAMETERS, NAMES, Parameter, ParameterValues
from longshore.api.schedules import CronExpression, TimeZone

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Schedule(Model):
    """When BatchJobs are made by themselves."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.share) || has(self.queue)", "share is a part of a queue: set queue as well"),
    )
    name: Annotated[
        str,
        Field(min_length=1, max_length=20),
        Rule(
            "self.matches('^[a-z0-9]+$')",
            "use lower-case letters and digits only: it becomes part of the jobs' names",
        ),
    ] = Field(
        description="Name of the schedule, unique in this list: at most 20 lower-case letters and digits."
    )
    cron: CronExpression = Field(
        description="When: minute, hour, day of month, month, day of week, with * , - / and names such as MON or JAN."
    )
    time_zone: TimeZone = Field(
        default="UTC",
        description="Time zone that cron is read in, such as Europe/Berlin. A fixed time that the clock skips runs at the "
        "end of the gap, one that it repeats runs once. Default: UTC.",
    )
    parameters: ParameterValues = Field(
        default_factory=dict, description="Values for the parameters. Default: those of the definition."
    )
    queue: DnsLabel | None = Field(
        default=None, description="JobQueue that the jobs wait in. Default: none, they are admitted at once."
    )
    priority: Annotated[int, Field(ge=0, le=9999)] = Field(
        default=0, description="In its share of the queue the higher goes first, from 0 to 9999. Default: 0."
    )
    share: DnsLabel | None = Field(
        default=None,
        description="Whose part of the queue they use, where the queue divides fairly. Default: one without a name.",
    )
    concurrency: Literal["Allow", "Forbid", "Replace"] = Field(
        default="Allow",
        description="While an earlier job of the schedule still runs: Allow another, Forbid it and skip this run, or "
        "Replace the earlier one, which is cancelled first. Default: Allow.",
    )
    starting_deadline_seconds: Annotated[int, Field(ge=10, le=2592000)] | None = Field(
        default=None,
        description="A run that could not be made so many seconds after its time is skipped. Of several missed runs only "
        "the latest is made up for. Default: no limit.",
    )
    keep_succeeded: Annotated[int, Field(ge=0, le=100)] = Field(
        default=3, description="Jobs that succeeded and are kept, the newest ones. Default: 3."
    )
    keep_failed: Annotated[int, Field(ge=0, le=100)] = Field(
        default=3, description="Jobs that failed and are kept, the newest ones. Default: 3."
    )
    suspend: bool = Field(
        default=False,
        description="Make no jobs. Runs that fall into this time are not made up for. Default: false.",
    )


class JobDefinitionSpec(Model):
    """What is wanted of a job definition."""

    template: JobTemplate = Field(
        description="What a BatchJob made from this runs, and how. ${params.NAME} stands for a parameter in command, args "
        "and values of env; write $${ for the characters ${. Each change makes a revision."
    )
    parameters: Annotated[dict[str, Parameter], Field(max_length=MOST_PARAMETERS), NAMES] = Field(
        default_factory=dict,
        description="The parameters that jobs may give, by name, at most 50. Default: none.",
    )
    schedules: Annotated[list[Schedule], Field(max_length=10), ListMap(("name",))] = Field(
        default=[], description="When BatchJobs are made by themselves, at most 10. Default: never."
    )


class ScheduleStatus(Model):
    """Where a schedule stands."""

    name: Annotated[str, Field(max_length=20)] = Field(description="Name of the schedule.")
    cron: Annotated[str, Field(max_length=100)] = Field(
        description="The expression that nextRun was reckoned with."
    )
    time_zone: Annotated[str, Field(max_length=64)] = Field(
        description="The time zone that it was reckoned in."
    )
    last_run: Moment | None = Field(default=None, description="The latest time for which a job was made.")
    last_job: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="Name of that job."
    )
    next_run: Moment | None = Field(
        default=None, description="The next time for which a job is due; none while it is suspended."
    )
    active: int = Field(description="Jobs of the schedule that have not ended.")
    message: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="Why a job that is due has not been made."
    )


class JobDefinitionStatus(Model):
    """What is known of a job definition."""

    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that this status speaks of."
    )
    conditions: Conditions = Field(default=[], description="Ready.")
    revision: int | None = Field(
        default=None, description="The latest revision, which new jobs are made from."
    )
    schedules: Annotated[list[ScheduleStatus], Field(max_length=10), ListMap(("name",))] = Field(
        default=[], description="Where the schedules stand."
    )
    next_run: Moment | None = Field(
        default=None, description="The next time for which any schedule makes a job."
    )
    active: int | None = Field(default=None, description="Jobs of all schedules that have not ended.")


class JobDefinition(Model):
    """What batch jobs are made from: a template with parameters, kept in revisions, and schedules."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",
            "metadata.name: use at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit",
        ),
    )
    spec: JobDefinitionSpec = Field(description="What is wanted.")
    status: JobDefinitionStatus | None = Field(
        default=None, description="What is known. Written by Longshore."
    )
