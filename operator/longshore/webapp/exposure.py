"""How an app is reached from outside: which hosts are its own, through what, and what came of it.

One engine at a time: a Gateway where there is a Gateway API, else an Ingress, else nothing but the Service. What
belongs to another engine than the wanted one is deleted before anything of the new one is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from longshore.api.expose import Expose
from longshore.webapp.app import App
from longshore.webapp.children import certificate, ingress, listener_set, route
from longshore.webapp.children.backends import Backend
from longshore.webapp.claims import Claim, Claimant, Conflict, claims, settle
from longshore.webapp.facts import Facts
from longshore.webapp.gateways import HTTPS_PORT, ROUTE_KINDS, Attachment, NoGateway, Wish, choose
from longshore.webapp.surroundings import Surroundings
from longshore.workload.conditions import Condition
from longshore.workload.decision import Apply, Delete, Obj, Ref, Step

DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
GATEWAY_GROUP = "gateway.networking.k8s.io"
LABELS_AGAIN_SECONDS = 30.0
"""Labels of a namespace come with no event: while no Gateway takes the route they are read again."""
_ROUTES = frozenset(ROUTE_KINDS.values())


@dataclass(frozen=True, slots=True)
class Exposure:
    """What exposes the app, and what is said of it."""

    children: tuple[Obj, ...] = ()
    condition: Condition | None = None
    """None: nothing is asked for, and the app is reached inside the cluster."""
    urls: tuple[str, ...] = ()
    """From outside; only what works."""
    claims: tuple[str, ...] = ()
    routing: str = "None"
    tls: str = "None"
    again_in_seconds: float | None = None


def expose(app: App, facts: Facts, backends: Sequence[Backend] = ()) -> Exposure:
    """The decision. `backends` are the Services behind the route; the app's own, if none are given."""
    wish = facts.spec.expose
    if wish is None:
        return Exposure()
    wanted = claims(
        facts.app | {"spec": facts.spec.model_dump(mode="json", by_alias=True, exclude_none=True)}
    )
    me = Claimant.of(facts.app)
    granted, conflicts = settle(me, wanted, facts.surroundings.others)
    if not granted:
        return Exposure(condition=_conflict(conflicts, ()))
    hosts = [host for host in wish.hosts if any(each.host == host for each in granted)]
    made = _through(app, facts, wish, hosts, backends or (Backend(app.name),))
    if conflicts:
        made = replace(made, condition=_conflict(conflicts, granted))
    # What nothing routes is not taken from those who could use it; what was routed once is kept over an outage.
    kept = [each for each in granted if made.children or each in me.held]
    return replace(made, claims=tuple(map(str, kept)))


def is_routed(facts: Facts) -> bool:
    """Whether requests come by a route that a Gateway has taken, which divides them by weight; an Ingress doesn't."""
    return any(
        each["kind"] in _ROUTES and each["metadata"]["name"] == facts.name and _is_taken(each)
        for each in facts.surroundings.live
    )


def _is_taken(live: Obj) -> bool:
    return any(
        each["type"] == "Accepted" and each["status"] == "True"
        for parent in (live.get("status") or {}).get("parents", ())
        for each in parent.get("conditions", ())
    )


