"""`longshore run`: the operator itself, with a flag for each setting."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import click

from longshore import __version__
from longshore.cluster.credentials import Credentials, NoCluster
from longshore.runtime.settings import PREFIX, BadSettingsError, Settings, load
from longshore.telemetry import logs

log = logging.getLogger("longshore")


@click.command(epilog=f"Each option can be set as a variable, too: {PREFIX}LEASE_NAME=… for --lease-name.")
@click.option("--kubeconfig", help="Path of a kubeconfig. Default: KUBECONFIG, or the pod's own account.")
@click.option("--context", help="Context of the kubeconfig.")
def run(kubeconfig: str | None, context: str | None, **flags: Any) -> None:
    """Run the operator until it is told to stop."""
    from longshore.batchjob.reconcile import KIND as BATCHJOB
    from longshore.jobdefinition.reconcile import KIND as JOBDEFINITION
    from longshore.queueing.reconcile import ENVIRONMENT_KIND, JOBQUEUE_KIND
    from longshore.runtime.operator import Operator
    from longshore.webapp.reconcile import KIND as WEBAPP

    try:
        settings = load(**flags)
        credentials = Credentials(kubeconfig, context)
    except (BadSettingsError, NoCluster) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    logs.set_up(settings.log_level, settings.log_format)
    log.info("longshore %s", __version__, extra={"settings": settings.model_dump(mode="json")})

    async def serve() -> None:
        kinds = (WEBAPP, BATCHJOB, JOBDEFINITION, JOBQUEUE_KIND, ENVIRONMENT_KIND)
        await Operator(settings, credentials, kinds).run()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, which needs a third less CPU for the same requests; there is none for Windows."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


for _name, _field in Settings.model_fields.items():
    run.params.append(
        click.Option([f"--{_name.replace('_', '-')}"], help=_field.description, show_default=False)
    )
