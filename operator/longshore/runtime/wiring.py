"""How a kind is plugged into the operator: what it watches and how it is reconciled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from longshore.cluster.apply import Applier
from longshore.cluster.client import Client
from longshore.cluster.informer import Watch
from longshore.cluster.resources import Resource
from longshore.cluster.store import Store
from longshore.runtime.admitter import Admitter
from longshore.runtime.queue import Key
from longshore.runtime.settings import Settings

Obj = dict[str, Any]


@dataclass(slots=True)
class Context:
    """What a reconcile works with."""

    client: Client
    applier: Applier
    settings: Settings
    parents: Mapping[str, Store]
    """Our own objects, by kind."""
    stores: Mapping[str, Store]
    """Everything that is watched, by the watch's name."""
    now: Callable[[], datetime]
    evidence: dict[str, tuple[datetime, list[tuple[str, str]]]] = field(default_factory=dict)
    """Warnings that were read lately, by the uid of what they are about."""
    admitter: Admitter | None = None
    """The queues; None where the operator looks after single namespaces, and sees only a part of what runs."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of ours."""

    name: str
    resource: Resource
    label: str
    """On children: names the parent, so that a child that lost its owner reference is noticed, too."""
    watches: tuple[Watch, ...]
    state_name: str
    """What objects are counted by in the metrics, and the label's name there."""
    state: Callable[[Obj], str]
    """Its value for one object."""
    reconcile: Callable[[Key, Context], Awaitable[float | None]]
    """Brings one object to what is wanted; returns the seconds after which to look again, if any."""
    namespaced: bool = True
