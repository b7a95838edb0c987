"""Where an app is reached from outside the cluster: hosts, path, certificate, and through what."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from longshore.api.base import DnsLabel, DnsName, ListType, Model, Rule

_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
Host = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Rule(
        f"self.matches('^([*][.])?{_LABEL}([.]{_LABEL})*$') && !self.matches('^[0-9.]+$')",
        "write a host name in lower case such as shop.example.com, or *.example.com for all below it; no address, port or path",
    ),
]


class GatewayRef(Model):
    """A Gateway of the Gateway API."""

    name: DnsName = Field(description="Name of the Gateway.")
    namespace: DnsLabel | None = Field(
        default=None,
        description="Its namespace. Default: the app's. The Gateway decides whose routes it takes.",
    )
    section_name: DnsName | None = Field(
        default=None,
        description="Name of one listener of it. Default: all that take the hosts. Needed with protocol TCP.",
    )


class IssuerRef(Model):
    """An issuer of cert-manager."""

    name: DnsName = Field(description="Name of the issuer.")
    kind: Literal["Issuer", "ClusterIssuer"] = Field(
        default="Issuer", description="Issuer, of the app's namespace, or ClusterIssuer. Default: Issuer."
    )


class Tls(Model):
    """The certificate that clients are shown."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.secretName) != has(self.issuer)", "set exactly one of secretName and issuer"),
    )
    secret_name: DnsName | None = Field(
        default=None,
        description="A Secret of type kubernetes.io/tls in the same namespace. Longshore names it and never reads it.",
    )
    issuer: IssuerRef | None = Field(
        default=None,
        description="cert-manager gets a certificate for the hosts from this issuer, and renews it.",
    )
    redirect: bool = Field(
        default=True,
        description="Redirect HTTP without TLS to https, with status 301, where the Gateway has a listener for it that takes the "
        "app's routes; protocols HTTP and H2C. false: it isn't answered. With an Ingress, its controller decides. Default: true.",
    )


class Expose(Model):
    """Where the app is reached from outside the cluster."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.gateway) || !has(self.ingressClassName)",
            "set at most one of gateway and ingressClassName",
        ),
    )
    hosts: Annotated[list[Host], Field(max_length=20), ListType("set")] = Field(
        default=[],
        description="Host names, at most 20, such as shop.example.com or *.example.com. Whoever claimed a host first keeps it, and a "
        "host is shared by path within one namespace only. None with protocol TCP.",
    )
    path: Annotated[
        str,
        Field(min_length=1, max_length=512),
        Rule(
            "self.matches('^/[-._~!$&()*+,;=:@%/a-zA-Z0-9]*$') && !self.contains('//') && !self.matches('/[.][.]?(/|$)')",
            "write the beginning of a path such as /api, without '//', '.' and '..' as segments, '?' and '#'",
        ),
    ] = Field(
        default="/",
        description="Requests whose path is this or begins with it are the app's; protocols HTTP and H2C only. Default: /, all.",
    )
    gateway: GatewayRef | None = Field(
        default=None,
        description="The Gateway that routes to the app. Default: one that takes routes of this namespace for all hosts.",
    )
    ingress_class_name: DnsName | None = Field(
        default=None,
        description="Use an Ingress of this class, even where there are Gateways. Default: the cluster's default class, where there is "
        "no Gateway API.",
    )
    tls: Tls | None = Field(
        default=None,
        description="The certificate that clients are shown. Default: that of the Gateway's listener, if it has one.",
    )


EXPOSE_RULES = (
    Rule(
        "!has(self.expose) || self.protocol == 'TCP' || (has(self.expose.hosts) && size(self.expose.hosts) > 0)",
        "expose.hosts: name at least one host, such as shop.example.com",
    ),
    Rule(
        "!has(self.expose) || self.protocol != 'TCP' || (!has(self.expose.hosts) || size(self.expose.hosts) == 0)"
        " && !has(self.expose.tls) && has(self.expose.gateway) && has(self.expose.gateway.sectionName)",
        "protocol TCP knows no hosts and no certificates: leave out expose.hosts and expose.tls, and name a listener of the app's own"
        " by expose.gateway.name and sectionName",
    ),
    Rule(
        "!has(self.expose) || self.protocol in ['HTTP', 'H2C'] || self.expose.path == '/'",
        "expose.path is for protocols HTTP and H2C: leave it out",
    ),
    Rule(
        "!has(self.expose) || !(self.protocol in ['TLS', 'TCP']) || !has(self.expose.ingressClassName)",
        "an Ingress routes no protocol TLS or TCP: leave out expose.ingressClassName",
    ),
    Rule(
        "!has(self.expose) || self.protocol != 'TLS' || !has(self.expose.tls)",
        "with protocol TLS the app itself has the certificate: leave out expose.tls, or use HTTP to have TLS end at the gateway",
    ),
)
"""Rules of the spec that has `protocol` and `expose`."""
