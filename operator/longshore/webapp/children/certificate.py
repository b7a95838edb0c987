"""The certificate for an app's hosts, which cert-manager gets and renews."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.api.expose import IssuerRef
from longshore.webapp.app import App
from longshore.workload.decision import Obj
from longshore.workload.names import child_name

SUFFIX = "webapp-tls"


def secret_name(app: App) -> str:
    """The Secret that cert-manager writes; nobody else's is likely to have that name."""
    return child_name(app.name, SUFFIX)


def build(app: App, api_version: str, issuer: IssuerRef, hosts: Sequence[str]) -> Obj:
    return {
        "apiVersion": api_version,
        "kind": "Certificate",
        "metadata": app.metadata(secret_name(app)),
        "spec": {
            "secretName": secret_name(app),
            "dnsNames": list(hosts),
            "issuerRef": {"group": "cert-manager.io", "kind": issuer.kind, "name": issuer.name},
            "privateKey": {"rotationPolicy": "Always"},
        },
    }
