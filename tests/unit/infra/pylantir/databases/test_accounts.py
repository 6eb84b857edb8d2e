"""The predecessor's users: who can come along, and why the others cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest

from infra.pylantir.databases.accounts import DEFAULT_PASSWORD, plan_accounts
from infra.pylantir.databases.old_databases import read_users
from infra.pylantir.databases.old_rows import OldUser
from lambdas.access.role import Role
from tests.rigs.api import PASSWORD, quick_passwords
from tests.rigs.pylantir import write_users


def bcrypt_of(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def test_users_come_along_with_their_hash_role_and_state(tmp_path: Path) -> None:
    hashed = bcrypt_of(PASSWORD)
    file = write_users(tmp_path / "users.db", [("Ana", hashed, "ADMIN", True), ("bo", hashed, "READ", False)])
    plan = plan_accounts(read_users(file), quick_passwords())
    found = [(each.username, each.password_hash, each.role, each.disabled) for each in plan.accounts]
    assert found == [("ana", hashed, Role.ADMIN, False), ("bo", hashed, Role.READ, True)]
    assert plan.left_out == ()


def test_who_still_has_the_default_password_does_not_come_along_and_is_named() -> None:
    default = OldUser("admin", bcrypt_of(DEFAULT_PASSWORD), "ADMIN", True)
    changed = OldUser("administrator", bcrypt_of(PASSWORD), "ADMIN", True)
    plan = plan_accounts([default, changed], quick_passwords())
    assert [account.username for account in plan.accounts] == ["administrator"]
    assert [name for name, _ in plan.left_out] == ["admin"]
    assert DEFAULT_PASSWORD not in str(plan.left_out)


@pytest.mark.parametrize("active", [True, False])
def test_nobody_comes_along_with_the_empty_password(active: bool) -> None:
    plan = plan_accounts([OldUser("ana", bcrypt_of(""), "WRITE", active)], quick_passwords())
    assert plan.accounts == ()
    assert "empty password" in plan.left_out[0][1]


@pytest.mark.parametrize(
    "changes", [{"username": "a b"}, {"username": "x"}, {"role": "OWNER"}, {"hashed_password": "plain"}]
)
def test_whom_we_cannot_make_an_account_of_is_named_with_the_reason(changes: dict[str, str]) -> None:
    user = replace(OldUser("ana", bcrypt_of(PASSWORD), "READ", True), **changes)  # type: ignore[arg-type]
    plan = plan_accounts([user], quick_passwords())
    assert (plan.accounts, [name for name, _ in plan.left_out]) == ((), [user.username])


def test_two_names_that_differ_in_case_only_are_nobodys() -> None:
    hashed = bcrypt_of(PASSWORD)
    plan = plan_accounts(
        [OldUser("Ana", hashed, "READ", True), OldUser("ana", hashed, "ADMIN", True)], quick_passwords()
    )
    assert (plan.accounts, len(plan.left_out)) == ((), 2)
