"""Passwords: what is accepted, and how it is kept (Argon2id, RFC 9106).

Accounts brought along from the predecessor have bcrypt hashes: they are verified, and replaced at the first
login. Nothing new is ever hashed with bcrypt.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from shared.errors import Rejected

if TYPE_CHECKING:
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

SHORTEST: Final = 12
LONGEST: Final = 256
"""Argon2 takes any length; without a limit, its work is the caller's to choose."""

LEAST_SCORE: Final = 3
"""Of zxcvbn: more than 10^8 guesses, by whoever knows the common passwords, names and keyboard walks."""

_JUDGED: Final = 72
"""Characters that zxcvbn looks at: what is longer is judged by its beginning."""


def check_rules(password: str, *, username: str) -> None:
    """Raise `Rejected` for a password we do not accept: too short, common, or easy to guess.

    Length is what counts, and that it is on no list (NIST SP 800-63B, 3.1.1.2): no kinds of characters are
    demanded.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise Rejected(f"must have {SHORTEST} to {LONGEST} characters", where="password")
    # Loads its lists of common passwords, which only who sets a password should wait for.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    named = username.casefold() in password.casefold()
    words = [username, "redcap", "worklist", "mwl", "relay", "dicom", "scanner"]
    found = zxcvbn(password[:_JUDGED], user_inputs=words)  # type: ignore[no-untyped-call]
    if named or found["score"] < LEAST_SCORE:
        raise Rejected("is too easy to guess", where="password", hint="a few unrelated words make a good one")


def is_bcrypt(stored: str) -> bool:
    """Tell whether a hash is one of bcrypt's."""
    from pwdlib.hashers.bcrypt import BcryptHasher  # noqa: PLC0415 - see `Passwords`

    return BcryptHasher.identify(stored)


class Passwords:
    """Hashes and verifies passwords.

    The libraries that do so are loaded for the first password: most calls have none.

    :param hasher: Argon2 with another cost; None for the library's default (RFC 9106, low memory).
    """

    def __init__(self, hasher: Argon2Hasher | None = None) -> None:
        self._hasher = hasher

    @cached_property
    def _hash(self) -> PasswordHash:
        from lambdas.access.password_hashes import known_hashes  # noqa: PLC0415 - see above

        return known_hashes(self._hasher)

    @cached_property
    def _nobodys(self) -> str:
        return self._hash.hash("the password of no account")

    def hash(self, password: str) -> str:
        """Return the hash to store."""
        return self._hash.hash(password)

    def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Tell whether the password is right, and the hash to store instead if we would make another today.

        :param stored: the account's hash; None if there is no such account: the work is done all the same,
            so that the answer's time tells nothing (but for an account with a bcrypt hash, until its owner
            has logged in once).
        """
        from pwdlib.exceptions import UnknownHashError  # noqa: PLC0415 - see above

        if len(password) > LONGEST:
            password, stored = "", None  # cannot be anybody's
        nobodys = self._nobodys  # made at the first login, whoever it is: else that one, too, would tell
        try:
            right, better = self._hash.verify_and_update(password, stored or nobodys)
        except UnknownHashError:
            return False, None
        return (right, better) if stored else (False, None)
