"""Who has a host: the app that held it first, and among those that hold it not yet the older one.

What an app holds is in its status, which only the operator writes: a host that somebody adds to an app of long
ago is claimed now. Within a namespace hosts are shared by path. Between namespaces they aren't: a longer path, or a
host below somebody's wildcard, would take a part of what another has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from longshore.workload.decision import Obj

HTTP_PROTOCOLS = ("HTTP", "H2C")
TCP = "tcp:"
UNROUTED = ("GatewayMissing", "ClusterOnly")
"""Reasons of the condition Exposed with which an app is in nobody's way that has a Gateway."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A host and the beginning of a path; of TCP, a listener."""

    host: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.host}{self.path}"


@dataclass(frozen=True, slots=True)
class Claimant:
    """An app, what it claims, and what of that it holds."""

    namespace: str
    name: str
    created: str
    wanted: frozenset[Claim]
    held: frozenset[Claim]

    @classmethod
    def of(cls, app: Obj) -> Claimant:
        metadata = app["metadata"]
        held = _held(app)
        wanted = frozenset() if _unrouted(app) else claims(app)
        return cls(
            metadata.get("namespace", ""),
            metadata["name"],
            metadata["creationTimestamp"],
            wanted | held,
            held,
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """A claim that another app stands in the way of."""

    claim: Claim
    other: Claimant


def claims(app: Obj) -> frozenset[Claim]:
    """What the spec of a WebApp, as the API server holds it, claims."""
    spec = app.get("spec") or {}
    expose, namespace = spec.get("expose"), app["metadata"].get("namespace", "")
    if not expose:
        return frozenset()
    protocol = spec.get("protocol", "HTTP")
    if protocol == "TCP":
        gateway = expose.get("gateway") or {}
        where = gateway.get("namespace", namespace), gateway.get("name", ""), gateway.get("sectionName", "")
        return frozenset([Claim(f"{TCP}{'/'.join(where)}")])
    path = expose.get("path", "/").rstrip("/") if protocol in HTTP_PROTOCOLS else ""
    return frozenset(Claim(host, path) for host in expose.get("hosts", ()))


def index(app: Obj) -> Iterator[str]:
    """What an app with these claims is found by: its hosts, and the wildcards above them."""
    for claim in claims(app) | _held(app):
        yield f"host:{claim.host}"
        for wildcard in above(claim.host):
            yield f"below:{wildcard}"


def told(app: Obj) -> Iterator[str]:
    """Under what those are found whom a change of this app's claims concerns."""
    held = _held(app)
    for claim in claims(app) | held:
        mark = "held" if claim in held else "wanted"
        yield f"host:{claim.host}|{claim.path}|{mark}"
        if claim.host.startswith("*."):
            yield f"below:{claim.host}|{mark}"


def above(host: str) -> Iterator[str]:
    """The wildcards that take this host, too: those of shop.example.com are *.example.com and *.com."""
    if host.startswith(TCP):
        return
    labels = host.removeprefix("*.").split(".")
    for start in range(0 if host.startswith("*.") else 1, len(labels)):
        wildcard = f"*.{'.'.join(labels[start:])}"
        if wildcard != host:
            yield wildcard


def looked_up(wanted: Iterable[Claim]) -> set[str]:
    """Under what those are found that may stand in the way of these claims."""
    return {f"host:{host}" for claim in wanted for host in (claim.host, *above(claim.host))}


def settle(
    me: Claimant, wanted: Iterable[Claim], others: Sequence[Claimant]
) -> tuple[list[Claim], list[Conflict]]:
    """Which claims are granted, and who stands in the way of the rest."""
    granted: list[Claim] = []
    conflicts: list[Conflict] = []
    for claim in sorted(wanted, key=str):
        other = _stranger_in_the_way(claim, me, others) or _sibling_in_the_way(claim, me, others)
        if other is None:
            granted.append(claim)
        else:
            conflicts.append(Conflict(claim, other))
    return granted, conflicts


def _stranger_in_the_way(claim: Claim, me: Claimant, others: Sequence[Claimant]) -> Claimant | None:
    """An app of another namespace. Whoever holds the host, or else the nearest wildcard above it, decides for the whole
    namespace: those who only want it, and don't get it, are in nobody's way."""
    hosts = [claim.host, *above(claim.host)]
    for host in hosts:
        holder = _oldest(each for each in (me, *others) if any(one.host == host for one in each.held))
        if holder is not None:
            return None if holder.namespace == me.namespace else holder
    rivals = (
        each
        for each in others
        if each.namespace != me.namespace and any(one.host in hosts for one in each.wanted)
    )
    oldest = _oldest(rivals)
    return oldest if oldest is not None and _age(oldest) < _age(me) else None


def _sibling_in_the_way(claim: Claim, me: Claimant, others: Sequence[Claimant]) -> Claimant | None:
    """An app of the same namespace that has the host and the path."""
    siblings = [each for each in others if each.namespace == me.namespace and claim in each.wanted]
    holder = _oldest(each for each in siblings if claim in each.held)
    rival = holder if claim in me.held else holder or _oldest(siblings)
    if rival is None or (holder is not None and claim not in me.held):
        return rival
    return rival if _age(rival) < _age(me) else None


def _oldest(claimants: Iterable[Claimant]) -> Claimant | None:
    return min(claimants, key=_age, default=None)


def _age(claimant: Claimant) -> tuple[str, str, str]:
    return claimant.created, claimant.namespace, claimant.name


def _unrouted(app: Obj) -> bool:
    conditions = (app.get("status") or {}).get("conditions", ())
    return any(
        each["type"] == "Exposed" and each["status"] == "False" and each["reason"] in UNROUTED
        for each in conditions
    )


def _held(app: Obj) -> frozenset[Claim]:
    return frozenset(map(_read, (app.get("status") or {}).get("claims", ())))


def _read(text: str) -> Claim:
    if text.startswith(TCP):
        return Claim(text)
    host, slash, path = text.partition("/")
    return Claim(host, slash + path)
