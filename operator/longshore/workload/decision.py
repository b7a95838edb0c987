"""What a decision is made of: the steps towards what is wanted, and the status that says where things stand.

Steps are carried out in their order, then the status is written. A step that is refused ends the round,
and the refusal is a fact of the next decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longshore.workload.names import MANAGER

Obj = dict[str, Any]
"""A Kubernetes object on its way to or from the API server."""


@dataclass(frozen=True, slots=True)
class Ref:
    """Points at one object of the parent's namespace, of exactly this uid."""

    api_version: str
    kind: str
    name: str
    uid: str

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> Ref:
        return cls(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], obj["metadata"]["uid"])


@dataclass(frozen=True, slots=True)
class Apply:
    """Make the object hold these fields, by server-side apply, if it differs.

    With another `manager` than our own it is written as it stands, without looking for a difference.
    """

    body: Obj
    manager: str = MANAGER


@dataclass(frozen=True, slots=True)
class Create:
    """Create the object if there is none of its name; never touch it again."""

    body: Obj


@dataclass(frozen=True, slots=True)
class Patch:
    """Merge these fields into an object that is ours, or into its `subresource`.

    A resourceVersion in the body keeps it from being merged into another version than was decided on.
    """

    ref: Ref
    body: Obj
    subresource: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an object that is ours."""

    ref: Ref


Step = Apply | Create | Patch | Delete


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step that the API server or a foreign object of the same name refused."""

    reason: str
    """NameConflict, QuotaExceeded, ApiDenied or Invalid."""
    message: str
    """What happened and what to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event on the parent."""

    type: str
    """Normal or Warning."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, what to say, and when to look again even if nothing happens."""

    steps: tuple[Step, ...] = ()
    status: Obj | None = None
    events: tuple[Event, ...] = ()
    again_in_seconds: float | None = None
