"""The relay's key, its tokens, and its idea of the time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest

from edge_relay.exchange.identity import (
    Enrolment,
    load_identity,
    load_or_make_key,
    public_pem,
    save_enrolment,
)
from edge_relay.storage.state_files import make_state_dir
from shared.errors import NotFound, Rejected

ENROLMENT = Enrolment(relay_id="r1", site="oslo", audience="mwl-relay")
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_key_and_identity_are_private_files_in_a_private_folder(tmp_path: Path) -> None:
    folder = make_state_dir(tmp_path / "state")
    load_or_make_key(folder)
    save_enrolment(folder, ENROLMENT)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "key.pem": 0o600,
        "identity.json": 0o600,
    }


def test_a_token_is_signed_for_one_minute_and_the_key_stays_the_same(tmp_path: Path) -> None:
    pem = public_pem(load_or_make_key(tmp_path))
    save_enrolment(tmp_path, ENROLMENT)
    token = load_identity(tmp_path).token(NOW, "id-1")
    claims = jwt.decode(
        token, pem, ["EdDSA"], audience="mwl-relay", options={"verify_exp": False, "verify_iat": False}
    )
    assert claims["iss"] == "r1"
    assert claims["jti"] == "id-1"
    assert claims["exp"] - claims["iat"] == 60
    assert public_pem(load_or_make_key(tmp_path)) == pem


def test_a_relay_that_is_not_enrolled_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="mwl-relay enroll"):
        load_identity(tmp_path)


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    save_enrolment(tmp_path, ENROLMENT)
    (tmp_path / "key.pem").write_text("nonsense")
    with pytest.raises(Rejected, match=r"key\.pem"):
        load_identity(tmp_path)
