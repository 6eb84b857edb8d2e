"""The hashes of passwords that can be verified: Argon2id, and bcrypt as the predecessor made it."""

from __future__ import annotations

from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

_BCRYPT_LONGEST: Final = 72
"""Bytes that bcrypt looks at: the predecessor's library passed over the rest, today's refuses it."""


class _Bcrypt(BcryptHasher):
    """Bcrypt as the predecessor's hashes were made."""

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        whole = password.encode() if isinstance(password, str) else password
        try:
            return super().verify(whole[:_BCRYPT_LONGEST], hash)
        except ValueError:
            return False  # a salt that is none, such as a damaged hash has


def known_hashes(hasher: Argon2Hasher | None = None) -> PasswordHash:
    """Return what hashes and verifies.

    :param hasher: makes new hashes; None for the library's default (RFC 9106, low memory).
    """
    return PasswordHash((hasher or Argon2Hasher(), _Bcrypt()))
