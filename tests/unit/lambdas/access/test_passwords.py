"""Which passwords are taken, how they are kept, and which one is right."""

from __future__ import annotations

import bcrypt
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from lambdas.access.passwords import LONGEST, Passwords, check_rules, is_bcrypt
from shared.errors import Rejected
from tests.rigs.api import PASSWORD, quick_passwords


@pytest.mark.parametrize(
    "password", ["", "eleven char", "a" * 12, "ababababababab", "x" * 257, "my name is ANA ok"]
)
def test_short_endless_or_obvious_passwords_are_refused_and_not_quoted(password: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_rules(password, username="ana")
    assert caught.value.where == "password"
    assert not password or password not in str(caught.value)


def test_a_few_words_are_a_password() -> None:
    check_rules(PASSWORD, username="ana")


def test_only_the_right_password_is_right() -> None:
    passwords = quick_passwords()
    stored = passwords.hash(PASSWORD)
    assert passwords.verify(PASSWORD, stored) == (True, None)
    assert passwords.verify(PASSWORD + " ", stored) == (False, None)
    assert PASSWORD not in stored


def test_what_is_stored_costs_an_attacker_dearly() -> None:
    assert Passwords().hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_no_account_takes_the_work_of_one() -> None:
    class Counting(Argon2Hasher):
        verified = 0

        def verify(self, password: str | bytes, hash: str | bytes) -> bool:
            self.verified += 1
            return super().verify(password, hash)

    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    assert Passwords(hasher).verify(PASSWORD, None) == (False, None)
    assert Passwords(hasher).verify("the password of no account", None) == (False, None)
    assert hasher.verified == 2


def test_a_hash_of_lesser_cost_is_replaced_at_login() -> None:
    stored = quick_passwords().hash(PASSWORD)
    dearer = Passwords(Argon2Hasher(time_cost=2, memory_cost=8, parallelism=1))
    right, better = dearer.verify(PASSWORD, stored)
    assert right
    assert better is not None
    assert dearer.verify(PASSWORD, better) == (True, None)


def bcrypt_hash(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()


def test_a_bcrypt_hash_of_the_predecessor_is_verified_and_replaced_by_argon2() -> None:
    passwords = quick_passwords()
    right, better = passwords.verify(PASSWORD, bcrypt_hash(PASSWORD))
    assert right
    assert better is not None
    assert better.startswith("$argon2id$")
    assert passwords.verify(PASSWORD, better) == (True, None)
    assert passwords.verify(PASSWORD + "x", bcrypt_hash(PASSWORD)) == (False, None)


def test_of_a_long_password_bcrypt_knows_the_beginning_only() -> None:
    long = "é" * 50
    right, better = quick_passwords().verify(long, bcrypt_hash(long))
    assert right
    assert better is not None
    assert quick_passwords().verify(long[:-1], better) == (False, None)


def test_only_bcrypt_hashes_are_taken_for_them() -> None:
    assert is_bcrypt(bcrypt_hash(PASSWORD))
    assert not any(map(is_bcrypt, ["", "plain", quick_passwords().hash(PASSWORD)]))


@pytest.mark.parametrize("stored", ["", "plain", "$2b$12$" + "x" * 53, "$2b$99$" + "x" * 53])
def test_a_hash_of_unknown_make_fits_no_password(stored: str) -> None:
    assert quick_passwords().verify(PASSWORD, stored) == (False, None)


def test_an_endless_password_is_nobodys() -> None:
    passwords = quick_passwords()
    endless = "x" * (LONGEST + 1)
    assert passwords.verify(endless, passwords.hash(endless)) == (False, None)
