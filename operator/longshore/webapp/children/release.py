"""The Job that runs the release of a revision: the app's pod with another command, and no probes.

Its pods don't carry the label that the app's Service selects. It has no time to live until it is recorded
how it ended: otherwise it might be gone before anybody looked.
"""

from __future__ import annotations

from longshore.webapp.app import App
from longshore.workload.decision import Obj
from longshore.workload.helpers import init_containers
from longshore.workload.names import ATTEMPT_LABEL, RELEASE_LABEL, REVISION_LABEL, child_name, labels
from longshore.workload.pod import container, pod_spec

CONTAINER = "release"
COMPONENT = "release"
LONGEST_NAME = 52
"""Of a Job: its pods' names are made from it."""


def build(app: App, revision: str, number: int) -> Obj:
    release = app.spec.release
    assert release is not None, "only a revision with a release has a Job of it"
    own = {REVISION_LABEL: revision, ATTEMPT_LABEL: str(number)}
    spec = app.spec.model_copy(update={"command": release.command, "args": release.args})
    pod_metadata: Obj = {
        "labels": labels(RELEASE_LABEL, app.name, COMPONENT, spec.labels) | own,
    }
    if spec.annotations:
        pod_metadata["annotations"] = dict(spec.annotations)
    metadata = app.metadata(job_name(app.name, revision, number))
    metadata["labels"] |= own
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "activeDeadlineSeconds": release.timeout_seconds,
            "backoffLimit": release.attempts - 1,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": pod_metadata,
                "spec": pod_spec(
                    spec,
                    container(spec, CONTAINER),
                    app.service_account,
                    app.files_name,
                    **init_containers(spec, spec.init_containers, spec.sidecars),
                    restartPolicy="Never",
                    terminationGracePeriodSeconds=spec.termination_grace_period_seconds,
                ),
            },
        },
    }


def job_name(app: str, revision: str, number: int) -> str:
    """Name of the Job of the `number`th try of a revision's release, from 1."""
    return child_name(app, f"release-{revision}-{number}", LONGEST_NAME)