def steps(exposure: Exposure, live: Sequence[Obj]) -> list[Step]:
    """What is not wanted goes first, so that there never are two engines at once."""
    wanted = {(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in exposure.children}
    gone = [
        each for each in live if (each["apiVersion"], each["kind"], each["metadata"]["name"]) not in wanted
    ]
    return [*(Delete(Ref.of(each)) for each in gone), *(Apply(each) for each in exposure.children)]


def _conflict(conflicts: Sequence[Conflict], granted: Sequence[Claim]) -> Condition:
    each = conflicts[0]
    whose = f"{each.other.namespace}/{each.other.name}"
    more = f" ({len(conflicts)} of the app's hosts are others')" if len(conflicts) > 1 else ""
    rest = "; the other hosts are routed" if granted else "; nothing is routed"
    return Condition(
        "Exposed", False, "HostConflict",
        f"{each.claim} is held by WebApp {whose}, which claimed it first{more}{rest}: choose another host, or have that one given up",
    )  # fmt: skip


def _through(
    app: App, facts: Facts, wish: Expose, hosts: Sequence[str], backends: Sequence[Backend]
) -> Exposure:
    around = facts.surroundings
    if wish.ingress_class_name or not around.has_gateway_api:
        return _by_ingress(app, facts, wish, hosts, backends)
    kind = ROUTE_KINDS[app.spec.protocol]
    if kind not in around.apis:
        return _nothing(
            f"the cluster's Gateway API has no {kind}, which protocol {app.spec.protocol} needs: ask who runs the cluster for it"
        )
    asked = Wish(
        app.namespace, around.namespace_labels, kind, hosts, wish, around.listener_set_kind is not None
    )
    chosen = choose(asked, around.gateways, _current(app, around), around.sees_all)
    if isinstance(chosen, NoGateway):
        return replace(
            _nothing(chosen.message),
            again_in_seconds=LABELS_AGAIN_SECONDS if around.namespace_labels else None,
        )
    return _by_gateway(app, facts, wish, hosts, backends, kind, chosen)


def _by_gateway(
    app: App, facts: Facts, wish: Expose, hosts: Sequence[str], backends: Sequence[Backend], kind: str, at: Attachment
) -> Exposure:  # fmt: skip
    around = facts.surroundings
    children: list[Obj] = _certificates(app, wish, hosts, around)
    base: Obj = {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": at.namespace, "name": at.name}
    if at.own_listeners:
        set_kind = str(around.listener_set_kind)
        group = around.apis[set_kind].partition("/")[0]
        secret = _secret(app, wish)
        children.append(
            listener_set.build(
                app,
                around.apis[set_kind],
                set_kind,
                (at.namespace, at.name),
                at.port or HTTPS_PORT,
                hosts,
                str(secret),
            )
        )
        parents: list[Obj] = [
            {"group": group, "kind": set_kind, "namespace": app.namespace, "name": app.name}
        ]
    else:
        parents = [base | {"sectionName": each} for each in at.sections] or [base]
    made = route.build(app, around.apis[kind], kind, parents, hosts, wish.path, backends)
    children.append(made)
    if wish.tls is not None and wish.tls.redirect and kind == "HTTPRoute" and at.plain:
        plain = [base | {"sectionName": each} for each in at.plain]
        port = at.port or HTTPS_PORT
        children.append(route.redirect(app, around.apis[kind], plain, hosts, wish.path, port))
    urls = _urls(app.spec.protocol, hosts, wish.path, at)
    problem = _certificate_missing(wish, around) or _refused_listeners(app, at, around)
    problem = problem or _unrouted(made, around, at) or _certificate_pending(app, wish, around)
    addresses = [each["value"] for each in ((at.gateway or {}).get("status") or {}).get("addresses", ())]
    if app.spec.protocol == "TCP":
        urls = tuple(f"tcp://{each}:{at.port}" for each in addresses[:5])
    where = f" at {', '.join(addresses)}: DNS has to lead there" if addresses and hosts else ""
    fine = Condition("Exposed", True, "Routed", f"reached at {', '.join(urls[:3]) or at} through {at}{where}")
    return Exposure(
        tuple(children),
        problem or fine,
        () if problem else urls,
        routing="GatewayAPI",
        tls=_tls_engine(app, wish, at.secure),
    )


def _by_ingress(
    app: App, facts: Facts, wish: Expose, hosts: Sequence[str], backends: Sequence[Backend]
) -> Exposure:
    around = facts.surroundings
    if app.spec.protocol in ("TLS", "TCP"):
        return _nothing(
            f"protocol {app.spec.protocol} needs the Gateway API, which this cluster lacks: ask who runs it"
        )
    if wish.gateway is not None:
        return _nothing(
            "expose.gateway names a Gateway, but this cluster has no Gateway API: ask who runs it, or leave expose.gateway out"
        )
    class_name = wish.ingress_class_name or _class(around.ingress_classes)
    if class_name is None and around.ingress_classes:
        names = ", ".join(sorted(each["metadata"]["name"] for each in around.ingress_classes)[:5])
        return _nothing(f"no IngressClass is the default: set expose.ingressClassName to one of {names}")
    if class_name is None:
        condition = Condition(
            "Exposed", False, "ClusterOnly",
            "nothing of this cluster routes from outside, neither Gateway API nor an IngressClass: install one, and the app follows",
        )  # fmt: skip
        return Exposure(condition=condition)
    made = ingress.build(app, class_name, hosts, wish.path, _secret(app, wish), backends)
    live = around.found("Ingress", app.name)
    addresses = [
        each.get("hostname") or each.get("ip", "")
        for each in ((live or {}).get("status") or {}).get("loadBalancer", {}).get("ingress", ())
    ]
    known = (
        any(each["metadata"]["name"] == class_name for each in around.ingress_classes) or not around.sees_all
    )
    problem = _certificate_missing(wish, around)
    if not problem and not known:
        problem = Condition(
            "Exposed",
            False,
            "IngressClassMissing",
            f"there is no IngressClass {class_name}: correct expose.ingressClassName",
        )
    if not problem and not addresses:
        problem = Condition(
            "Exposed",
            False,
            "AddressPending",
            f"the controller of IngressClass {class_name} has given the Ingress no address yet",
        )
    problem = problem or _certificate_pending(app, wish, around)
    urls = _urls(app.spec.protocol, hosts, wish.path, Attachment("", "", secure=wish.tls is not None))
    fine = Condition(
        "Exposed", True, "Routed",
        f"reached at {', '.join(urls[:3])} through an Ingress of class {class_name} at {', '.join(addresses)}: DNS has to lead there",
    )  # fmt: skip
    children = (*_certificates(app, wish, hosts, around), made)
    return Exposure(
        children,
        problem or fine,
        () if problem else urls,
        routing="Ingress",
        tls=_tls_engine(app, wish, wish.tls is not None),
    )


def _nothing(message: str) -> Exposure:
    return Exposure(condition=Condition("Exposed", False, "GatewayMissing", message))


def _class(classes: Sequence[Obj]) -> str | None:
    """The default class, or the only one. Of several defaults the API server takes the newest; so do we."""
    default = [
        each for each in classes if (each["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    ]
    newest = sorted(
        default, key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"])
    )
    only = newest[-1:] or (classes if len(classes) == 1 else ())
    return str(only[0]["metadata"]["name"]) if only else None


def _current(app: App, around: Surroundings) -> tuple[str, str] | None:
    """The Gateway that has the route, or the listeners, now."""
    for each in around.live:
        refs = (
            each["spec"].get("parentRefs", ())
            if each["kind"] in _ROUTES
            else [each["spec"].get("parentRef") or {}]
        )
        for ref in refs:
            if ref.get("kind", "Gateway") == "Gateway" and "name" in ref:
                return ref.get("namespace", app.namespace), ref["name"]
    return None


def _secret(app: App, wish: Expose) -> str | None:
    if wish.tls is None:
        return None
    return wish.tls.secret_name or certificate.secret_name(app)


def _certificates(app: App, wish: Expose, hosts: Sequence[str], around: Surroundings) -> list[Obj]:
    if wish.tls is None or wish.tls.issuer is None or "Certificate" not in around.apis:
        return []
    return [certificate.build(app, around.apis["Certificate"], wish.tls.issuer, hosts)]


def _certificate_missing(wish: Expose, around: Surroundings) -> Condition | None:
    if wish.tls is None or wish.tls.issuer is None or "Certificate" in around.apis:
        return None
    return Condition(
        "Exposed", False, "CertManagerMissing",
        "expose.tls.issuer needs cert-manager, which this cluster lacks: install it, or name a Secret by expose.tls.secretName",
    )  # fmt: skip


def _certificate_pending(app: App, wish: Expose, around: Surroundings) -> Condition | None:
    if wish.tls is None or wish.tls.issuer is None:
        return None
    name = certificate.secret_name(app)
    live = around.found("Certificate", name)
    told = {each["type"]: each for each in ((live or {}).get("status") or {}).get("conditions", ())}
    ready, issuing = told.get("Ready", {}), told.get("Issuing", {})
    if ready.get("status") == "True":
        return None
    why = (
        " ".join(filter(None, (ready.get("message"), issuing.get("message"))))
        or "cert-manager has said nothing yet"
    )
    issuer = wish.tls.issuer
    return Condition(
        "Exposed", False, "CertificatePending",
        f"there is no certificate yet from {issuer.kind} {issuer.name}: {why}. See kubectl describe certificate -n {app.namespace} {name}",
    )  # fmt: skip


def _refused_listeners(app: App, at: Attachment, around: Surroundings) -> Condition | None:
    if not at.own_listeners:
        return None
    kind = str(around.listener_set_kind)
    live = around.found(kind, app.name)
    for each in ((live or {}).get("status") or {}).get("conditions", ()):
        if (
            each["type"] in ("Accepted", "Programmed")
            and each["status"] == "False"
            and each.get("reason") != "Pending"
        ):
            return Condition(
                "Exposed",
                False,
                "RouteRefused",
                f"{at} refuses the {kind} {app.name}: {each['reason']}, {each.get('message', '')}",
            )
    return None


def _unrouted(made: Obj, around: Surroundings, at: Attachment) -> Condition | None:
    """What the Gateway's controller says against the route, or that it hasn't said anything yet."""
    kind, name = made["kind"], made["metadata"]["name"]
    live = around.found(kind, name)
    parents = ((live or {}).get("status") or {}).get("parents", ())
    generation = (live or {"metadata": {}})["metadata"].get("generation", 0)
    for ref in made["spec"]["parentRefs"]:
        told = [each for each in parents if _same(each["parentRef"], ref, made["metadata"]["namespace"])]
        conditions = {each["type"]: each for entry in told for each in entry.get("conditions", ())}
        accepted = conditions.get("Accepted", {})
        if not accepted or accepted.get("observedGeneration", generation) < generation:
            return Condition(
                "Exposed",
                False,
                "RoutePending",
                f"the controller of {at} has not said yet whether it takes the {kind} {name}",
            )
        for type_ in ("Accepted", "ResolvedRefs"):
            each = conditions.get(type_, {})
            if each.get("status") == "False":
                return Condition(
                    "Exposed",
                    False,
                    "RouteRefused",
                    f"{at} refuses the {kind} {name}: {each['reason']}, {each.get('message', '')}",
                )
    for each in ((at.gateway or {}).get("status") or {}).get("conditions", ()):
        if each["type"] == "Programmed" and each["status"] == "False":
            return Condition(
                "Exposed",
                False,
                "GatewayPending",
                f"{at} is not programmed: {each['reason']}, {each.get('message', '')}",
            )
    return None


def _same(one: Obj, ref: Obj, namespace: str) -> bool:
    defaults = {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": namespace}
    keys = ("group", "kind", "namespace", "name", "sectionName")
    return all((defaults | one).get(key) == (defaults | ref).get(key) for key in keys)


def _tls_engine(app: App, wish: Expose, secure: bool) -> str:
    if app.spec.protocol == "TLS":
        return "App"
    if wish.tls is not None:
        return "CertManager" if wish.tls.issuer else "Secret"
    return "Gateway" if secure else "None"


def _urls(protocol: str, hosts: Sequence[str], path: str, at: Attachment) -> tuple[str, ...]:
    secure = {"HTTP": "https", "H2C": "https", "GRPC": "grpcs", "TLS": "tls"}
    plain = {"HTTP": "http", "H2C": "http", "GRPC": "grpc", "TLS": "tls"}
    scheme = (secure if at.secure else plain).get(protocol, "tcp")
    usual = 443 if at.secure else 80
    port = at.port or usual
    shown = "" if scheme in ("http", "https") and port == usual else f":{port}"
    rest = path if path != "/" else ""
    exact_first = sorted(hosts, key=lambda host: host.startswith("*."))
    return tuple(f"{scheme}://{host}{shown}{rest}" for host in exact_first)
