"""`longshore history`, `diff` and `rollback`: the revisions of a WebApp, what tells them apart, and the way back.

A rollback writes the spec, as a person would who applies the older file: what runs is always what the spec
says, and so Git and cluster can be compared.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from longshore.api.files import to_yaml
from longshore.api.webapp import WebAppSpec
from longshore.cli.connection import cluster_options, fail, get_or_fail, namespace_of, with_client
from longshore.cli.table import aligned
from longshore.cluster.client import ApiError, Client
from longshore.cluster.resources import CONTROLLER_REVISIONS
from longshore.webapp.app import NOT_OF_A_REVISION, revision_inputs
from longshore.webapp.children.revision import revision_of
from longshore.webapp.reconcile import WEBAPPS
from longshore.workload.names import WEBAPP_LABEL, content_hash

Obj = dict[str, Any]
FIELD_MANAGER = "longshore-cli"


class NoSuchRevision(Exception):
    """There is no revision to be had; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a WebApp: what pods of it are made from, and what became of it."""

    name: str
    """The hash that its pods carry as their label."""
    number: int
    inputs: Obj
    state: str
    reason: str

    @property
    def image(self) -> str:
        return str(self.inputs.get("image", ""))


@dataclass(frozen=True, slots=True)
class History:
    """A WebApp and its revisions, the newest first."""

    app: Obj
    revisions: tuple[Revision, ...]

    @property
    def wanted(self) -> Revision:
        """What the spec asks for now, whether or not there is a revision of it yet."""
        inputs = revision_inputs(WebAppSpec.model_validate(self.app["spec"]))
        name = content_hash(inputs)
        known = next((each for each in self.revisions if each.name == name), None)
        return known or Revision(name, 0, inputs, "Wanted", "")

    def named(self, name: str) -> Revision:
        """The revision of this name, of which the first digits will do.

        Raises:
            NoSuchRevision: none begins so, or more than one does.
        """
        short = name.removeprefix(f"{self.app['metadata']['name']}-")
        found = [each for each in self.revisions if each.name.startswith(short)]
        if len(found) != 1:
            which = "no revision" if not found else "more than one revision"
            known = ", ".join(each.name for each in self.revisions) or "none"
            raise NoSuchRevision(f"{which} begins with {short}; there are: {known}")
        return found[0]

    def to_go_back_to(self) -> Revision:
        """The newest revision that was good and isn't the wanted one.

        Raises:
            NoSuchRevision: there is none.
        """
        wanted = self.wanted.name
        serving = (self.app.get("status") or {}).get("revision", {}).get("current")
        good = [each for each in self.revisions if each.state == "Good" and each.name != wanted]
        found = next((each for each in good if each.name == serving), next(iter(good), None))
        if found is None:
            raise NoSuchRevision(
                "no other revision was ever good, so there is nothing to go back to: longshore history lists all"
            )
        return found


def history_of(app: Obj, held: Sequence[Obj]) -> History:
    """Puts together what the status says and what the ControllerRevisions hold."""
    told = {each["name"]: each for each in (app.get("status") or {}).get("revisions", ())}
    found = [
        Revision(
            revision_of(each), int(each["revision"]), each["data"]["spec"],
            told.get(each["metadata"]["name"], {}).get("state", "Superseded"),
            told.get(each["metadata"]["name"], {}).get("reason", ""),
        )
        for each in held
    ]  # fmt: skip
    return History(app, tuple(sorted(found, key=lambda each: each.number, reverse=True)))


def restored(spec: Obj, inputs: Obj) -> Obj:
    """The spec with the inputs of another revision: how it scales and rolls out stays as it is."""
    return {name: value for name, value in spec.items() if name in NOT_OF_A_REVISION} | inputs


def table(history: History) -> Iterator[str]:
    """The revisions as lines of a table."""
    status = (history.app.get("status") or {}).get("revision", {})
    rollout = (history.app.get("status") or {}).get("rollout") or {}
    rows = [("REVISION", "NUMBER", "STATE", "IMAGE", "")]
    for each in history.revisions:
        notes = [
            *(["wanted"] if each.name == history.wanted.name else []),
            *(["serving"] if each.name == status.get("current") else []),
            *(_tried(rollout) if each.name == rollout.get("revision") else []),
            *([each.reason] if each.reason else []),
        ]
        rows.append((each.name, str(each.number), each.state, each.image, ", ".join(notes)))
    return aligned(rows)


def _tried(rollout: Obj) -> list[str]:
    """How far a revision came that is tried, or was given up while it was."""
    ended = "given up " if rollout["phase"] == "Aborted" else ""
    return [f"{ended}at step {rollout['step']}, {rollout['weight']} %"]


def difference(before: Revision, after: Revision) -> Iterator[str]:
    """What pods are made from, as a unified diff."""
    yield from difflib.unified_diff(
        to_yaml(before.inputs).splitlines(), to_yaml(after.inputs).splitlines(),
        f"revision {before.name}", f"revision {after.name}", lineterm="",
    )  # fmt: skip


@click.command()
@click.argument("name")
@cluster_options
def history(name: str, kubeconfig: str | None, context: str | None, namespace: str | None) -> None:
    """List the revisions of a WebApp, the newest first, and what became of each."""
    where = namespace_of(kubeconfig, context, namespace)

    async def show(client: Client) -> int:
        click.echo("\n".join(table(await _read(client, where, name))))
        return 0

    with_client(kubeconfig, context, show)


@click.command()
@click.argument("name")
@click.argument("before", required=False)
@click.argument("after", required=False)
@cluster_options
def diff(
    name: str,
    before: str | None,
    after: str | None,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Show what tells revision BEFORE from AFTER. Default: the last good one, and what the spec asks for."""
    where = namespace_of(kubeconfig, context, namespace)

    async def show(client: Client) -> int:
        found = await _read(client, where, name)
        try:
            one = found.named(before) if before else found.to_go_back_to()
            other = found.named(after) if after else found.wanted
        except NoSuchRevision as error:
            fail(str(error))
        for line in difference(one, other):
            click.echo(line)
        return 0

    with_client(kubeconfig, context, show)


