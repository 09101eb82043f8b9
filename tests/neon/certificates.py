"""Certificates made on the spot: good ones, and every way in which one is bad."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW: Final = datetime.now(UTC)
DAY: Final = timedelta(days=1)


@attrs.frozen
class Certificate:
    """A certificate and its key, in PEM files."""

    file: Path
    key_file: Path
    subject: x509.Name
    key: ec.EllipticCurvePrivateKey


def make(  # noqa: PLR0913 - each makes another kind of certificate
    folder: Path,
    name: str,
    host: str,
    *,
    issuer: Certificate | None = None,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
    is_authority: bool = False,
) -> Certificate:
    """Make a certificate for a host or an address; without an issuer it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    signed = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key", subject, key)
    made.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
