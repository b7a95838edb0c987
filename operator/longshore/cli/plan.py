"""`longshore plan`: what applying a file would change, asked of the server without changing anything.

The object itself is applied as a dry run; then the same decision is made as the operator would make, and
each of its steps is a dry run, too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from longshore.api.files import to_yaml
from longshore.api.webapp import WebAppSpec
from longshore.batchjob import decide as batchjob_decisions
from longshore.batchjob import reconcile as batchjobs
from longshore.cli.connection import cluster_options, fail, namespace_of, with_client
from longshore.cli.manifests import MODELS, Manifest, Mistake, plain, read, refusals
from longshore.cluster.apply import Applier
from longshore.cluster.client import ApiError, Client
from longshore.cluster.informer import Watch
from longshore.cluster.ownership import as_applied, fields_of, replacement
from longshore.cluster.resources import Resource
from longshore.cluster.store import Store
from longshore.jobdefinition import decide as jobdefinition_decisions
from longshore.jobdefinition import reconcile as jobdefinitions
from longshore.queueing import reconcile as queues
from longshore.runtime.gathering import ALLOWED_ACCOUNTS
from longshore.runtime.kinds import BATCHJOBS, JOBDEFINITIONS
from longshore.runtime.queue import Key
from longshore.runtime.reconciler import CHILDREN
from longshore.runtime.settings import Settings
from longshore.runtime.wiring import Context, Kind
from longshore.webapp import decide as webapp_decisions
from longshore.webapp import reconcile as webapps
from longshore.webapp.canary import outline
from longshore.workload.decision import Apply, Create, Decision, Delete, Patch
from longshore.workload.names import HASH_ANNOTATION, JOBDEFINITION_LABEL, MANAGER, RELEASE_LABEL

Obj = dict[str, Any]
_KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        webapps.KIND,
        batchjobs.KIND,
        jobdefinitions.KIND,
        queues.JOBQUEUE_KIND,
        queues.ENVIRONMENT_KIND,
    )
}
_RESOURCES = {(each.api_version, each.kind): each for each in CHILDREN} | {
    (each.api_version, each.kind): each for watch in webapps.KIND.watches for each in watch.alternatives
}
_NOISE = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")


@click.command()
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    required=True,
    metavar="FILE",
    help="A file of WebApps, BatchJobs and JobDefinitions; may be repeated.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 2 if something would change; for CI.")
@cluster_options
def plan(
    files: tuple[str, ...],
    exit_code: bool,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Show what applying FILE would change, as a diff. Exits with 1 if the file has mistakes."""
    manifests: list[Manifest] = []
    mistakes: list[Mistake] = []
    for file in files:
        found, wrong = read(file)
        manifests += found
        mistakes += wrong
    if mistakes:
        click.echo("\n".join(map(str, mistakes)), err=True)
        raise SystemExit(1)
    where = namespace_of(kubeconfig, context, namespace)

    async def show(client: Client) -> int:
        refusals, changes = 0, 0
        for manifest in manifests:
            try:
                for line in [line async for line in _changes(client, manifest, where)]:
                    click.echo(line)
                    changes += 1
            except _Refused as refused:
                click.echo("\n".join(map(str, refused.mistakes)), err=True)
                refusals += 1
        if refusals:
            return 1
        return 2 if exit_code and changes else 0

    with_client(kubeconfig, context, show)


class _Refused(Exception):
    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes


