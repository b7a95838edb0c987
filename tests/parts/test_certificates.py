"""The cluster's issuer signs what an app asks for."""

from __future__ import annotations

import base64
import json

from cryptography import x509

from tests.e2e.cluster import Cluster


def test_a_certificate_is_signed_by_the_cluster_s_issuer(namespace: Cluster, cert_manager: None) -> None:
    namespace.apply(
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": "shop"},
            "spec": {
                "secretName": "shop",
                "dnsNames": ["shop.example.com"],
                "issuerRef": {"name": "local", "kind": "ClusterIssuer"},
            },
        }
    )
    namespace.kubectl("wait", "certificate/shop", "--for=condition=Ready", "--timeout=60s")
    secret = json.loads(namespace.kubectl("get", "secret", "shop", "--output=json"))
    found = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    assert found.issuer.rfc4514_string() == "CN=Longshore local"
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["shop.example.com"]
