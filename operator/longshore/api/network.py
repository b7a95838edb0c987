"""Who may open connections to an app, and where the app may open them to."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from longshore.api.base import DnsLabel, ListType, Model, Rule

Cidr = Annotated[
    str,
    Field(min_length=1, max_length=43),
    Rule(
        "isCIDR(self)",
        "write a range of addresses such as 10.0.0.0/8 or 2001:db8::/32; one address is 10.1.2.3/32",
    ),
]


class EgressPort(Model):
    """A port at the other end."""

    port: Annotated[int, Field(ge=1, le=65535)] = Field(description="Number of the port.")
    protocol: Literal["TCP", "UDP"] = Field(default="TCP", description="TCP or UDP. Default: TCP.")


class EgressRule(Model):
    """One place that the app may open connections to."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.webApp), has(self.podsIn), has(self.cidr)].filter(x, x).size() == 1",
            "set exactly one of webApp, podsIn and cidr",
        ),
        Rule(
            "!has(self.except) || has(self.cidr)",
            "except takes parts out of cidr: set cidr, or leave out except",
        ),
        Rule(
            "!has(self.except) || !has(self.cidr) || !isCIDR(self.cidr)"
            " || self.except.all(e, isCIDR(e) && cidr(self.cidr).containsCIDR(e))",
            "each range of except must lie in cidr",
        ),
    )
    web_app: DnsLabel | None = Field(
        default=None, description="The pods of a WebApp of this namespace, by name."
    )
    pods_in: DnsLabel | None = Field(
        default=None,
        description="All pods of a namespace, by its name (the label kubernetes.io/metadata.name).",
    )
    cidr: Cidr | None = Field(default=None, description="A range of addresses, such as 10.0.0.0/8.")
    except_: Annotated[list[Cidr], Field(max_length=10), ListType("set")] = Field(
        default=[],
        alias="except",
        description="Ranges inside cidr that are not meant, at most 10. Default: none.",
    )
    ports: Annotated[list[EgressPort], Field(max_length=10), ListType("atomic")] = Field(
        default=[], description="Ports there, at most 10. Default: all."
    )


class Network(Model):
    """Who may open connections to the app, and where the app may open them to."""

    allow_from: Literal["Any", "Namespace", "Gateway"] = Field(
        default="Any",
        description="Any; Namespace: pods of this namespace; Gateway: pods of namespaces that carry the label "
        "longshore.dev/gateway=true. Default: Any.",
    )
    egress: Annotated[list[EgressRule], Field(max_length=20), ListType("atomic")] | None = Field(
        default=None,
        description="Where the app may open connections to, at most 20; DNS is always allowed, and an empty list allows nothing else. "
        "Default: everywhere.",
    )