async def _changes(client: Client, manifest: Manifest, namespace: str) -> Any:
    kind = _KINDS[manifest.kind]
    body: Obj = plain(manifest.document)
    if kind.namespaced:
        body["metadata"].setdefault("namespace", namespace)
    name, where = body["metadata"]["name"], body["metadata"].get("namespace", "")
    live = await _live(client, kind.resource, where, name)
    applied_before = fields_of(live["metadata"].get("managedFields", ()), _applied_it) if live else {}
    try:
        after = await _applied(client, kind.resource, body, live, "longshore-plan", applied_before)
    except ApiError as error:
        if error.status == 404:
            fail(
                f"the API server has no {kind.resource.plural}, or no namespace {where}: longshore crds | kubectl apply --server-side -f -"
            )
        raise _Refused(list(refusals(manifest, error))) from error
    after |= {"apiVersion": kind.resource.api_version, "kind": kind.name}
    changed = list(_diff(live, after))
    for line in changed:
        yield line
    if not kind.namespaced:
        return
    decision = await _decide(client, kind, after, where, name)
    for step in decision.steps:
        async for line in _step(client, step, where):
            yield line
    rollout = (decision.status or {}).get("rollout") or {}
    if changed and rollout.get("phase") == "GettingReady":
        canary = WebAppSpec.model_validate(after["spec"]).rollout.canary
        steps = outline(canary) if canary else ""
        yield f"# revision {rollout['revision']} is tried on {steps}; then pods of {name} are replaced"
    for condition in (decision.status or {}).get("conditions", ()):
        if condition["reason"] == "ServiceAccountNotAllowed":
            yield f"# {condition['message']}"


async def _step(client: Client, step: Apply | Create | Delete | Patch, namespace: str) -> Any:
    if isinstance(step, Delete | Patch):
        yield f"# would {_verb(step)} {step.ref.kind} {step.ref.name}"
        return
    if isinstance(step, Apply) and step.manager != MANAGER:
        return
    resource, name = _RESOURCES[step.body["apiVersion"], step.body["kind"]], step.body["metadata"]["name"]
    live = await _live(client, resource, namespace, name)
    if isinstance(step, Create) and live is not None:
        return
    try:
        created = as_applied(live["metadata"].get("managedFields", ()), MANAGER) if live else None
        fields = created[-1]["fieldsV1"] if created else {}
        after = await _applied(client, resource, step.body, live, MANAGER, fields)
    except ApiError as error:
        yield f"# {resource.kind} {name} would be refused: {error.message}"
        return
    after |= {"apiVersion": resource.api_version, "kind": resource.kind}
    lines = list(_diff(live, after))
    for line in lines:
        yield line
    if isinstance(step, Create) and RELEASE_LABEL in step.body["spec"]["template"]["metadata"]["labels"]:
        yield f"# the rollout begins when Job {name} has succeeded"
    if (
        live is not None
        and lines
        and resource.kind in ("Deployment", "DaemonSet")
        and live["spec"]["template"] != after["spec"]["template"]
    ):
        count = after["spec"].get("replicas", 1) if resource.kind == "Deployment" else "one per node"
        yield f"# pods of {name} are replaced, {count} in all"


def _verb(step: Delete | Patch) -> str:
    if isinstance(step, Delete):
        return "delete"
    return "stop or resume" if "suspend" in step.body.get("spec", {}) else "correct"


async def _applied(
    client: Client, resource: Resource, desired: Obj, live: Obj | None, manager: str, before: Obj
) -> Obj:
    """What the server would hold; the fields `before` go where they aren't desired any more."""
    namespace, name = desired["metadata"]["namespace"], desired["metadata"]["name"]
    if live is not None and before:
        body = replacement(live, desired, before)
        return await client.replace(resource, namespace, name, body, manager=manager, dry_run=True)
    force = live is not None
    return (
        await client.apply(resource, namespace, name, desired, manager=manager, force=force, dry_run=True)
    )[1]


def _applied_it(entry: Obj) -> bool:
    """Whether an entry of managedFields is of somebody who applied a file, on the server or with kubectl."""
    applied = entry["operation"] == "Apply" or entry["manager"] == "kubectl-client-side-apply"
    return applied and not entry.get("subresource")


