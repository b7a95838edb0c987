"""`longshore jobs`, `cancel` and `retry`: the BatchJobs of a namespace, the end of one, and another like it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from longshore.batchjob.decide import FINISHED
from longshore.batchjob.status import duration
from longshore.cli.connection import cluster_options, fail, get_or_fail, namespace_of, with_client
from longshore.cli.table import aligned
from longshore.cluster.client import ApiError, Client
from longshore.runtime.kinds import BATCHJOBS
from longshore.workload.conditions import parse_time
from longshore.workload.names import child_name

Obj = dict[str, Any]
FIELD_MANAGER = "longshore-cli"
_OF_ONE_RUN = ("cancel", "suspend")
"""What was asked of a job while it ran, and is not asked of another like it."""


@click.command()
@click.option("--queue", metavar="QUEUE", help="Only jobs of this queue.")
@cluster_options
def jobs(queue: str | None, kubeconfig: str | None, context: str | None, namespace: str | None) -> None:
    """List the BatchJobs of a namespace, the newest last, and what each waits for."""
    where = namespace_of(kubeconfig, context, namespace)

    async def show(client: Client) -> int:
        found = await client.list_all(BATCHJOBS, where)
        chosen = [each for each in found if queue is None or each["spec"].get("queue") == queue]
        if not chosen:
            of_queue = f" of queue {queue}" if queue is not None else ""
            click.echo(f"there is no BatchJob{of_queue} in namespace {where}", err=True)
            return 0
        click.echo("\n".join(table(chosen, datetime.now(UTC))))
        return 0

    with_client(kubeconfig, context, show)


def table(batchjobs: Sequence[Obj], now: datetime) -> Iterator[str]:
    """The jobs as lines of a table, with their queues if one of them has one."""
    queued = any("queue" in each["spec"] for each in batchjobs)
    rows = [
        (
            "NAME",
            *(["QUEUE", "POSITION"] if queued else []),
            "PHASE",
            "REASON",
            "ATTEMPT",
            "DONE",
            "AGE",
            "WAITS FOR",
        )
    ]
    for each in sorted(batchjobs, key=lambda each: str(each["metadata"]["creationTimestamp"])):
        metadata, status = each["metadata"], each.get("status") or {}
        rows.append(
            (
                metadata["name"],
                *([each["spec"].get("queue", ""), _position(status)] if queued else []),
                status.get("phase", "Submitted"),
                status.get("reason", ""),
                str(status.get("attempt", "")),
                status.get("done", ""),
                duration(now - parse_time(metadata["creationTimestamp"])),
                (status.get("waiting") or {}).get("message", ""),
            )
        )
    return aligned(rows)


def _position(status: Obj) -> str:
    return str((status.get("queue") or {}).get("position", ""))


@click.command()
@click.argument("name")
@click.option("--reason", help="Why, for those who look later. Default: cancelled by longshore cancel.")
@cluster_options
def cancel(
    name: str, reason: str | None, kubeconfig: str | None, context: str | None, namespace: str | None
) -> None:
    """End a BatchJob for good: its pods are stopped, and it has failed with your reason."""
    where = namespace_of(kubeconfig, context, namespace)
    why = reason or "cancelled by longshore cancel"

    async def end(client: Client) -> int:
        found = await get_or_fail(client, BATCHJOBS, where, name)
        if (phase := (found.get("status") or {}).get("phase")) in FINISHED:
            fail(f"{name} has {phase.lower()} already; there is nothing to cancel")
        if before := found["spec"].get("cancel"):
            click.echo(f"{where}/{name} was cancelled before: {before['reason']}")
            return 0
        body = {"metadata": {"uid": found["metadata"]["uid"]}, "spec": {"cancel": {"reason": why}}}
        try:
            await client.merge_patch(BATCHJOBS, where, name, body, manager=FIELD_MANAGER)
        except ApiError as error:
            if error.status != 422:
                raise
            fail(error.message)
        click.echo(f"{where}/{name} is being cancelled: {why}")
        return 0

    with_client(kubeconfig, context, end)


@click.command()
@click.argument("name")
@click.option("--failed", is_flag=True, help="Run only the indexes of an array that failed.")
@cluster_options
def retry(
    name: str, failed: bool, kubeconfig: str | None, context: str | None, namespace: str | None
) -> None:
    """Make another BatchJob with the spec of one that has ended, under a name derived from its name."""
    where = namespace_of(kubeconfig, context, namespace)

    async def again(client: Client) -> int:
        found = await get_or_fail(client, BATCHJOBS, where, name)
        if (found.get("status") or {}).get("phase") not in FINISHED:
            fail(f"{name} has not ended: longshore cancel {name} -n {where} ends it")
        spec = {key: value for key, value in found["spec"].items() if key not in _OF_ONE_RUN}
        if failed:
            spec = of_failed_indexes(found, spec)
        made = await _create_next(client, where, name, spec)
        click.echo(f"{where}/{made} was created; how it goes: longshore why batchjob {made} -n {where}")
        if failed:
            click.echo(f"# it runs indexes {spec['array']['indexes']}")
        return 0

    with_client(kubeconfig, context, again)


def of_failed_indexes(batchjob: Obj, spec: Obj) -> Obj:
    """The spec for the indexes that failed alone. What was said of how many have to succeed doesn't fit them."""
    name, array = batchjob["metadata"]["name"], (batchjob.get("status") or {}).get("array")
    if array is None:
        fail(f"{name} is no array, so it has no failed indexes: leave out --failed")
    if "failedIndexes" not in array:
        fail(f"no index of {name} has failed")
    if array["pending"] + array["running"]:
        left = array["pending"] + array["running"]
        click.echo(f"# {left} indexes of {name} neither succeeded nor failed; they aren't run", err=True)
    rest = {key: value for key, value in spec.items() if key != "successPolicy"}
    return rest | {"array": spec["array"] | {"indexes": array["failedIndexes"]}}


async def _create_next(client: Client, namespace: str, name: str, spec: Obj) -> str:
    """Creates NAME-retry-1, or the first after it that is free; returns its name."""
    before = re.fullmatch(r"(.+)-retry-([0-9]+)", name)
    base, number = (before[1], int(before[2])) if before else (name, 0)
    while True:
        number += 1
        chosen = child_name(base, f"retry-{number}")
        body: Obj = {
            "apiVersion": BATCHJOBS.api_version,
            "kind": BATCHJOBS.kind,
            "metadata": {"name": chosen, "namespace": namespace},
            "spec": spec,
        }
        try:
            await client.create(BATCHJOBS, namespace, body, manager=FIELD_MANAGER)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        else:
            return chosen
