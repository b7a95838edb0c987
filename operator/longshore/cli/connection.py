"""What the commands for people share: the options that find a cluster, and errors in one line."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import click
from kubernetes import config

from longshore import __version__
from longshore.cluster.client import ApiError, Client
from longshore.cluster.credentials import Credentials, NoCluster
from longshore.cluster.resources import Resource

Options = Callable[[Callable[..., Any]], Callable[..., Any]]


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --kubeconfig, --context and --namespace."""
    command = click.option("-n", "--namespace", help="Namespace. Default: the context's.")(command)
    command = click.option("--context", help="Context of the kubeconfig.")(command)
    return click.option("--kubeconfig", help="Path of a kubeconfig. Default: KUBECONFIG, or ~/.kube/config.")(
        command
    )


def with_client(kubeconfig: str | None, context: str | None, use: Callable[[Client], Awaitable[int]]) -> None:
    """Runs `use` with a client and exits with the code that it returns; a cluster that fails is one line and 1."""

    async def run() -> int:
        client = Client(Credentials(kubeconfig, context), user_agent=f"longshore-cli/{__version__}")
        try:
            return await use(client)
        finally:
            await client.close()

    try:
        code = asyncio.run(run())
    except NoCluster as error:
        fail(str(error))
    except ApiError as error:
        fail(
            f"the API server answered {error.status} to {error.verb} {error.path}: {error.message}"
            if error.status
            else f"no API server answers: {error.message}"
        )
    sys.exit(code)


def namespace_of(kubeconfig: str | None, context: str | None, given: str | None) -> str:
    """The namespace: as given, else the context's, else `default`."""
    if given:
        return given
    try:
        contexts, active = config.list_kube_config_contexts(kubeconfig or os.environ.get("KUBECONFIG"))  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return "default"
    chosen = next((each for each in contexts if each["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


async def get_or_fail(client: Client, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
    """The object; where there is none, the command ends and says how to find those that are."""
    try:
        return await client.get(resource, namespace, name)
    except ApiError as error:
        if error.status != 404:
            raise
    fail(
        f"there is no {resource.kind} {name} in namespace {namespace}: kubectl get {resource.plural} --all-namespaces lists all"
    )


def fail(message: str, code: int = 1) -> NoReturn:
    """Says why on standard error, and exits."""
    click.echo(f"error: {message}", err=True)
    sys.exit(code)
