"""`longshore approve` and `abort`: a person's word on a revision that is tried.

Both write an annotation that names the very try, so that a word that comes too late is about nothing.
"""

from __future__ import annotations

from typing import Any

import click

from longshore.cli.connection import cluster_options, fail, get_or_fail, namespace_of, with_client
from longshore.cluster.client import Client
from longshore.webapp.canary import EVERY_STEP, State, token
from longshore.webapp.reconcile import WEBAPPS
from longshore.workload.names import ABORT_ANNOTATION, APPROVE_ANNOTATION

Obj = dict[str, Any]
FIELD_MANAGER = "longshore-cli"


class NothingToSay(Exception):
    """There is no try that the word could be about; the message says what there is."""


def approval(app: Obj, every_step: bool) -> tuple[str, str]:
    """What the annotation has to say, and what it does.

    Raises:
        NothingToSay: no step waits or lasts.
    """
    state, message = _under_way(app)
    if every_step:
        return token(
            state, EVERY_STEP
        ), f"all steps of revision {state.revision} that are left may be skipped"
    if state.phase not in ("AwaitingApproval", "Paused"):
        raise NothingToSay(f"no step waits: {message}. To skip all that are left: --all")
    return token(state, state.step), f"step {state.step} of revision {state.revision} may be left"


def giving_up(app: Obj, why: str) -> tuple[str, str]:
    """What the annotation has to say, and what it does.

    Raises:
        NothingToSay: no revision is tried.
    """
    state, _ = _under_way(app)
    text = f"{state.revision}/{state.generation} {why}".rstrip()
    return text, f"revision {state.revision} is given up; what served before serves all requests again"


def _under_way(app: Obj) -> tuple[State, str]:
    status, name = app.get("status") or {}, app["metadata"]["name"]
    if status.get("observedGeneration") != app["metadata"]["generation"]:
        raise NothingToSay("the operator has not seen the newest spec yet: try again")
    state = State.load(status.get("rollout"))
    if state is None:
        raise NothingToSay(f"no revision of {name} is tried just now: longshore why webapp {name}")
    message = str(status["rollout"]["message"])
    if state.phase == "Aborted":
        raise NothingToSay(f"the revision was {message}. Change the spec to try again")
    return state, message


@click.command()
@click.argument("name")
@click.option("--all", "every_step", is_flag=True, help="Skip all steps that are left.")
@cluster_options
def approve(
    name: str, every_step: bool, kubeconfig: str | None, context: str | None, namespace: str | None
) -> None:
    """Let a canary go on to the next step: one that waits for approval, or whose pause isn't over."""
    where = namespace_of(kubeconfig, context, namespace)

    async def say(client: Client) -> int:
        app = await get_or_fail(client, WEBAPPS, where, name)
        try:
            text, effect = approval(app, every_step)
        except NothingToSay as nothing:
            fail(str(nothing))
        await _annotate(client, app, APPROVE_ANNOTATION, text)
        click.echo(f"approved: {effect}; how it goes: longshore why webapp {name} -n {where}")
        return 0

    with_client(kubeconfig, context, say)


@click.command()
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Is told in the status.")
@cluster_options
def abort(name: str, reason: str, kubeconfig: str | None, context: str | None, namespace: str | None) -> None:
    """Give up the revision of a canary. The spec stays as it is; a change of it is tried again."""
    where = namespace_of(kubeconfig, context, namespace)

    async def say(client: Client) -> int:
        app = await get_or_fail(client, WEBAPPS, where, name)
        try:
            text, effect = giving_up(app, reason)
        except NothingToSay as nothing:
            fail(str(nothing))
        await _annotate(client, app, ABORT_ANNOTATION, text)
        click.echo(f"{effect}; how it goes: longshore why webapp {name} -n {where}")
        return 0

    with_client(kubeconfig, context, say)


async def _annotate(client: Client, app: Obj, annotation: str, text: str) -> None:
    metadata = app["metadata"]
    body = {"metadata": {"uid": metadata["uid"], "annotations": {annotation: text}}}
    await client.merge_patch(WEBAPPS, metadata["namespace"], metadata["name"], body, manager=FIELD_MANAGER)
