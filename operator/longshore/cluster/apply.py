"""Brings one object of an owner to what is wanted of it, with as few writes as that takes: mostly none.

An object of the wanted name that isn't the owner's is never touched. What is applied carries the hash of
what was wanted, so that a field that is no longer wanted is noticed, too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from longshore.cluster.client import ApiError, Client
from longshore.cluster.diff import differences
from longshore.cluster.memo import Memo
from longshore.cluster.ownership import as_applied
from longshore.cluster.resources import SELECTIVE, SERVICES, Resource
from longshore.cluster.store import Store

Obj = dict[str, Any]
log = logging.getLogger(__name__)
REMEMBERED, GIVEN_UP = 1000, 100_000


class Refused(Exception):
    """The API server, or a foreign object of that name, doesn't let the object be as wanted.

    `reason` is NameConflict, QuotaExceeded, ApiDenied or Invalid; `message` says what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason, self.message = reason, message
        super().__init__(f"{reason}: {message}")


class OwnerGone(Exception):
    """The owner was deleted, or replaced by another of its name, while the cache didn't know."""


@dataclass(slots=True)
class Applier:
    """Writes children of owners. Remembers which differences an admission webhook insists on, not to fight it."""

    client: Client
    manager: str
    hash_annotation: str
    given_up: Memo[tuple[str, str], frozenset[str]] = field(default_factory=lambda: Memo(GIVEN_UP))
    _right: Memo[str, tuple[str, str]] = field(default_factory=lambda: Memo(REMEMBERED))
    """Version and digest of objects that were lately found to be as wanted, by uid: a reconcile asks twice."""

    async def ensure(self, resource: Resource, desired: Obj, digest: str, store: Store, owner: Owner) -> bool:
        """Creates or corrects the object. True if something was written, or found that the cache lacked.

        Raises:
            Refused: see there.
            OwnerGone: nothing was written, for there is nobody to write it for.
            ApiError: the API server is unwell.
        """
        namespace, name = desired["metadata"]["namespace"], desired["metadata"]["name"]
        live = store.get(namespace, name)
        if live is not None and not owner.owns(live):
            await owner.check(self.client)
            live = await self._ours(resource, namespace, name, owner)
        if live is None:
            await owner.check(self.client)
            try:
                written = await self._make(resource, _marked(desired, self.hash_annotation, digest))
            except ApiError as error:
                live = await self._ours(resource, namespace, name, owner) if _is_contended(error) else None
                if live is None:
                    raise refusal_of(error, resource, name) or error from error
            else:
                self._take_in(resource, desired, digest, written, store)
                return True
        if live["metadata"].get("deletionTimestamp"):
            raise ApiError(
                409,
                {"reason": "Deleting", "message": f"{resource.kind} {name} is being deleted"},
                "patch",
                name,
            )
        if self._holds(live, desired, digest):
            return store.put(live)
        body = _marked(desired, self.hash_annotation, digest)
        body["metadata"]["uid"] = live["metadata"]["uid"]
        try:
            await self._count_as_applied(resource, live)
            written = await self._apply(resource, namespace, name, body)
        except ApiError as error:
            raise refusal_of(error, resource, name) or error from error
        self._take_in(resource, desired, digest, written, store)
        return True

    async def _make(self, resource: Resource, body: Obj) -> Obj:
        """Creates the object, or is refused if there is one of that name."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        if resource in SELECTIVE:
            return (
                await self.client.apply(resource, namespace, name, body, manager=self.manager, force=False)
            )[1]
        return await self.client.create(resource, namespace, body, manager=self.manager)

    async def _count_as_applied(self, resource: Resource, live: Obj) -> None:
        """What the object was created with counts as applied from now on, so that what is no longer wanted goes."""
        metadata = live["metadata"]
        if resource in SELECTIVE:
            return
        current = (await self.client.get(resource, metadata["namespace"], metadata["name"]))["metadata"]
        entries = as_applied(current.get("managedFields", ()), self.manager)
        if current["uid"] == metadata["uid"] and entries is not None:
            await self.client.set_managed_fields(
                resource, metadata["namespace"], metadata["name"], entries, current["resourceVersion"]
            )

    async def _ours(self, resource: Resource, namespace: str, name: str, owner: Owner) -> Obj | None:
        """The object as the server has it, None if there is none.

        Raises:
            Refused: it is somebody else's.
        """
        live = await self._read(resource, namespace, name)
        if live is not None and not (owner.owns(live) or owner.may_adopt(live)):
            raise _conflict(resource, name, live)
        return live

    def _take_in(self, resource: Resource, desired: Obj, digest: str, written: Obj, store: Store) -> None:
        """The reply goes into the cache; what in it isn't as wanted is what others insist on."""
        self._keep(resource, written, store)
        left = frozenset(differences(desired, written))
        metadata = written["metadata"]
        self._right[metadata["uid"]] = metadata["resourceVersion"], digest
        if left:
            log.warning(
                "%s %s/%s: an admission webhook or the API server changes %s",
                resource.kind,
                metadata["namespace"],
                metadata["name"],
                ", ".join(sorted(left)),
            )
            self.given_up[metadata["uid"], digest] = left

    async def create(self, resource: Resource, desired: Obj, store: Store, owner: Owner) -> bool:
        """Creates the object if there is none of its name. True if it was created, or found.

        An object without an owner reference is shared: one that carries our labels will do.
        """
        namespace, name = desired["metadata"]["namespace"], desired["metadata"]["name"]
        live = store.get(namespace, name)
        if live is not None and _is_meant(live, desired, owner):
            return False
        await owner.check(self.client)
        try:
            written = await self.client.create(resource, namespace, desired, manager=self.manager)
        except ApiError as error:
            if error.status == 409 and error.reason == "AlreadyExists":
                live = await self._read(resource, namespace, name)
                if live is None:
                    raise
                if not _is_meant(live, desired, owner):
                    raise _conflict(resource, name, live) from error
                self._keep(resource, live, store)
                return True
            raise refusal_of(error, resource, name) or error from error
        self._keep(resource, written, store)
        return True

    async def write(self, resource: Resource, desired: Obj, manager: str, store: Store) -> None:
        """Applies fields as another manager, whether or not they differ."""
        namespace, name = desired["metadata"]["namespace"], desired["metadata"]["name"]
        try:
            _, written = await self.client.apply(
                resource, namespace, name, desired, manager=manager, force=True
            )
        except ApiError as error:
            raise refusal_of(error, resource, name) or error from error
        self._keep(resource, written, store)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        uid: str,
        body: Obj,
        store: Store,
        subresource: str | None = None,
    ) -> None:
        """Merges fields into the object, or into its subresource, if it still is the one of this uid."""
        body = body | {"metadata": body.get("metadata", {}) | {"uid": uid}}
        written = await self.client.merge_patch(
            resource, namespace, name, body, manager=self.manager, subresource=subresource
        )
        self._keep(resource, written, store)

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str, store: Store) -> None:
        """Deletes the object; that it is gone already, or another, is as good."""
        try:
            await self.client.delete(resource, namespace, name, uid=uid)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            live = await self._read(resource, namespace, name) if error.status == 409 else None
            if live is not None and live["metadata"]["uid"] == uid:
                raise  # not another object: the server was too busy with this one
        held = store.get(namespace, name)
        if held is not None and held["metadata"]["uid"] == uid:
            store.remove(held)

    async def _apply(self, resource: Resource, namespace: str, name: str, body: Obj) -> Obj:
        try:
            return (
                await self.client.apply(resource, namespace, name, body, manager=self.manager, force=True)
            )[1]
        except ApiError as error:
            if error.status != 422 or resource is not SERVICES:
                raise
        # Ports are merged by number: somebody else's under the same name has to go first.
        ports = {"metadata": {"uid": body["metadata"]["uid"]}, "spec": {"ports": body["spec"]["ports"]}}
        await self.client.merge_patch(resource, namespace, name, ports, manager=self.manager)
        return (await self.client.apply(resource, namespace, name, body, manager=self.manager, force=True))[1]

    def _holds(self, live: Obj, desired: Obj, digest: str) -> bool:
        metadata = live["metadata"]
        uid, seen = metadata["uid"], (metadata["resourceVersion"], digest)
        if self._right.get(uid) == seen:
            return True
        if metadata.get("annotations", {}).get(self.hash_annotation) != digest:
            return False
        left = frozenset(differences(desired, live))
        if not left <= self.given_up.get((uid, digest), frozenset()):
            return False
        self._right[uid] = seen
        return True

    async def _read(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        try:
            live = await self.client.get(resource, namespace, name)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        live["metadata"].pop("managedFields", None)
        return live

    def _keep(self, resource: Resource, obj: Obj, store: Store) -> None:
        obj["metadata"].pop("managedFields", None)
        store.put(obj | {"apiVersion": resource.api_version, "kind": resource.kind})


@dataclass(slots=True)
class Owner:
    """The object that children are made for, as the cache knows it."""

    resource: Resource
    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    """Labels that every child carries."""
    checked: bool = False

    def may_adopt(self, obj: Obj) -> bool:
        """Whether it is one of ours that lost its owner: it has our labels, and no controller."""
        metadata = obj["metadata"]
        orphan = not any(each.get("controller") for each in metadata.get("ownerReferences", ()))
        return bool(orphan and self.labels.items() <= metadata.get("labels", {}).items())

    def owns(self, obj: Obj) -> bool:
        return any(
            each.get("controller") and each["uid"] == self.uid
            for each in obj["metadata"].get("ownerReferences", ())
        )

    async def check(self, client: Client) -> None:
        """Reads the owner itself, once per round: nothing is made for one that is gone.

        Raises:
            OwnerGone: it doesn't exist, is another, or is being deleted.
        """
        if self.checked:
            return
        try:
            live = await client.get(self.resource, self.namespace, self.name)
        except ApiError as error:
            if error.status == 404:
                raise OwnerGone(self.name) from error
            raise
        if live["metadata"]["uid"] != self.uid or live["metadata"].get("deletionTimestamp"):
            raise OwnerGone(self.name)
        self.checked = True


def _is_meant(live: Obj, desired: Obj, owner: Owner) -> bool:
    if "ownerReferences" in desired["metadata"]:
        return owner.owns(live)
    return bool(desired["metadata"]["labels"].items() <= live["metadata"].get("labels", {}).items())


def _marked(desired: Obj, annotation: str, digest: str) -> Obj:
    metadata = desired["metadata"]
    return desired | {
        "metadata": metadata | {"annotations": metadata.get("annotations", {}) | {annotation: digest}}
    }


def _conflict(resource: Resource, name: str, live: Obj) -> Refused:
    owners = [
        f"{each['kind']} {each['name']}"
        for each in live["metadata"].get("ownerReferences", ())
        if each.get("controller")
    ]
    whose = f", which belongs to {owners[0]}," if owners else ""
    if live["metadata"].get("deletionTimestamp") or any(owner.endswith(f" {name}") for owner in owners):
        return Refused(
            "NameConflict",
            f"a {resource.kind} {name}{whose} is still there from before: wait until it is deleted",
        )
    return Refused(
        "NameConflict",
        f"a {resource.kind} {name}{whose} exists and was not made for this object; it is left alone. Delete or rename it, or choose another name",
    )


def _is_contended(error: ApiError) -> bool:
    """Whether it may have failed because there is an object already: of an apply also because its fields are
    others', can't be changed, or it has a controller."""
    return error.status in (409, 422)


_OF_POLICY = re.compile(r"denied (?:the )?request")
"""Of a ValidatingAdmissionPolicy, and of a webhook, which may answer with any status."""


def refusal_of(error: ApiError, resource: Resource, name: str) -> Refused | None:
    """What the server's answer means to the user; None where trying again may help."""
    if error.status == 403 and "exceeded quota" in error.message:
        return Refused(
            "QuotaExceeded",
            f"the namespace's quota leaves no room for {resource.kind} {name}: {error.message}. Wait until others are"
            " gone, or have the quota raised",
        )
    if _OF_POLICY.search(error.message):
        return Refused(
            "ApiDenied",
            f"a policy of the cluster refuses {resource.kind} {name}: {error.message}. Change the spec as it asks, or have the"
            " policy changed",
        )
    if error.status == 403:
        return Refused("ApiDenied", f"the API server denies {resource.kind} {name}: {error.message}")
    if error.status in (400, 422):
        return Refused(
            "Invalid",
            f"the API server finds {resource.kind} {name} invalid: {error.message}. Correct the spec",
        )
    if (
        error.status == 409
        and error.reason == "Conflict"
        and "conflict" in error.message
        and error.details.get("causes")
    ):
        return Refused(
            "NameConflict",
            f"a {resource.kind} {name} exists and was not made for this object; it is left alone. Delete or rename it, or choose another name",
        )
    return None
