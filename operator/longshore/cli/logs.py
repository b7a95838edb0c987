"""`longshore logs`: what the container of a BatchJob has written, by attempt and index instead of by pod."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from longshore.batchjob.attempts import started_at
from longshore.batchjob.children.job import CONTAINER
from longshore.batchjob.decide import FINISHED
from longshore.batchjob.facts import INDEX_LABEL
from longshore.cli.connection import cluster_options, fail, get_or_fail, namespace_of, with_client
from longshore.cluster.client import ApiError, Client
from longshore.cluster.resources import PODS
from longshore.runtime.kinds import BATCHJOBS
from longshore.workload.names import ATTEMPT_LABEL, BATCHJOB_LABEL

Obj = dict[str, Any]
LOOK_SECONDS = 1.0


@click.command()
@click.argument("name")
@click.option("--attempt", type=click.IntRange(1), help="Number of the attempt. Default: the last.")
@click.option("--index", type=click.IntRange(0), help="Index in an array, or in a gang, there by default 0.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the container ends, from before it begins.")
@cluster_options
def logs(
    name: str,
    attempt: int | None,
    index: int | None,
    follow: bool,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Print what the container of a BatchJob has written."""
    where = namespace_of(kubeconfig, context, namespace)

    async def show(client: Client) -> int:
        batchjob = await get_or_fail(client, BATCHJOBS, where, name)
        which = chosen_index(batchjob, index)
        while True:
            number = attempt or (batchjob.get("status") or {}).get("attempt")
            pod = await newest_pod(client, where, name, number, which) if number else None
            if pod is not None and started_at(pod):
                break
            if not follow or _is_over(batchjob, attempt):
                fail(_nothing_yet(batchjob, number, which, pod))
            await asyncio.sleep(LOOK_SECONDS)
            batchjob = await get_or_fail(client, BATCHJOBS, where, name)
        try:
            await write_log(client, where, pod["metadata"]["name"], follow)
        except ApiError as error:
            if error.status != 404:
                raise
            fail(f"pod {pod['metadata']['name']} is gone, and its log with it")
        return 0

    with_client(kubeconfig, context, show)


def chosen_index(batchjob: Obj, index: int | None) -> int | None:
    """The index whose pod is meant: of a gang by default the first; None for a job of one pod."""
    name, spec = batchjob["metadata"]["name"], batchjob["spec"]
    if "array" not in spec and "nodes" not in spec:
        if index is not None:
            fail(f"{name} has one pod and no indexes: leave out --index")
        return None
    size = spec["array"]["size"] if "array" in spec else spec["nodes"]["count"]
    if index is None and "array" in spec:
        fail(f"{name} is an array: say which of its pods with --index, from 0 to {size - 1}")
    if index is not None and index >= size:
        fail(f"{name} has no index {index}: they go from 0 to {size - 1}")
    return index or 0


async def newest_pod(
    client: Client, namespace: str, name: str, attempt: int, index: int | None
) -> Obj | None:
    """The pod of an attempt, of an index the one that was tried last; None if there is none."""
    selector = f"{BATCHJOB_LABEL}={name},{ATTEMPT_LABEL}={attempt}"
    if index is not None:
        selector += f",{INDEX_LABEL}={index}"
    pods = await client.list_all(PODS, namespace, labelSelector=selector)
    return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


async def write_log(client: Client, namespace: str, pod: str, follow: bool) -> None:
    """Writes the log to standard output, as it is.

    Raises:
        ApiError: the log can't be read; 404 where the pod is gone.
    """
    out = sys.stdout.buffer
    follows = "true" if follow else "false"
    async for piece in client.log(namespace, pod, container=CONTAINER, follow=follows):
        out.write(piece)
        out.flush()


def _is_over(batchjob: Obj, attempt: int | None) -> bool:
    """Whether no container of the attempt will begin any more."""
    status = batchjob.get("status") or {}
    ended = {each["number"] for each in status.get("attempts", ()) if "finishedAt" in each}
    return status.get("phase") in FINISHED or attempt in ended


def _nothing_yet(batchjob: Obj, attempt: int | None, index: int | None, pod: Obj | None) -> str:
    name, status = batchjob["metadata"]["name"], batchjob.get("status") or {}
    waiting = (status.get("waiting") or {}).get("message")
    why = f": {waiting}" if waiting else ""
    if attempt is None:
        return f"{name} has not started{why}"
    whose = f"attempt {attempt} of {name}" + (f", index {index}," if index is not None else "")
    if pod is None and _is_over(batchjob, attempt):
        return f"{whose} has no pod any more, and no log"
    return f"{whose} has written nothing yet{why}" if pod else f"{whose} has no pod{why}"
