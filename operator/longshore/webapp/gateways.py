"""Which Gateway routes to an app: the one that is named, or one that takes the app's routes for all its hosts.

A Gateway says itself whose routes it takes (allowedRoutes), and whose listeners (allowedListeners).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from longshore.api.expose import Expose
from longshore.workload.decision import Obj

ROUTE_KINDS = {
    "HTTP": "HTTPRoute",
    "H2C": "HTTPRoute",
    "GRPC": "GRPCRoute",
    "TLS": "TLSRoute",
    "TCP": "TCPRoute",
}
_LISTENERS = {
    "HTTPRoute": ("HTTP", "HTTPS"),
    "GRPCRoute": ("HTTP", "HTTPS"),
    "TLSRoute": ("TLS",),
    "TCPRoute": ("TCP",),
}
HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Wish:
    """What an app asks of a Gateway."""

    namespace: str
    labels: Mapping[str, str]
    """Of its namespace."""
    route_kind: str
    hosts: Sequence[str]
    expose: Expose
    listener_sets: bool
    """Whether the cluster knows listener sets."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a route is attached."""

    namespace: str
    name: str
    sections: tuple[str, ...] = ()
    """Single listeners; none means all that take the hosts."""
    secure: bool = False
    """Whether clients speak TLS there."""
    port: int | None = None
    own_listeners: bool = False
    """The app brings listeners of its own, with its certificate."""
    gateway: Obj | None = None
    plain: tuple[str, ...] = ()
    """Listeners for HTTP without TLS that would take the app's routes, for one whose own go with TLS."""

    def __str__(self) -> str:
        return f"Gateway {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class NoGateway:
    """Why there is none, and what to do."""

    message: str


def choose(
    wish: Wish, gateways: Sequence[Obj], current: tuple[str, str] | None, sees_all: bool
) -> Attachment | NoGateway:
    """The Gateway, and what of it. `current` is the namespace and name of the one that has the route now: it is kept
    while it will do."""
    named = wish.expose.gateway
    if named is not None:
        where = named.namespace or wish.namespace, named.name
        found = next((each for each in gateways if _name(each) == where), None)
        if found is not None:
            return _attach(wish, found)
        if not sees_all and where[0] != wish.namespace:  # the Gateway itself says whether it takes the route
            sections = (named.section_name,) if named.section_name else ()
            return Attachment(*where, sections, secure=wish.expose.tls is not None)
        return NoGateway(
            f"there is no Gateway {where[0]}/{where[1]}: correct expose.gateway, or ask who runs the cluster for it"
        )
    ordered = sorted(
        gateways,
        key=lambda each: (
            _name(each) != current,
            not _is_programmed(each),
            each["metadata"]["creationTimestamp"],
            _name(each),
        ),
    )
    tried = [_attach(wish, each) for each in ordered]
    fitting = [each for each in tried if isinstance(each, Attachment)]
    if fitting:
        return fitting[0]
    if not tried:
        return NoGateway(
            "there is no Gateway: ask who runs the cluster for one, or set expose.ingressClassName to use an Ingress"
        )
    reasons = "; ".join(each.message for each in tried[:3] if isinstance(each, NoGateway))
    return NoGateway(f"no Gateway takes the route: {reasons}")


def selects_by_label(gateways: Sequence[Obj]) -> bool:
    """Whether any of them goes by the labels of namespaces."""
    return any(
        (rule.get("namespaces") or {}).get("from") == "Selector"
        for gateway in gateways
        for rule in (
            gateway["spec"].get("allowedListeners") or {},
            *(each.get("allowedRoutes") or {} for each in gateway["spec"].get("listeners", ())),
        )
    )


def takes(pattern: str | None, host: str) -> bool:
    """Whether a listener of this hostname gets requests for the host: all of them, if the host is a wildcard."""
    if not pattern or pattern == host:
        return True
    return pattern.startswith("*.") and host.removeprefix("*.").endswith(pattern[1:])


