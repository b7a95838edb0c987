"""The `longshore` command."""

from __future__ import annotations

import click

from longshore import __version__
from longshore.cli.canary import abort, approve
from longshore.cli.convert import convert
from longshore.cli.crds import crds
from longshore.cli.jobs import cancel, jobs, retry
from longshore.cli.logs import logs
from longshore.cli.plan import plan
from longshore.cli.queue import queue
from longshore.cli.revisions import diff, history, rollback
from longshore.cli.run import run
from longshore.cli.submit import submit
from longshore.cli.why import why


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Run services and batch jobs on Kubernetes, and be told precisely why something waits or failed."""


for command in (
    run,
    plan,
    why,
    history,
    diff,
    rollback,
    approve,
    abort,
    submit,
    jobs,
    logs,
    cancel,
    retry,
    queue,
    convert,
    crds,
):
    main.add_command(command)
