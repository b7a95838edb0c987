"""The ControllerRevision that remembers what a revision was made from, named by the hash of it.

`revision` counts: the generation of the WebApp that asked for it, or more. Whether a revision failed is
an annotation, written before anything is rolled back, so that a restart in between doesn't try it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from longshore.webapp.app import App, revision_inputs
from longshore.workload.decision import Obj
from longshore.workload.names import FAILED_ANNOTATION, REVISION_LABEL, child_name


@dataclass(frozen=True, slots=True)
class Failed:
    """That a revision was given up, at which generation of the WebApp, and why."""

    generation: int
    reason: str
    message: str

    def dump(self) -> str:
        return json.dumps({"generation": self.generation, "reason": self.reason, "message": self.message})

    @classmethod
    def load(cls, revision: Obj) -> Failed | None:
        text = revision["metadata"].get("annotations", {}).get(FAILED_ANNOTATION)
        try:
            return cls(**json.loads(text)) if text else None
        except (ValueError, TypeError):  # an annotation that somebody else edited says nothing
            return None


def build(app: App, revision: str, number: int, failed: Failed | None) -> Obj:
    metadata = app.metadata(
        child_name(app.name, revision), {FAILED_ANNOTATION: failed.dump()} if failed else None
    )
    metadata["labels"][REVISION_LABEL] = revision
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "revision": number,
        "data": {"spec": revision_inputs(app.spec)},
    }


def revision_of(obj: Obj) -> str:
    """The hash that an object of the app (a revision, a pod) carries as its label."""
    return str(obj["metadata"].get("labels", {}).get(REVISION_LABEL, ""))
