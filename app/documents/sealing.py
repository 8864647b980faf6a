"""The seal on a PDF: a PAdES signature over all of its bytes, so that a reader shows any later change.

Runs in worker processes only; pyHanko and the key are loaded where they are used. Rules: ETSI EN 319 142-1, level B-B.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import current_app

from ..config import Seal
from ..db import assert_no_transaction

NONE, CERTIFICATE, SELF_SIGNED = "none", "certificate", "self_signed"
FIELD = "Seal"
YEARS = 20


class Unusable(Exception):
    """Nothing can be sealed; the message is one sentence that says why."""


def kind() -> str:
    """What a document made now is sealed with. For every process: nothing is loaded."""
    given = _given()
    if given is None:
        return NONE
    return SELF_SIGNED if given.self_signed else CERTIFICATE


def seal(pdf: bytes, *, reason: str) -> bytes:
    """The PDF and behind it the signature over it, which certifies that nothing may be changed. Raises Unusable."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata, sign_pdf
    from pyhanko.sign.fields import InvisSigSettings, MDPPerm, SigFieldSpec, SigSeedSubFilter

    assert_no_transaction()
    facts = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=reason,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    # It is no part of what is read aloud: hidden, as PDF/UA-1 (7.18.1) asks of what is not tagged.
    unseen = InvisSigSettings(set_hidden_flag=True)
    field = SigFieldSpec(FIELD, invis_sig_settings=unseen, readable_field_name="Seal")
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    return sign_pdf(writer, facts, _signer(), new_field_spec=field).getvalue()


def faults() -> list[str]:
    """What keeps documents from being sealed, and what soon will, in words."""
    if _given() is None:
        return ["No certificate is set up (COUNTERSIGN_SEAL_CERTIFICATE): signed orders go out without a seal."]
    try:
        until = _certificates(_ready())[0].not_valid_after_utc
        _signer()
    except Unusable as error:
        return [str(error)]
    soon = until - timedelta(days=30) < datetime.now(UTC)
    return [f"The seal's certificate ends on {until:%Y-%m-%d}; have it renewed."] if soon else []


def _given() -> Seal | None:
    given: Seal | None = current_app.config["SEAL"]
    return given


def _ready() -> Seal:
    given = _given()
    if given is None:
        raise Unusable("This document is to be sealed, but no certificate is set up (COUNTERSIGN_SEAL_CERTIFICATE).")
    if given.self_signed and not given.certificate.exists():
        _make(given.certificate.parent)
    return given


def _signer() -> Any:
    from asn1crypto import keys, x509
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from pyhanko.sign import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    given = _ready()
    certificates, key = _certificates(given), _key(given)
    own = certificates[0]
    if own.public_key() != key.public_key():
        raise Unusable("The seal's certificate and key do not belong together.")
    if not own.not_valid_before_utc <= datetime.now(UTC) <= own.not_valid_after_utc:
        raise Unusable(f"The seal's certificate is not valid today; it ends on {own.not_valid_after_utc:%Y-%m-%d}.")
    chain = [x509.Certificate.load(c.public_bytes(Encoding.DER)) for c in certificates]
    raw = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    store = SimpleCertificateStore.from_certs(chain[1:])
    return SimpleSigner(signing_cert=chain[0], signing_key=keys.PrivateKeyInfo.load(raw), cert_registry=store)


def _certificates(given: Seal) -> list[Any]:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(given.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise Unusable("COUNTERSIGN_SEAL_CERTIFICATE names no file with a certificate (PEM) in it.") from error


def _key(given: Seal) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(given.key.read_bytes(), given.passphrase.encode() or None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unusable(
            "COUNTERSIGN_SEAL_KEY names no file with a key (PEM) that COUNTERSIGN_SEAL_PASSPHRASE opens."
        ) from error


def _make(folder: Path) -> None:
    """Both files at once, or neither: of two workers that come first, one's are kept."""
    made = Path(tempfile.mkdtemp(prefix="seal-", dir=folder.parent))
    try:
        for name, body in _self_signed().items():
            with os.fdopen(os.open(made / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(body)
        made.rename(folder)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if not (folder / "certificate.pem").exists():
            raise


def _self_signed() -> dict[str, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Countersign, self-signed")])
    uses = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only"), False
    )
    usage = x509.KeyUsage(digital_signature=True, content_commitment=True, key_cert_sign=True, **uses)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, SHA256())
    )
    return {
        "certificate.pem": certificate.public_bytes(Encoding.PEM),
        "key.pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
