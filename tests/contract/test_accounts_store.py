"""The account stores on tables made from template.yaml: what they promise, also when two write at once."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from lambdas.access.role import Role
from lambdas.access.throttle import Throttled
from lambdas.store.accounts.logins import LoginStore
from lambdas.store.accounts.people import User, UserStore
from lambdas.store.accounts.relays import CODE_ALPHABET, RelayStore, random_code
from lambdas.store.accounts.rows import Witness
from lambdas.store.audit.entry import Actor
from lambdas.store.models import AccountRow, bind
from shared.errors import AlreadyExists, Conflict, Forbidden, NotFound, Rejected, Unavailable
from shared.relay_health import RelayHealth
from shared.scanners.scanner_profile import ScannerOverrides
from tests.rigs.cloud import REGION, CloudRig, cloud

ANA, BEN = Actor(kind="person", name="ana"), Actor(kind="person", name="ben")


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


@pytest.fixture
def users(rig: CloudRig) -> UserStore:
    return UserStore(rig.tables, now=rig.clock)


@pytest.fixture
def logins(rig: CloudRig) -> LoginStore:
    return LoginStore(rig.tables, now=rig.clock)


@pytest.fixture
def relays(rig: CloudRig) -> RelayStore:
    numbers = count(1)
    return RelayStore(
        rig.tables,
        now=rig.clock,
        new_id=lambda: f"relay{next(numbers)}",
        new_code=lambda: random_code(secrets.choice),
    )


def rows(rig: CloudRig) -> list[AccountRow]:
    return list(rig.tables.account.scan())


def test_an_account_is_found_in_whatever_case_it_is_asked_for(users: UserStore) -> None:
    made = users.create("Ana.B", "hash", Role.READ)
    assert made.username == "ana.b"
    assert users.find(" ANA.b ") == made
    assert users.all() == [made]


@pytest.mark.parametrize("name", ["", "a", "-ana", "ana b", "a" * 65, "añá", "ana\n", "ana#b"])
def test_a_name_that_cannot_be_one_is_refused_and_never_found(users: UserStore, name: str) -> None:
    if name.strip() == name:
        with pytest.raises(Rejected):
            users.create(name, "hash", Role.READ)
    assert users.find(name) is None


def test_a_name_is_given_once(users: UserStore) -> None:
    users.create("ana", "hash", Role.READ)
    with pytest.raises(AlreadyExists):
        users.create("ANA", "other", Role.ADMIN)
    assert [user.password_hash for user in users.all()] == ["hash"]


def test_a_new_password_or_being_disabled_raises_the_token_version(users: UserStore) -> None:
    users.create("boss", "hash", Role.ADMIN)
    first = users.create("ana", "hash", Role.READ)
    second = users.change("ana", password_hash="other")
    third = users.change("ana", disabled=True)
    fourth = users.change("ana", disabled=False)
    versions = [user.token_version for user in (first, second, third, fourth)]
    assert versions[0] < versions[1] < versions[2] == versions[3]


def test_another_role_leaves_the_token_version(users: UserStore) -> None:
    first = users.create("ana", "hash", Role.READ)
    assert users.change("ana", role=Role.WRITE).token_version == first.token_version


def test_a_name_given_away_again_gets_another_token_version(rig: CloudRig, users: UserStore) -> None:
    first = users.create("ana", "hash", Role.READ)
    users.remove("ana")
    rig.clock.advance(1)
    assert users.create("ana", "hash", Role.READ).token_version != first.token_version


@pytest.mark.parametrize(
    "farewell",
    [
        lambda users: users.remove("boss"),
        lambda users: users.change("boss", disabled=True),
        lambda users: users.change("boss", role=Role.WRITE),
    ],
)
def test_the_last_admin_who_can_log_in_stays(
    users: UserStore, farewell: Callable[[UserStore], object]
) -> None:
    users.create("boss", "hash", Role.ADMIN)
    users.create("other", "hash", Role.ADMIN)
    users.create("ana", "hash", Role.WRITE)
    users.change("other", disabled=True)
    with pytest.raises(Rejected, match="last admin"):
        farewell(users)
    users.change("other", disabled=False)
    farewell(users)


def test_two_admins_cannot_remove_each_other_at_once(
    rig: CloudRig, users: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.create("ana", "hash", Role.ADMIN)
    users.create("ben", "hash", Role.ADMIN)
    rival, original = UserStore(rig.tables, now=rig.clock), users._other_admin

    def overtaken(leaving: User) -> Witness:
        staying = original(leaving)
        if rival.find("ben"):
            rival.remove("ben")
        return staying

    monkeypatch.setattr(users, "_other_admin", overtaken)
    with pytest.raises(Rejected, match="last admin"):
        users.remove("ana")
    assert [user.username for user in rival.all()] == ["ana"]


def test_a_change_of_an_account_that_moved_meanwhile_is_made_of_what_it_is_now(
    rig: CloudRig, users: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.create("ana", "hash", Role.READ)
    rival, original = UserStore(rig.tables, now=rig.clock), users._existing

    def overtaken(username: str) -> object:
        kept = original(username)
        rival.change("ana", role=Role.WRITE)
        return kept

    monkeypatch.setattr(users, "_existing", overtaken)
    users.change("ana", password_hash="other")
    found = rival.find("ana")
    assert found is not None
    assert (found.role, found.password_hash) == (Role.WRITE, "other")


def test_nobody_can_change_or_remove_who_does_not_exist(users: UserStore) -> None:
    with pytest.raises(NotFound):
        users.change("ana", disabled=True)
    with pytest.raises(NotFound):
        users.remove("ana")


def test_a_better_hash_does_not_end_tokens_and_never_undoes_a_change(users: UserStore) -> None:
    before = users.create("ana", "hash", Role.READ)
    users.upgrade_hash(before, "better")
    upgraded = users.find("ana")
    assert upgraded is not None
    assert (upgraded.password_hash, upgraded.token_version) == ("better", before.token_version)
    users.upgrade_hash(before, "late")
    assert users.find("ana") == upgraded


def test_attempts_are_counted_until_one_succeeds(rig: CloudRig, logins: LoginStore) -> None:
    for _ in range(5):
        logins.begin("ana")
    with pytest.raises(Throttled):
        logins.begin("Ana ")
    rig.clock.advance(10)
    logins.begin("ana")
    logins.succeeded("ana")
    logins.begin("ana")


def test_waiting_tells_nothing_about_which_names_exist(logins: LoginStore) -> None:
    for name in ("nobody", "not even a name", "", "\ud800"):
        for _ in range(5):
            logins.begin(name)
        with pytest.raises(Throttled):
            logins.begin(name)


def test_attempts_on_one_name_do_not_lock_another(logins: LoginStore) -> None:
    for _ in range(5):
        logins.begin("ana")
    logins.begin("ben")


def fails(logins: LoginStore, name: str, address: str, times: int) -> None:
    for _ in range(times):
        logins.begin(name, address=address)


def test_failures_at_one_address_do_not_lock_the_name_at_another(logins: LoginStore) -> None:
    fails(logins, "ana", "192.0.2.1", 5)
    with pytest.raises(Throttled):
        logins.begin("ana", address="192.0.2.1")
    logins.begin("ana", address="192.0.2.2")


def test_one_address_that_tries_one_password_on_many_names_must_wait(logins: LoginStore) -> None:
    for number in range(30):
        logins.begin(f"name{number}", address="192.0.2.1")
    with pytest.raises(Throttled):
        logins.begin("ana", address="192.0.2.1")
    logins.begin("ana", address="192.0.2.2")


@pytest.mark.slow
def test_many_addresses_that_guess_at_one_name_must_wait(logins: LoginStore) -> None:
    for number in range(100):
        logins.begin("ana", address=f"198.51.100.{number}")
    with pytest.raises(Throttled):
        logins.begin("ana", address="192.0.2.9")
    logins.begin("ben", address="192.0.2.9")


@pytest.mark.slow
def test_a_persons_own_device_is_locked_by_nobody_else(logins: LoginStore) -> None:
    for number in range(100):
        logins.begin("ana", address=f"198.51.100.{number}")
    fails(logins, "ben", "192.0.2.1", 5)
    logins.begin("ana", address="192.0.2.1", device="d1")
    for _ in range(4):
        logins.begin("ana", address="192.0.2.1", device="d1")
    with pytest.raises(Throttled):  # but not even it may guess for ever
        logins.begin("ana", address="192.0.2.1", device="d1")


@pytest.mark.slow
def test_who_has_an_account_cannot_clear_the_address_between_two_guesses(logins: LoginStore) -> None:
    for number in range(29):
        logins.begin(f"name{number}", address="192.0.2.1")
        logins.begin("mine", address="192.0.2.1")
        logins.succeeded("mine", address="192.0.2.1")
    logins.begin("name29", address="192.0.2.1")
    with pytest.raises(Throttled):
        logins.begin("mine", address="192.0.2.1")


@pytest.mark.slow
def test_a_success_takes_back_itself_so_that_a_busy_address_is_never_slowed_down(logins: LoginStore) -> None:
    for number in range(40):
        logins.begin(f"person{number}", address="192.0.2.1")
        logins.succeeded(f"person{number}", address="192.0.2.1")


def test_attempts_forget_themselves_and_keep_no_name(rig: CloudRig, logins: LoginStore) -> None:
    logins.begin("my password by mistake")
    found = rows(rig)
    assert len(found) == 3
    for row in found:
        assert "password" not in f"{row.sk}{row.body}"
        assert row.expires_at.timestamp() > rig.clock() + 86_400


def test_attempts_all_at_once_are_not_all_the_first(logins: LoginStore) -> None:
    admitted: list[int] = []
    barrier = threading.Barrier(12)

    def attempt() -> None:
        barrier.wait()
        try:
            logins.begin("ana")
        except Throttled:
            return
        admitted.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(admitted) <= 5


def test_a_code_can_be_typed_and_not_guessed(relays: RelayStore) -> None:
    code, _ = relays.invite("north")
    assert re.fullmatch(rf"[{CODE_ALPHABET}]{{4}}(-[{CODE_ALPHABET}]{{4}}){{4}}", code)
    assert len(CODE_ALPHABET) ** 20 >= 2**80


def test_a_code_makes_a_relay_of_its_site(rig: CloudRig, relays: RelayStore) -> None:
    code, expires_at = relays.invite("north")
    assert expires_at.timestamp() == rig.clock() + 900
    relay = relays.enroll(code, public_key="PEM", name="basement")
    assert (relay.site, relay.name, relay.revoked_at) == ("north", "basement", None)
    assert relays.find(relay.relay_id) == relay
    assert relays.all() == [relay]


def test_a_code_is_forgiving_to_who_types_it(relays: RelayStore) -> None:
    code, _ = relays.invite("north")
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert relays.enroll(typed, public_key="PEM", name="x").site == "north"


def test_the_table_keeps_no_code(rig: CloudRig, relays: RelayStore) -> None:
    code, _ = relays.invite("north")
    kept = " ".join(f"{row.sk} {row.body}" for row in rows(rig))
    assert code not in kept
    assert code.replace("-", "") not in kept


def test_a_code_works_once(relays: RelayStore) -> None:
    code, _ = relays.invite("north")
    relays.enroll(code, public_key="PEM", name="x")
    with pytest.raises(Forbidden):
        relays.enroll(code, public_key="OTHER", name="x")
    assert len(relays.all()) == 1


def test_the_same_relay_may_ask_again_if_it_missed_the_answer(relays: RelayStore) -> None:
    code, _ = relays.invite("north")
    first = relays.enroll(code, public_key="PEM", name="x")
    assert relays.enroll(code, public_key="PEM", name="x") == first


def test_a_revoked_relays_code_does_not_bring_it_back(relays: RelayStore) -> None:
    code, _ = relays.invite("north")
    relay = relays.enroll(code, public_key="PEM", name="x")
    relays.revoke(relay.relay_id)
    with pytest.raises(Forbidden):
        relays.enroll(code, public_key="PEM", name="x")


def test_a_code_is_good_for_a_quarter_of_an_hour(rig: CloudRig, relays: RelayStore) -> None:
    code, _ = relays.invite("north")
    rig.clock.advance(900)
    with pytest.raises(Forbidden):
        relays.enroll(code, public_key="PEM", name="x")


def test_revoking_is_kept_and_twice_is_once(rig: CloudRig, relays: RelayStore) -> None:
    code, _ = relays.invite("north")
    relay_id = relays.enroll(code, public_key="PEM", name="x").relay_id
    relays.revoke(relay_id)
    revoked = relays.find(relay_id)
    rig.clock.advance(5)
    relays.revoke(relay_id)
    assert revoked is not None
    assert revoked.revoked_at is not None
    assert relays.find(relay_id) == revoked
    with pytest.raises(NotFound):
        relays.revoke("nobody")


def enrolled(relays: RelayStore) -> str:
    code, _ = relays.invite("north")
    return relays.enroll(code, public_key="PEM", name="x").relay_id


def told(**fields: Any) -> RelayHealth:
    return RelayHealth.model_validate({"version": "1", "at": datetime(2026, 11, 22, tzinfo=UTC), **fields})


def overriding(**fields: Any) -> ScannerOverrides:
    return ScannerOverrides.model_validate({"scanners": [{"ae_title": "MR1", **fields}]})


def test_the_last_heartbeat_of_each_relay_is_kept(rig: CloudRig, relays: RelayStore) -> None:
    silent, other, relay_id = enrolled(relays), enrolled(relays), enrolled(relays)
    relays.heard(relay_id, told(items=1))
    relays.heard(other, told(items=7))
    rig.clock.advance(60)
    relays.heard(relay_id, told(items=2))
    last = relays.heartbeat(relay_id)
    assert last is not None
    assert (last.health.items, last.seen_at.timestamp()) == (2, rig.clock())
    assert relays.heartbeat(silent) is None
    assert {key: each.health.items for key, each in relays.heartbeats().items()} == {other: 7, relay_id: 2}


def test_a_heartbeat_is_in_nobodys_way_who_revokes(
    relays: RelayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_id, original = enrolled(relays), relays._relays.replace

    def overtaken(*args: Any, **options: Any) -> None:
        relays.heard(relay_id, told())
        original(*args, **options)

    monkeypatch.setattr(relays._relays, "replace", overtaken)
    relays.revoke(relay_id)
    found = relays.find(relay_id)
    assert found is not None
    assert found.revoked_at is not None


@pytest.mark.parametrize("before", [0, 1])
def test_of_two_heartbeats_at_once_one_is_kept_and_neither_fails(
    relays: RelayStore, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    relay_id, original = enrolled(relays), relays._heartbeats.get
    for _ in range(before):
        relays.heard(relay_id, told())

    def overtaken(name: str) -> object:
        kept = original(name)
        monkeypatch.setattr(relays._heartbeats, "get", original)
        relays.heard(relay_id, told(items=1))
        return kept

    monkeypatch.setattr(relays._heartbeats, "get", overtaken)
    relays.heard(relay_id, told(items=2))
    last = relays.heartbeat(relay_id)
    assert last is not None
    assert last.health.items == 1


def test_what_is_overridden_is_kept_with_who_said_so_and_a_version(rig: CloudRig, relays: RelayStore) -> None:
    relay_id = enrolled(relays)
    assert relays.configuration(relay_id)[1] == "0"
    relays.configure(relay_id, overriding(days_back=None), by=ANA)
    first, version = relays.configuration(relay_id)
    assert (version, first.changed_by) == ("1", "ana")
    assert first.overrides.scanners[0].given() == {"days_back"}
    relays.configure(relay_id, overriding(), by=BEN)
    second, version = relays.configuration(relay_id)
    assert (version, second.changed_by) == ("2", "ben")
    assert not second.overrides.scanners[0].given()


def test_who_overrides_at_the_same_time_as_another_is_told(
    relays: RelayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_id, original = enrolled(relays), relays._configurations.get

    def overtaken(name: str) -> object:
        kept = original(name)
        monkeypatch.setattr(relays._configurations, "get", original)
        relays.configure(relay_id, overriding(days_back=1), by=ANA)
        return kept

    for _ in range(2):
        monkeypatch.setattr(relays._configurations, "get", overtaken)
        with pytest.raises(Conflict):
            relays.configure(relay_id, overriding(days_back=2), by=BEN)
        assert relays.configuration(relay_id)[0].changed_by == "ana"


def test_scanners_of_a_relay_that_is_none_or_no_longer_are_not_overridden(relays: RelayStore) -> None:
    with pytest.raises(NotFound):
        relays.configure("nobody", overriding(), by=ANA)
    relay_id = enrolled(relays)
    relays.revoke(relay_id)
    with pytest.raises(Rejected, match="revoked"):
        relays.configure(relay_id, overriding(), by=ANA)


def test_overrides_too_many_for_a_row_are_refused(relays: RelayStore) -> None:
    relay_id = enrolled(relays)
    many = {"scanners": [{"ae_title": str(n), "station_names": ["x" * 16] * 60} for n in range(100)]}
    with pytest.raises(Rejected, match="bytes"):
        relays.configure(relay_id, ScannerOverrides.model_validate(many), by=ANA)


def test_a_table_that_does_not_answer_is_unavailable(rig: CloudRig) -> None:
    missing = bind("NoTable", "NoTableEither", REGION)
    with pytest.raises(Unavailable):
        UserStore(missing, now=rig.clock).find("ana")
    with pytest.raises(Unavailable):
        UserStore(missing, now=rig.clock).create("ana", "hash", Role.READ)