@click.command()
@click.argument("name")
@click.option("--to", metavar="REVISION", help="Its first digits will do. Default: the last that was good.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@cluster_options
def rollback(
    name: str,
    to: str | None,
    dry_run: bool,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
) -> None:
    """Write an earlier revision back into the spec of a WebApp, and show what that changes."""
    where = namespace_of(kubeconfig, context, namespace)

    async def go_back(client: Client) -> int:
        found = await _read(client, where, name)
        try:
            target = found.named(to) if to else found.to_go_back_to()
        except NoSuchRevision as error:
            fail(str(error))
        if target.name == found.wanted.name:
            click.echo(f"the spec already is that of revision {target.name}; nothing was written")
            return 0
        for line in difference(found.wanted, target):
            click.echo(line)
        if target.state == "Failed":
            click.echo(f"# revision {target.name} has failed before: {target.reason}", err=True)
        if dry_run:
            return 0
        if not await _write(client, found.app, restored(found.app["spec"], target.inputs)):
            fail(f"somebody else has just changed {name}; nothing was written, try again")
        if strategy_of(found.app) == "Canary" and target.name != _serving(found.app):
            click.echo(
                f"# it is tried step by step; to have it on all replicas at once: longshore approve {name} -n {where} --all"
            )
        click.echo(
            f"# the spec of {where}/{name} is that of revision {target.name} again; how it goes: longshore why webapp {name} -n {where}\n"
            "# where the spec is kept elsewhere, in Git say, change it there, too"
        )
        return 0

    with_client(kubeconfig, context, go_back)


def strategy_of(app: Obj) -> str:
    return str(app["spec"].get("rollout", {}).get("strategy", "Rolling"))


def _serving(app: Obj) -> str | None:
    current: str | None = (app.get("status") or {}).get("revision", {}).get("current")
    return current


async def _write(client: Client, app: Obj, spec: Obj) -> bool:
    """Replaces the spec, unless it is another than that of `app` by now. A status that has changed is no hindrance."""
    namespace, name = app["metadata"]["namespace"], app["metadata"]["name"]
    live = app
    while live["metadata"]["generation"] == app["metadata"]["generation"]:
        try:
            await client.replace(WEBAPPS, namespace, name, live | {"spec": spec}, manager=FIELD_MANAGER)
        except ApiError as error:
            if error.status != 409:
                raise
            live = await client.get(WEBAPPS, namespace, name)
        else:
            return True
    return False


async def _read(client: Client, namespace: str, name: str) -> History:
    app = await get_or_fail(client, WEBAPPS, namespace, name)
    held = await client.list_all(CONTROLLER_REVISIONS, namespace, labelSelector=f"{WEBAPP_LABEL}={name}")
    return history_of(app, held)
