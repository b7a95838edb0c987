"""A certificate authority for one API server: what it serves with, and who its users are."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


def new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    return key


class Authority:
    """Issues certificates into a folder, as NAME.crt and NAME.key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = new_key(folder / "ca.key")
        self._name = _subject("longshore-test-ca", ())
        builder = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self._write("ca", builder)

    @property
    def file(self) -> Path:
        return self.folder / "ca.crt"

    def issue(
        self,
        name: str,
        common_name: str,
        organizations: Sequence[str] = (),
        server: bool = False,
        hosts: Sequence[str] = (),
    ) -> tuple[Path, Path]:
        """Paths of a new certificate and its key, for a server on 127.0.0.1, and at these hosts, or for a client."""
        key = new_key(self.folder / f"{name}.key")
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(_subject(common_name, organizations), key).add_extension(
            x509.ExtendedKeyUsage([usage]), False
        )
        if server:
            names = [
                x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                x509.DNSName("localhost"),
                *map(x509.DNSName, hosts),
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        return self._write(name, builder), self.folder / f"{name}.key"

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 30 * _DAY)
        )

    def _write(self, name: str, builder: x509.CertificateBuilder) -> Path:
        path = self.folder / f"{name}.crt"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path


def _subject(common_name: str, organizations: Sequence[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name), *parts])
