"""How a kind is plugged into the operator: what it watches and how it is reconciled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from longshore.cluster.apply import Applier
from longshore.cluster.client import Client
from longshore.cluster.informer import Watch
from longshore.cluster.memo import Memo
from longshore.cluster.resources import Resource
from longshore.cluster.store import Store
from longshore.runtime.admitter import Admitter
from longshore.runtime.queue import Key
from longshore.runtime.settings import Settings

Obj = dict[str, Any]
REMEMBERED = 1000


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
    evidence: Memo[str, tuple[datetime, list[tuple[str, str]]]] = field(
        default_factory=lambda: Memo(REMEMBERED)
    )
    """Warnings that were read lately, by the uid of what they are about."""
    measured: Memo[tuple[str, str], tuple[datetime, tuple[float | None, str]]] = field(
        default_factory=lambda: Memo(REMEMBERED)
    )
    """What Prometheus said lately, by the uid of what it is about and the query."""
    specs: Memo[tuple[str, int], BaseModel] = field(default_factory=lambda: Memo(REMEMBERED))
    """Specs that were read lately, by uid and generation."""
    labels: Memo[str, tuple[datetime, dict[str, str]]] = field(default_factory=lambda: Memo(REMEMBERED))
    """Labels of namespaces that were read lately."""
    refusals: Memo[str, tuple[datetime, dict[str, str]]] = field(default_factory=lambda: Memo(REMEMBERED))
    """What refused the pods of Jobs, read lately, by namespace."""
    nodes: Memo[str, tuple[datetime, list[Obj]]] = field(default_factory=lambda: Memo(1))
    """Nodes that were read lately."""
    served: dict[str, Resource] = field(default_factory=dict)
    """Of the APIs that a cluster may lack, those that are served, by the watch's name."""
    wake: Callable[[Key], None] = lambda key: None
    """Has an object of ours looked at soon: what is written by ourselves comes with no event."""
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
    index: Callable[[Obj], Iterable[str]] = lambda obj: ()
    """What its objects are found by. Under the key of another object of ours they are looked at when that one turns."""
    standing: Callable[[Obj], str] = lambda obj: ""
    """What others go by. When it changes, and when the object comes or goes, the object has turned."""
    claims: Callable[[Obj], Iterable[str]] = lambda obj: ()
    """What it claims for itself alone, as INDEX|STATE: when one comes, goes or changes its state, those of the kind that
    the index lists under it are looked at."""
    namespaced: bool = True
