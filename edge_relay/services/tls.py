"""DICOM over TLS: the server's context, by PS3.15's BCP 195 profile (B.12), renewed while the relay runs.

Files are looked at again every few seconds; once they have changed, the next connection gets what they hold
by then, and no restart is needed. Files that cannot be used leave the old certificate in service, and a
log line.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from shared.errors import Rejected

log = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS: Final = 5.0
# BCP 195 (RFC 9325 section 4.2): forward secrecy and authenticated encryption only; TLS 1.3 has no others.
_CIPHERS_1_2: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"

_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which the ssl module has no name for

_ALWAYS_FROM: Final = datetime(2000, 1, 1, tzinfo=UTC)  # the clock of a relay may be wrong
_ALWAYS_TO: Final = datetime(2100, 1, 1, tzinfo=UTC)

ClientCertificates = Literal["required", "optional", "none"]
_VERIFY: Final = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}

Stamp = tuple[tuple[int, int, int], ...]


class TlsFiles(NamedTuple):
    """What the TLS port shows, and whom it asks for a certificate.

    :param client_ca: whose certificates scanners show; None if they are not asked.
    """

    certificate: Path
    private_key: Path
    client_ca: Path | None
    client_certificates: ClientCertificates


class ServerTls:
    """The TLS port's side of every connection.

    :param clock: seconds, for looking at the files again.
    :raises Rejected: from the constructor, if the files cannot be used.
    """

    def __init__(self, files: TlsFiles, clock: Callable[[], float]) -> None:
        self._files = files
        self._clock: Final = clock
        self._self_certificate, self._self_key = _make_self_certificate()
        self._stamp = self._look()
        self._context, self._in_service = self._load()
        self._looked_at = clock()
        self.problem = ""

    def context(self) -> ssl.SSLContext:
        """Return the context for the next connection."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_AGAIN_SECONDS:
            self._looked_at = now
            self._renew()
        return self._context

    def take_up(self, files: TlsFiles) -> None:
        """Serve the next connections with other files.

        :raises Rejected: they cannot be used; nothing was changed.
        """
        before, self._files = self._files, files
        try:
            loaded = self._load()
        except Rejected:
            self._files = before
            raise
        self._context, self._in_service = loaded
        self._stamp = self._look()
        self.problem = ""

    def not_after(self) -> datetime:
        """Return when the certificate in service ends, UTC."""
        return self._in_service.not_valid_after_utc

    def self_client(self) -> ssl.SSLContext:
        """Return a context with which the relay asks itself: it trusts the certificate in service alone.

        It shows a certificate made at start, which this port takes besides those of the client CA: the
        relay's own need not be one that a client may show.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        # It is this very certificate, whatever the time: one that has ended is scanners' concern and the
        # status page's; the relay would not get better by being restarted for it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
        pem = self._in_service.public_bytes(serialization.Encoding.PEM)
        context.load_verify_locations(cadata=pem.decode("ascii"))
        with TemporaryDirectory() as folder:  # OpenSSL takes a key from a file only
            both = Path(folder) / "self.pem"
            both.touch(mode=0o600)
            both.write_bytes(self._self_certificate + self._self_key)
            context.load_cert_chain(both)
        return context

    def _renew(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context, self._in_service = self._load()
        except Rejected as error:
            self.problem = f"the TLS files have changed but cannot be used; the old ones stay: {error}"
            log.warning("%s", self.problem)
        else:
            self.problem = ""
            log.info("the TLS certificate has been renewed, valid until %s", self.not_after().date())

    def _look(self) -> Stamp:
        found, files = [], self._files
        for path in filter(None, (files.certificate, files.private_key, files.client_ca)):
            try:
                state = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((state.st_mtime_ns, state.st_size, state.st_ino))
        return tuple(found)

    def _load(self) -> tuple[ssl.SSLContext, x509.Certificate]:
        files = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS_1_2)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
        context.verify_mode = _VERIFY[files.client_certificates]
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # for our own below, which no CA issued
        try:
            context.load_cert_chain(files.certificate, files.private_key, password=_no_password)
            own = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        except (OSError, ValueError) as error:
            raise Rejected(
                f"certificate and key cannot be used: {_reason(error)}",
                where=str(files.certificate),
                hint="PEM, the key unencrypted and the certificate's own",
            ) from None
        context.load_verify_locations(cadata=self._self_certificate.decode("ascii"))
        if files.client_ca is not None:
            try:
                context.load_verify_locations(files.client_ca)
            except (OSError, ValueError) as error:
                raise Rejected(f"cannot be used: {_reason(error)}", where=str(files.client_ca)) from None
        return context, own


def tls_for_client(trusted: Path, own: Path | None) -> ssl.SSLContext:
    """Return a context to call a relay with; raise `Rejected` if a file cannot be used.

    :param trusted: the relay's certificate, or its authority's, PEM.
    :param own: a certificate to show and its key, in one PEM file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Relays go by addresses and AE titles; what is trusted is this file, not all the world's authorities.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(trusted)
    except (OSError, ValueError) as error:
        raise Rejected(f"cannot be used: {_reason(error)}", where=str(trusted)) from None
    if own is not None:
        try:
            context.load_cert_chain(own, password=_no_password)
        except (OSError, ValueError) as error:
            raise Rejected(f"cannot be used: {_reason(error)}", where=str(own)) from None
    return context


def _no_password() -> str:
    # Without this, OpenSSL would ask on the terminal.
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)


def _make_self_certificate() -> tuple[bytes, bytes]:
    """Return a self-signed certificate and its key, PEM; they live as long as this process."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mwl-relay asking itself")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_ALWAYS_FROM)
        .not_valid_after(_ALWAYS_TO)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, None)
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), private
