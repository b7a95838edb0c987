"""`longshore queue`: the JobQueues, or one of them with the jobs that wait in it, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from longshore.batchjob.decide import FINISHED
from longshore.batchjob.status import duration
from longshore.cli.connection import cluster_options, fail, with_client
from longshore.cli.table import aligned
from longshore.cluster.client import ApiError, Client
from longshore.runtime.kinds import BATCHJOBS, JOBQUEUES
from longshore.workload.conditions import parse_time

Obj = dict[str, Any]
SHOWN = 50
_LAST = 1 << 31


@click.command()
@click.argument("name", required=False)
@cluster_options
def queue(name: str | None, kubeconfig: str | None, context: str | None, namespace: str | None) -> None:
    """List the JobQueues; with NAME, who waits in that queue and why, those of one namespace with -n."""

    async def show(client: Client) -> int:
        if name is None:
            click.echo("\n".join(queues(await client.list_all(JOBQUEUES))))
            return 0
        try:
            found = await client.get(JOBQUEUES, None, name)
        except ApiError as error:
            if error.status != 404:
                raise
            fail(f"there is no JobQueue {name}: longshore queue lists all")
        click.echo("\n".join(queues([found])))
        click.echo(
            "\n" + "\n".join(line_of(name, await client.list_all(BATCHJOBS, namespace), datetime.now(UTC)))
        )
        return 0

    with_client(kubeconfig, context, show)


def queues(found: Sequence[Obj]) -> Iterator[str]:
    """Queues as lines of a table, those that go first at the top."""
    rows = [("NAME", "STATE", "PRIORITY", "WAITING", "RUNNING", "OLDEST", "ENVIRONMENTS")]
    for each in sorted(found, key=lambda each: (-each["spec"].get("priority", 0), each["metadata"]["name"])):
        spec, status = each["spec"], each.get("status") or {}
        rows.append(
            (
                each["metadata"]["name"],
                spec.get("state", "Open"),
                str(spec.get("priority", 0)),
                str(status.get("waiting", "")),
                str(status.get("running", "")),
                status.get("oldestWaiting", ""),
                ", ".join(spec["computeEnvironments"]),
            )
        )
    return aligned(rows)


def line_of(queue: str, batchjobs: Sequence[Obj], now: datetime) -> Iterator[str]:
    """Jobs that wait in the queue as lines of a table: by place, which is exact among the first of a share only."""
    waiting = [each for each in batchjobs if _waits_in(queue, each)]
    rows = [("POSITION", "SHARE", "PRIORITY", "NAMESPACE", "NAME", "AGE", "WAITS FOR")]
    for each in sorted(waiting, key=_place)[:SHOWN]:
        metadata, spec, status = each["metadata"], each["spec"], each["status"]
        rows.append(
            (
                str(status["queue"].get("position", "")),
                spec.get("share", ""),
                str(spec.get("priority", 0)),
                metadata["namespace"],
                metadata["name"],
                duration(now - parse_time(metadata["creationTimestamp"])),
                (status.get("waiting") or {}).get("message", ""),
            )
        )
    yield from aligned(rows)
    if len(waiting) > SHOWN:
        yield f"and {len(waiting) - SHOWN} more"


def _waits_in(queue: str, batchjob: Obj) -> bool:
    status = batchjob.get("status") or {}
    waits = "queue" in status and "environment" not in status["queue"] and status.get("phase") not in FINISHED
    return waits and batchjob["spec"].get("queue") == queue


def _place(batchjob: Obj) -> tuple[int, int, str]:
    place = batchjob["status"]["queue"].get("position", _LAST)
    return place, -batchjob["spec"].get("priority", 0), batchjob["metadata"]["creationTimestamp"]
