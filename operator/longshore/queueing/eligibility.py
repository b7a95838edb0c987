"""Whether a request can be admitted at all as things are set up, whatever else waits and runs.

An ordered chain: the queue, the namespace, then each environment. What bars a request is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from longshore.queueing.amounts import LABELS, Amounts, render
from longshore.queueing.model import Environment, Nodes, Queue, Request, Shape, Wait

_SEVERAL = 3


def bar(request: Request, queue: Queue | None, environments: Mapping[str, Environment]) -> Wait | None:
    """Why the request can't be admitted before somebody changes something; None if it only has to wait."""
    if queue is None:
        return Wait(
            "QueueMissing",
            f"JobQueue {request.queue} does not exist: create it, or create the job again with another queue",
        )
    if (
        queue.state == "Draining"
        and queue.draining_since is not None
        and request.submitted > queue.draining_since
    ):
        return Wait(
            "QueueClosed",
            f"queue {queue.name} is being drained and takes no more jobs: wait until its state is Open, or use another queue",
        )
    return bar_shape(request.shape, queue, environments)


def bar_shape(shape: Shape, queue: Queue, environments: Mapping[str, Environment]) -> Wait | None:
    """The part of `bar` that is the same for all requests of a shape."""
    if not queue.admits(shape.namespace):
        return Wait(
            "NamespaceNotAllowed",
            f"queue {queue.name} takes no jobs of namespace {shape.namespace}: use another queue, or have the namespace"
            " let in by its allowedNamespaces or namespaceSelector",
        )
    if suitable(shape, queue, environments):
        return None
    return min(
        (_why_not(shape, name, environments.get(name)) for name in queue.environments),
        key=lambda wait: _TELLING.index(wait.reason),
    )


def suitable(shape: Shape, queue: Queue, environments: Mapping[str, Environment]) -> tuple[Environment, ...]:
    """Environments of the queue that have room for the shape when nothing else is in them, in the queue's order."""
    found = (environments.get(name) for name in dict.fromkeys(queue.environments))
    return tuple(
        each
        for each in found
        if each is not None
        and each.enabled
        and shape.need.fits(each.capacity)
        and not conflict(shape.nodes, each.nodes)
    )


_TELLING = ("EnvironmentDisabled", "EnvironmentMissing", "NoCapacity", "PlacementConflict")
"""The reason that is told where environments differ: what an administrator may mend soonest first."""


def _why_not(shape: Shape, name: str, environment: Environment | None) -> Wait:
    if environment is None:
        return Wait(
            "EnvironmentMissing",
            f"ComputeEnvironment {name} does not exist: have it created, or the queue changed",
        )
    if clash := conflict(shape.nodes, environment.nodes):
        return Wait(
            "PlacementConflict",
            f"{clash} in environment {name}: change spec.placement, or use another queue",
        )
    if not shape.need.fits(environment.capacity):
        lacks = " and ".join(_too_much(shape.need, environment.capacity))
        return Wait(
            "NoCapacity",
            f"it can never run as it is: it needs {lacks} in environment {name}. Ask for less, or have the environment enlarged",
        )
    return Wait(
        "EnvironmentDisabled",
        f"environment {name} is disabled and takes no jobs: wait until its state is Enabled, or use another queue",
    )


def _too_much(need: Amounts, capacity: Amounts) -> Iterator[str]:
    for field, label in LABELS.items():
        wanted, limit = getattr(need, field), getattr(capacity, field)
        if 0 < wanted > limit:
            yield f"{render(field, wanted)} {label} of {render(field, limit)}"


def conflict(job: Nodes, environment: Nodes) -> str | None:
    """What of the job's placement can't hold together with the environment's."""
    if job.architecture and environment.architecture and job.architecture != environment.architecture:
        return f"placement.architecture is {job.architecture}, and {environment.architecture}"
    if "Any" not in (job.capacity, environment.capacity) and job.capacity != environment.capacity:
        return f"placement.capacity is {job.capacity}, and {environment.capacity}"
    if job.zones and environment.zones and not job.zones & environment.zones:
        return (
            f"placement.zones is {', '.join(sorted(job.zones))}, and {', '.join(sorted(environment.zones))}"
        )
    there = dict(environment.labels)
    for key, value in sorted(job.labels):
        if there.get(key, value) != value:
            return f"placement.nodeLabels has {key}: {value}, and {there[key]}"
    return None


def lacking(need: Amounts, free: Amounts, environment: Environment) -> str:
    """What there isn't enough of now: needs 4 cpu, 2 free of 16 in environment e."""
    parts = [
        f"{render(field, getattr(need, field))} {label}, {render(field, max(getattr(free, field), 0))} free of"
        f" {render(field, getattr(environment.capacity, field))}"
        for field, label in LABELS.items()
        if 0 < getattr(need, field) > getattr(free, field)
    ]
    return f"{' and '.join(parts)} in environment {environment.name}"


def shortage(need: Amounts, found: list[tuple[Environment, Amounts]]) -> str:
    """What is lacking in each of the environments, the first few."""
    told = "; ".join(lacking(need, free, environment) for environment, free in found[:_SEVERAL])
    more = f"; and in {len(found) - _SEVERAL} more" if len(found) > _SEVERAL else ""
    return f"needs {told}{more}"
