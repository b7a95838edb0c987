"""`longshore why`: an object's conditions as a story, the most telling first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from longshore.cli.connection import cluster_options, get_or_fail, namespace_of, with_client
from longshore.cluster.client import Client
from longshore.runtime.kinds import BATCHJOBS, JOBDEFINITIONS
from longshore.webapp.reconcile import WEBAPPS

Obj = dict[str, Any]
_KINDS = {
    word: resource
    for words, resource in (
        (("webapp", "webapps", "wa"), WEBAPPS),
        (("batchjob", "batchjobs", "bj"), BATCHJOBS),
        (("jobdefinition", "jobdefinitions", "jd"), JOBDEFINITIONS),
    )
    for word in words
}


@click.command()
@click.argument("kind", type=click.Choice(sorted(_KINDS)), metavar="webapp|batchjob|jobdefinition")
@click.argument("name")
@cluster_options
def why(kind: str, name: str, kubeconfig: str | None, context: str | None, namespace: str | None) -> None:
    """Say why a WebApp or JobDefinition isn't ready, or why a BatchJob waits or failed."""
    where, resource = namespace_of(kubeconfig, context, namespace), _KINDS[kind]

    async def tell(client: Client) -> int:
        click.echo("\n".join(story(await get_or_fail(client, resource, where, name))))
        return 0

    with_client(kubeconfig, context, tell)


def story(obj: Obj) -> Iterator[str]:
    """The lines of the story."""
    status, metadata = obj.get("status") or {}, obj["metadata"]
    yield f"{obj['kind']} {metadata['namespace']}/{metadata['name']}: {headline(obj)}"
    if not status.get("conditions"):
        yield "  Nothing has been said of it yet. Does the operator run? kubectl get pods --all-namespaces -l app.kubernetes.io/name=longshore"
        return
    if status.get("observedGeneration") != metadata.get("generation"):
        yield "  The spec has changed since; what follows speaks of the one before."
    for condition in status["conditions"]:
        mark = {"True": "yes", "False": "no", "Unknown": "?"}[condition["status"]]
        yield f"  {condition['type']:<12} {mark:<4} {condition['reason']}: {condition['message']}"
    yield from _details(status)


def headline(obj: Obj) -> str:
    """What matters most, in one sentence."""
    status = obj.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    if ready := conditions.get("Ready"):
        return (
            f"ready, {ready['message']}"
            if ready["status"] == "True"
            else f"not ready: {ready['reason']}, {ready['message']}"
        )
    if waiting := status.get("waiting"):
        return f"{status.get('phase')}, waits: {waiting['reason']}, {waiting['message']}"
    failed = conditions.get("Failed", {})
    if failed.get("status") == "True":
        return f"failed: {failed['reason']}, {failed['message']}"
    return str(status.get("phase") or "unknown")


def _details(status: Obj) -> Iterator[str]:
    if failure := status.get("failure"):
        if pod := failure.get("pod"):
            yield f"  Seen in pod {pod}."
        if words := failure.get("lastWords"):
            yield f"  Its last words: {words.strip()}"
    if rollout := status.get("rollout"):
        yield f"  Rollout of revision {rollout['revision']}: {rollout['phase']}, {rollout['message']}"
    for revision in status.get("revisions", ()):
        reason = f" ({revision['reason']})" if "reason" in revision else ""
        yield f"  Revision {revision['name']}: {revision['state']}{reason}, {revision['image']}"
    for node in status.get("nodes", ()):
        state = "ready" if node["ready"] else "not ready"
        yield f"  Node {node['name']}: revision {node['revision']}, {state}"
    for attempt in status.get("attempts", ()):
        end = f"{attempt['reason']}" if "reason" in attempt else "not ended"
        code = f", exit code {attempt['exitCode']}" if "exitCode" in attempt else ""
        node = f" on {attempt['node']}" if "node" in attempt else ""
        yield f"  Attempt {attempt['number']}{node}: {end}{code}{'. ' + attempt['message'] if 'message' in attempt else ''}"
    if words := status.get("lastWords"):
        yield f"  Its last words: {words.strip()}"
