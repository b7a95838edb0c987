"""`longshore submit`: creates a BatchJob and, if wanted, stays until it has ended, with its exit code."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from longshore.batchjob.decide import FINISHED
from longshore.cli.connection import cluster_options, fail, namespace_of, with_client
from longshore.cli.logs import LOOK_SECONDS, newest_pod, write_log
from longshore.cli.manifests import Manifest, plain, read, refusals
from longshore.cli.why import headline
from longshore.cluster.client import ApiError, Client
from longshore.runtime.kinds import BATCHJOBS

Obj = dict[str, Any]
FIELD_MANAGER = "longshore-cli"
INTERRUPTED = 130
LAST_LINES_SECONDS = 10.0
"""How long the rest of a log may take once the job has ended."""


@click.command()
@click.argument("definition", required=False)
@click.option("-f", "--file", metavar="FILE", help="A file with one BatchJob, instead of a JobDefinition.")
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the JobDefinition; may be repeated.",
)
@click.option("--queue", help="JobQueue that the job waits in. Default: the file's, or none.")
@click.option(
    "--name", help="Name of the job. Default: the file's, or one that begins with the definition's."
)
@click.option("--follow", is_flag=True, help="Show how it goes and its log; exit with the job's exit code.")
@cluster_options
def submit(
    definition: str | None,
    file: str | None,
    parameters: tuple[str, ...],
    queue: str | None,
    name: str | None,
    follow: bool,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Create a BatchJob from the JobDefinition DEFINITION, or the one in FILE."""
    manifest = None
    where = namespace_of(kubeconfig, context, namespace)
    if file is not None and definition is None and not parameters:
        manifest = _batchjob_in(file)
        body: Obj = plain(manifest.document)
        where = body["metadata"].get("namespace") or where
        if namespace and namespace != where:
            fail(f"the file says namespace {where}: leave out -n, or correct the file")
    elif definition is not None and file is None:
        body = _made_from(definition, parameters)
    else:
        fail("name a JobDefinition, with --param for its parameters, or a file with -f")
    body["metadata"] |= {"namespace": where} | ({"name": name} if name else {})
    body["spec"] |= {"queue": queue} if queue else {}

    async def go(client: Client) -> int:
        called = await _create(client, manifest, body)
        click.echo(f"{where}/{called} was created", err=follow)
        if not follow:
            click.echo(f"# how it goes: longshore why batchjob {called} -n {where}")
            return 0
        try:
            return await Follower(client, where, called).until_the_end()
        except asyncio.CancelledError:
            click.echo(f"# {where}/{called} goes on: longshore cancel {called} -n {where} ends it", err=True)
            raise

    try:
        with_client(kubeconfig, context, go)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _made_from(definition: str, parameters: Sequence[str]) -> Obj:
    """A BatchJob of a JobDefinition. The API server completes its name."""
    values = dict(each.partition("=")[::2] for each in parameters)
    if wrong := [each for each in parameters if "=" not in each]:
        fail(f"--param {wrong[0]} has no value: write --param NAME=VALUE")
    made_from: Obj = {"definition": {"name": definition}} | ({"parameters": values} if values else {})
    return {
        "apiVersion": BATCHJOBS.api_version,
        "kind": BATCHJOBS.kind,
        "metadata": {"generateName": f"{definition}-"},
        "spec": made_from,
    }


def exit_code(batchjob: Obj) -> int:
    """The code of the container that decided; 1 where a failed job has none."""
    status = batchjob["status"]
    if status["phase"] == "Succeeded":
        return 0
    last = status["attempts"][-1] if status.get("attempts") else {}
    return int(last.get("exitCode") or 1)


class Follower:
    """Tells what becomes of a BatchJob on standard error, and its log on standard output, attempt after attempt."""

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self._said = ""
        self._logged: set[int] = set()
        self._log: asyncio.Task[None] | None = None

    async def until_the_end(self) -> int:
        """Returns the job's exit code."""
        while True:
            try:
                batchjob = await self._client.get(BATCHJOBS, self._namespace, self._name)
            except ApiError as error:
                if error.status == 404:
                    fail(f"{self._name} was deleted")
                raise
            ended = (batchjob.get("status") or {}).get("phase") in FINISHED
            self._log_attempts(batchjob)
            if ended and self._log:
                await asyncio.wait([self._log], timeout=LAST_LINES_SECONDS)
            self._say(headline(batchjob))
            if ended:
                return exit_code(batchjob)
            await asyncio.sleep(LOOK_SECONDS)

    def _say(self, line: str) -> None:
        if line != self._said:
            click.echo(f"# {line}", err=True)
            self._said = line

    def _log_attempts(self, batchjob: Obj) -> None:
        """Attempts that have begun are logged in their order; of an array none, for it has a log per index."""
        if "array" in batchjob["spec"]:
            return
        index = 0 if "nodes" in batchjob["spec"] else None
        for each in (batchjob.get("status") or {}).get("attempts", ()):
            number = each["number"]
            if "startedAt" in each and number not in self._logged:
                self._logged.add(number)
                self._log = asyncio.create_task(self._log_attempt(number, index, self._log))

    async def _log_attempt(self, number: int, index: int | None, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        pod = await newest_pod(self._client, self._namespace, self._name, number, index)
        if pod is None:
            click.echo(f"# the pod of attempt {number} is gone, and its log with it", err=True)
            return
        try:
            await write_log(self._client, self._namespace, pod["metadata"]["name"], follow=True)
        except ApiError as error:
            click.echo(f"# the log of attempt {number} can't be read: {error.message}", err=True)


def _batchjob_in(file: str) -> Manifest:
    manifests, mistakes = read(file)
    if mistakes:
        click.echo("\n".join(map(str, mistakes)), err=True)
        raise SystemExit(1)
    if len(manifests) != 1 or manifests[0].kind != BATCHJOBS.kind:
        found = ", ".join(each.kind for each in manifests)
        fail(f"{file} holds {found}: write one BatchJob, or apply the file with kubectl")
    return manifests[0]


async def _create(client: Client, manifest: Manifest | None, body: Obj) -> str:
    """Returns the name of the job."""
    namespace, name = body["metadata"]["namespace"], body["metadata"].get("name")
    try:
        made = await client.create(BATCHJOBS, namespace, body, manager=FIELD_MANAGER)
    except ApiError as error:
        if error.reason == "AlreadyExists":
            fail(f"there is a BatchJob {name} in {namespace} already: choose another name with --name")
        if error.status == 404:
            fail(
                f"the API server has no batchjobs, or no namespace {namespace}: longshore crds | kubectl apply --server-side -f -"
            )
        if error.status != 422:
            raise
        if manifest is None:
            fail(error.message)
        click.echo("\n".join(map(str, refusals(manifest, error))), err=True)
        raise SystemExit(1) from error
    return str(made["metadata"]["name"])