def _attach(wish: Wish, gateway: Obj) -> Attachment | NoGateway:
    namespace, name = _name(gateway)
    title = f"Gateway {namespace}/{name}"
    named, tls = wish.expose.gateway, wish.expose.tls
    section = named.section_name if named else None
    listeners = gateway["spec"].get("listeners", ())
    if section is not None:
        listeners = [each for each in listeners if each["name"] == section]
        if not listeners:
            return NoGateway(f"{title} has no listener {section}: correct expose.gateway.sectionName")
    own = tls is not None and wish.listener_sets and section is None
    if own and _lets_in(gateway["spec"].get("allowedListeners") or {}, "None", gateway, wish):
        port = next((int(each["port"]) for each in listeners if each["protocol"] == "HTTPS"), HTTPS_PORT)
        plain = _plain(wish, gateway)
        return Attachment(namespace, name, (), True, port, own_listeners=True, gateway=gateway, plain=plain)
    speaking = [each for each in listeners if _speaks(each, wish.route_kind)]
    if not speaking:
        return NoGateway(f"{title} has no listener for a {wish.route_kind}")
    open_ = [each for each in speaking if _lets_in(each.get("allowedRoutes") or {}, "Same", gateway, wish)]
    if not open_:
        return NoGateway(
            f"{title} takes no routes of namespace {wish.namespace}: whoever runs it can allow them (allowedRoutes)"
        )
    if tls is not None:
        open_ = [each for each in open_ if each["protocol"] == "HTTPS"]
        if not open_:
            return NoGateway(
                f"{title} has no HTTPS listener for namespace {wish.namespace} and lets none in (allowedListeners): ask who runs it for"
                " one, or leave out expose.tls"
            )
    for host in wish.hosts:
        if not any(takes(each.get("hostname"), host) for each in open_):
            return NoGateway(f"{title} has no listener that takes {host}{' with TLS' if tls else ''}")
    used = [
        each
        for each in open_
        if not wish.hosts or any(takes(each.get("hostname"), host) for host in wish.hosts)
    ]
    secure = [each for each in used if each["protocol"] in ("HTTPS", "TLS")]
    chosen = (
        secure
        if secure and all(any(takes(each.get("hostname"), host) for each in secure) for host in wish.hosts)
        else used
    )
    sections = (section,) if section else tuple(each["name"] for each in chosen) if tls is not None else ()
    plain = _plain(wish, gateway) if tls is not None else ()
    port = int(chosen[0]["port"])
    return Attachment(namespace, name, sections, chosen is secure, port, gateway=gateway, plain=plain)


def _plain(wish: Wish, gateway: Obj) -> tuple[str, ...]:
    """Listeners from which requests can be sent on to those with TLS."""
    return tuple(
        each["name"]
        for each in gateway["spec"].get("listeners", ())
        if each["protocol"] == "HTTP"
        and _speaks(each, "HTTPRoute")
        and _lets_in(each.get("allowedRoutes") or {}, "Same", gateway, wish)
        and any(takes(each.get("hostname"), host) for host in wish.hosts)
    )


def _speaks(listener: Obj, kind: str) -> bool:
    if listener["protocol"] not in _LISTENERS[kind]:
        return False
    if kind == "TLSRoute" and (listener.get("tls") or {}).get("mode") != "Passthrough":
        return False
    kinds = (listener.get("allowedRoutes") or {}).get("kinds") or ()
    return not kinds or any(each["kind"] == kind for each in kinds)


def _lets_in(rule: Obj, default: str, gateway: Obj, wish: Wish) -> bool:
    namespaces = rule.get("namespaces") or {}
    from_ = namespaces.get("from", default)
    if from_ == "Selector":
        return _selected(namespaces.get("selector") or {}, wish.labels)
    return from_ == "All" or (from_ == "Same" and _name(gateway)[0] == wish.namespace)


def _selected(selector: Obj, labels: Mapping[str, str]) -> bool:
    """metav1.LabelSelector; what isn't understood selects nothing."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _holds(expression: Obj, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    known = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return known.get(expression["operator"], False)


def _is_programmed(gateway: Obj) -> bool:
    conditions = (gateway.get("status") or {}).get("conditions", ())
    return any(each["type"] == "Programmed" and each["status"] == "True" for each in conditions)


def _name(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
