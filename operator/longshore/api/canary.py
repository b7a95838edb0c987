"""How a new revision is tried on a part of the requests before it replaces the last one."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from longshore.api.base import ListType, Model, Rule

Bound = Annotated[float, Field(ge=-1e12, le=1e12)]


class CanaryStep(Model):
    """A share of the requests, and what has to be before the next step."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.pauseSeconds) || !self.approval",
            "a step lasts for pauseSeconds or waits for an approval: leave out one of the two",
        ),
    )
    weight: Annotated[int, Field(ge=1, le=99)] = Field(
        description="Percentage of requests that the new revision gets, from 1 to 99. By the route where there is one, else by the number of replicas."
    )
    pause_seconds: Annotated[int, Field(ge=0, le=604800)] | None = Field(
        default=None,
        description="Seconds that the step lasts once the new revision gets its share. Default: 60, or without end with approval.",
    )
    approval: bool = Field(
        default=False,
        description="Wait until somebody approves: longshore approve NAME. Default: false.",
    )


class PrometheusCheck(Model):
    """A query whose answer, one number, has to lie within bounds."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.max) || has(self.min)", "set max, min or both: without a bound nothing is judged"),
        Rule("!has(self.max) || !has(self.min) || self.min <= self.max", "min must not be above max"),
    )
    query: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        description="PromQL that gives one number. ${namespace}, ${name}, ${revision} and ${pods} (names of the new revision's pods, with | in between) are put in."
    )
    max: Bound | None = Field(default=None, description="The highest number that is good. Default: none.")
    min: Bound | None = Field(default=None, description="The lowest number that is good. Default: none.")


class Analysis(Model):
    """By what a new revision is judged while it is tried. One that is found bad is given up at once."""

    max_restarts: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=2,
        description="Restarts of containers of the new revision, all together, that are let pass. Default: 2.",
    )
    error_rate_percent: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="Highest percentage of the new revision's requests that may fail, as Prometheus counts them. Default: not judged.",
    )
    prometheus: PrometheusCheck | None = Field(
        default=None, description="A query of your own. Default: none."
    )


class Canary(Model):
    """The steps of a rollout with strategy Canary."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.steps.map(s, s.weight).isSorted()",
            "weights must not fall from one step to the next: put steps in the order of their weights",
        ),
    )
    steps: Annotated[list[CanaryStep], Field(min_length=1, max_length=10), ListType("atomic")] = Field(
        description="Shares of the requests, one after the other; after the last one the new revision gets all. At most 10."
    )
    analysis: Analysis = Field(default=Analysis(), description="By what the new revision is judged.")
