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
        wanted, held = claims(app), _held(app)
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
        before = sorted(
            (each for each in others if _in_the_way(claim, me, each)),
            key=lambda each: (each.created, each.namespace, each.name),
        )
        if before:
            conflicts.append(Conflict(claim, before[0]))
        else:
            granted.append(claim)
    return granted, conflicts


def _in_the_way(claim: Claim, me: Claimant, other: Claimant) -> bool:
    mine = claim in me.held
    if other.namespace != me.namespace:
        mine = any(each.host == claim.host for each in me.held)
        if not mine and any(each.host in above(claim.host) for each in other.wanted):
            wildcards = [each for each in other.wanted if each.host in above(claim.host)]
            if any(each in other.held for each in wildcards) or _older(other, me):
                return True
        same = {each for each in other.wanted if each.host == claim.host}
    else:
        same = {claim} & other.wanted
    if not same:
        return False
    theirs = bool(same & other.held)
    return theirs if theirs != mine else _older(other, me)


def _older(one: Claimant, other: Claimant) -> bool:
    return (one.created, one.namespace, one.name) < (other.created, other.namespace, other.name)


def _held(app: Obj) -> frozenset[Claim]:
    return frozenset(map(_read, (app.get("status") or {}).get("claims", ())))


def _read(text: str) -> Claim:
    if text.startswith(TCP):
        return Claim(text)
    host, slash, path = text.partition("/")
    return Claim(host, slash + path)
