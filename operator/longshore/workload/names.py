"""Names, labels, annotations and hashes: the same input always gives the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from longshore.api import API_VERSION

MANAGER = "longshore"
"""Field manager of children."""
STATUS_MANAGER = "longshore-status"
"""Field manager of our own kinds' status."""

MANAGED_BY = "app.kubernetes.io/managed-by"
WEBAPP_LABEL = "longshore.dev/webapp"
BATCHJOB_LABEL = "longshore.dev/batchjob"
JOBDEFINITION_LABEL = "longshore.dev/jobdefinition"
SCHEDULE_LABEL = "longshore.dev/schedule"
REVISION_LABEL = "longshore.dev/revision"
ATTEMPT_LABEL = "longshore.dev/attempt"
PART_LABEL = "longshore.dev/part"
INDEXES_ANNOTATION = "longshore.dev/indexes"
"""On a Job of an array that runs in parts: the indexes that it runs."""
RELEASE_LABEL = "longshore.dev/release"
"""On pods of a release instead of WEBAPP_LABEL, so that the app's Service doesn't select them: names the WebApp."""
CANARY_LABEL = "longshore.dev/canary"
"""On pods of a revision that is tried, instead of WEBAPP_LABEL, so that the app's Deployment and its autoscaler don't
count them: names the WebApp."""
QUEUE_LABEL = "longshore.dev/queue"
ENVIRONMENT_LABEL = "longshore.dev/environment"
ALLOW_LABEL = "longshore.dev/allow"
"""On a ServiceAccount: workloads of this namespace may name it."""

GATEWAY_LABEL = "longshore.dev/gateway"
"""On a namespace: the cluster's gateways are in it."""

HASH_ANNOTATION = "longshore.dev/hash"
FAILED_ANNOTATION = "longshore.dev/failed"
RELEASE_ANNOTATION = "longshore.dev/release"
"""On a ControllerRevision: how its release went."""
APPROVE_ANNOTATION = "longshore.dev/approve"
"""On a WebApp: which step of which canary may be left; see webapp/canary.py."""
ABORT_ANNOTATION = "longshore.dev/abort"
"""On a WebApp: which canary is to be given up."""
REPLICAS_ANNOTATION = "longshore.dev/replicas"
RECONCILE_ANNOTATION = "longshore.dev/reconcile"

HASH_LENGTH = 10


def content_hash(value: Any) -> str:
    """Ten hexadecimal digits that change when the value does; the order of mapping keys doesn't count."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:HASH_LENGTH]


def child_name(parent: str, suffix: str, longest: int = 63) -> str:
    """`parent-suffix`, where it fits into `longest` characters; else the parent cut, with a hash of all of it."""
    name = f"{parent}-{suffix}"
    if len(name) <= longest:
        return name
    kept = longest - len(suffix) - HASH_LENGTH - 2
    return f"{parent[:kept].rstrip('-')}-{content_hash(parent)}-{suffix}"


def revision_name(definition: str, revision: int) -> str:
    """The ControllerRevision of a JobDefinition that has this number."""
    return child_name(definition, f"definition-{revision}")


def pin(namespace: str, definition: str, revision: int) -> str:
    """What BatchJobs that are made from this revision are indexed under until they have ended."""
    return f"{namespace}/{definition}@{revision}"


def labels(kind_label: str, name: str, component: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Labels of a child: the user's own first, ours last, so that ours hold."""
    return {
        **extra,
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": component,
        MANAGED_BY: MANAGER,
        kind_label: name,
    }


def owner_reference(kind: str, name: str, uid: str) -> dict[str, Any]:
    """A controller reference: garbage collection deletes the child with its parent."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
