"""`longshore crds`: prints the CustomResourceDefinitions, for kubectl apply."""

from __future__ import annotations

import click

from longshore.api.files import crd_files


@click.command()
def crds() -> None:
    """Print the CustomResourceDefinitions: longshore crds | kubectl apply --server-side -f -"""
    click.echo("---\n".join(crd_files().values()), nl=False)
