"""Audit entries are kept for ever, or for as long as the operator says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.rigs.api import api
from tests.rigs.builders import an_item


@pytest.mark.parametrize("days", [0, 400])
def test_an_entry_is_kept_for_as_long_as_the_operator_says(days: int) -> None:
    with api(AUDIT_RETENTION_DAYS=str(days)) as rig:
        rig.services.worklist.put_if_changed([an_item()])
        rig.anybody.post("/auth/login", json={"username": "nobody", "password": "x"})
        rows = [row for row in rig.cloud.tables.audit.scan() if row.pk.startswith("AUDIT#")]
        now = datetime.fromtimestamp(rig.clock(), UTC)
        until = now + timedelta(days=days) if days else None
        assert [row.expires_at for row in rows] == [until, until]
