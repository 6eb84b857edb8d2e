"""The relay's identity: its key, and its name in the cloud.

The private key is made here and never leaves: ``key.pem`` (Ed25519, mode 0600). What enrolment gave is in
``identity.json``. Both live in the state folder (mode 0700).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_relay.storage.state_files import write_private
from shared.errors import NotFound, Rejected

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TOKEN_SECONDS: Final = 60


class Enrolment(BaseModel):
    """What the cloud said when this relay enrolled."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    relay_id: str
    site: str
    audience: str


class Identity:
    """An enrolled relay: signs the tokens that prove it."""

    def __init__(self, enrolment: Enrolment, key: Ed25519PrivateKey) -> None:
        self.enrolment: Final = enrolment
        self._key: Final = key

    def token(self, now: datetime, token_id: str) -> str:
        """Return a JWT (EdDSA) valid for one minute.

        :param now: the cloud's time, as far as known.
        :param token_id: unique for each token (the claim ``jti``). The cloud does not remember it: only the
            short lifetime limits a stolen token.
        """
        import jwt  # noqa: PLC0415 - takes a while to load, and whoever enrols signs no token

        claims = {
            "iss": self.enrolment.relay_id,
            "aud": self.enrolment.audience,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + TOKEN_SECONDS,
            "jti": token_id,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA")


def load_or_make_key(state_dir: Path) -> Ed25519PrivateKey:
    """Return the relay's key, made on first use; raise `Rejected` if the file is not one."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - likewise
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - likewise
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    path = state_dir / "key.pem"
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, pem)
        return key
    return _load_key(path)


def public_pem(key: Ed25519PrivateKey) -> str:
    """Return the public half as PEM text (SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - likewise

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def save_enrolment(state_dir: Path, enrolment: Enrolment) -> None:
    """Keep what the cloud said."""
    write_private(state_dir / "identity.json", enrolment.model_dump_json(indent=2).encode())


def load_identity(state_dir: Path) -> Identity:
    """Return who this relay is; raise `NotFound` if it has not been enrolled."""
    path = state_dir / "identity.json"
    try:
        enrolment = Enrolment.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(
            "this relay has not been enrolled",
            where=str(path),
            hint="get a code, then: mwl-relay enroll CODE",
        ) from None
    except ValidationError:
        raise Rejected("is damaged", where=str(path), hint="enrol again") from None
    if not (state_dir / "key.pem").exists():
        raise NotFound("the relay's key is missing", where=str(state_dir / "key.pem"), hint="enrol again")
    return Identity(enrolment, _load_key(state_dir / "key.pem"))


def _load_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - likewise
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - likewise

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        raise Rejected("is not a private key in PEM form", where=str(path), hint="enrol again") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Rejected("is not an Ed25519 key", where=str(path), hint="enrol again")
    return key
