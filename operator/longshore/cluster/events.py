"""Kubernetes Events on our objects. They are for people: one that cannot be written is dropped."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from typing import Any

from longshore.cluster.client import ApiError, Client
from longshore.cluster.resources import EVENTS

Obj = dict[str, Any]
log = logging.getLogger(__name__)


async def record(client: Client, about: Obj, type_: str, reason: str, message: str, now: datetime) -> None:
    """Creates the Event; its name comes from what it says, so that saying it again is no second one."""
    metadata = about["metadata"]
    said = hashlib.sha256(
        f"{metadata['uid']}{metadata.get('generation')}{reason}{message}".encode()
    ).hexdigest()[:16]
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    event: Obj = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name'][:200]}.{said}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": type_,
        "reason": reason,
        "message": message[:1024],
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": "longshore"},
        "reportingComponent": "longshore",
    }
    try:
        await client.create(EVENTS, metadata["namespace"], event, manager="longshore")
    except ApiError as error:
        ending = any(
            cause.get("reason") == "NamespaceTerminating" for cause in error.details.get("causes") or ()
        )
        if error.status != 409 and not ending:
            log.warning("an event could not be written: %s", error)


async def warnings_about(client: Client, namespace: str, uid: str) -> list[tuple[str, str]]:
    """Warnings on the object of this uid, the oldest first: (reason, message). That the kubelet kills a container is
    none to it, but tells why the container ended."""
    of_object = await client.list_all(EVENTS, namespace, fieldSelector=f"involvedObject.uid={uid}")
    found = [
        event for event in of_object if event.get("type") == "Warning" or event.get("reason") == "Killing"
    ]
    found.sort(key=_when)
    return [(event.get("reason", ""), event.get("message", "")) for event in found]


async def pods_refused(client: Client, namespace: str) -> dict[str, str]:
    """What the API server said last to the Job controller when it tried to create pods, by the uid of the Job: of all Jobs of
    the namespace at once, for the server looks through all events of a namespace for each question."""
    events = await client.list_all(
        EVENTS, namespace, fieldSelector="involvedObject.kind=Job,reason=FailedCreate"
    )
    return {event["involvedObject"]["uid"]: event.get("message", "") for event in sorted(events, key=_when)}


def _when(event: Obj) -> str:
    return event.get("lastTimestamp") or event.get("eventTime") or ""