async def _decide(client: Client, kind: Kind, obj: Obj, namespace: str, name: str) -> Decision:
    """The operator's own decision on what the server would hold."""
    stores = {watch.key: Store(watch.index) for watch in kind.watches}
    by_engines = "expose" in obj["spec"] or "schedules" in obj["spec"].get("scaling", {})
    served = await _served(client, kind) if by_engines else {}
    for watch in kind.watches:
        if watch.alternatives:
            if watch.key in served:
                await _fill(client, watch.of(served[watch.key]), stores[watch.key], namespace)
            continue
        selector = (
            watch.label_selector
            if watch.key == ALLOWED_ACCOUNTS
            else f"{watch.label_selector},{kind.label}={name}"
        )
        try:
            for each in await client.list_all(watch.resource, namespace, labelSelector=selector):
                stores[watch.key].put(watch.strip(each))
        except ApiError as error:
            if error.status != 403:
                raise
            click.echo(
                f"# {watch.resource.plural} may not be listed; the plan assumes that there are none", err=True
            )
    parents = {each.name: Store(each.index) for each in _KINDS.values()}
    if "expose" in obj["spec"]:
        await _fill(client, Watch(kind.resource), parents[kind.name], None)
    for each in await _referred_to(client, obj, namespace):
        parents[each["kind"]].put(each)
    applier = Applier(client, MANAGER, HASH_ANNOTATION)
    context = Context(client, applier, Settings(), parents, stores, lambda: datetime.now(UTC), served=served)
    key = Key(kind.name, namespace, name)
    spec = MODELS[kind.name].model_fields["spec"].annotation.model_validate(obj["spec"])  # type: ignore[union-attr]
    if kind.name == "WebApp":
        return webapp_decisions.foresee(await webapps.gather(key, obj, spec, None, context), context.now())
    if kind.name == JOBDEFINITIONS.kind:
        return jobdefinition_decisions.decide(
            jobdefinitions.gather(key, obj, spec, None, context), context.now()
        )
    return batchjob_decisions.decide(await batchjobs.gather(key, obj, spec, None, context), context.now())


async def _served(client: Client, kind: Kind) -> dict[str, Resource]:
    """Of the APIs that a cluster may lack, those that are served."""
    known = (await client.discover())[1] or frozenset()
    found = (
        (watch.key, [each for each in watch.alternatives if (each.group, each.version, each.plural) in known])
        for watch in kind.watches
    )
    return {key: there[0] for key, there in found if there}


async def _fill(client: Client, watch: Watch, store: Store, namespace: str | None) -> None:
    """Fills a cache with the namespace's objects, or, of what is everybody's, with all that may be seen."""
    where = namespace if watch.label_selector else None
    try:
        for each in await client.list_all(watch.resource, where, labelSelector=watch.label_selector):
            store.put(watch.strip(each))
    except ApiError as error:
        if error.status != 403:
            raise
        click.echo(
            f"# {watch.resource.plural} may not be listed; the plan assumes that there are none", err=True
        )


async def _referred_to(client: Client, obj: Obj, namespace: str) -> list[Obj]:
    """The objects of ours that the decision on this one looks at."""
    spec = obj["spec"]
    if obj["kind"] == JOBDEFINITIONS.kind:
        selector = f"{JOBDEFINITION_LABEL}={obj['metadata']['name']}"
        return await client.list_all(BATCHJOBS, namespace, labelSelector=selector)
    wanted = [(BATCHJOBS, each["name"]) for each in spec.get("dependsOn", ()) if "name" in each]
    if "definition" in spec:
        wanted.append((JOBDEFINITIONS, spec["definition"]["name"]))
    found = [(resource, await _live(client, resource, namespace, name)) for resource, name in wanted]
    return [
        live | {"apiVersion": resource.api_version, "kind": resource.kind} for resource, live in found if live
    ]


async def _live(client: Client, resource: Resource, namespace: str, name: str) -> Obj | None:
    try:
        return await client.get(resource, namespace, name)
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _diff(before: Obj | None, after: Obj) -> Iterator[str]:
    title = f"{after['kind']}/{after['metadata']['name']}"
    old = _text(before | {"apiVersion": after["apiVersion"], "kind": after["kind"]}) if before else []
    yield from difflib.unified_diff(
        old, _text(after), f"{title} now" if before else "nothing", f"{title} planned", lineterm=""
    )


def _text(obj: Obj) -> list[str]:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _NOISE}
    metadata["ownerReferences"] = [
        {key: value for key, value in each.items() if key != "uid"}
        for each in metadata.get("ownerReferences", [])
    ]
    if "annotations" in metadata:
        metadata["annotations"] = {
            key: value
            for key, value in metadata["annotations"].items()
            if key != HASH_ANNOTATION and "last-applied" not in key
        }
    shown = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    return to_yaml(
        {"metadata": {key: value for key, value in metadata.items() if value}} | shown
    ).splitlines()
