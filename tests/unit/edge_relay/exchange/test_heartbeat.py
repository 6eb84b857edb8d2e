"""The heartbeat tells how the relay is, and takes over what the cloud says of its scanners."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_relay.config import Settings
from edge_relay.exchange.heartbeat import RelaySide, heartbeat_once
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_parked import Discarding, discard
from edge_relay.services.profiles import Profiles
from shared.errors import Unavailable
from shared.relay_health import HeartbeatAnswer, RelayHealth
from tests.rigs.mpps import began, event


class ScriptedCare:
    """Answers heartbeats as it was told, and notes what was said."""

    def __init__(self, *answers: HeartbeatAnswer | Exception | None) -> None:
        self.answers = deque(answers)
        self.told: list[RelayHealth] = []

    def heartbeat(self, health: RelayHealth) -> HeartbeatAnswer | None:
        self.told.append(health)
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_heartbeat_tells_of_the_profiles_and_takes_over_what_is_said_of_them(tmp_path: Path) -> None:
    tables: dict[str, Any] = {"relay": {"cloud_url": "https://x.test"}, "scanners": [{"ae_title": "MR1"}]}
    profiles = Profiles(Settings(**tables), tmp_path, lambda _: None)
    health = RelayHealth(version="1", at=datetime(2026, 11, 22, tzinfo=UTC))
    said = ({"ae_title": "MR1", "days_back": 1}, {"ae_title": "MR2"})
    care = ScriptedCare(HeartbeatAnswer(scanners=said, version="4"), Unavailable("down"), None)
    assert heartbeat_once(care, profiles, health)
    assert profiles.all()[0].days_back == 1
    with pytest.raises(Unavailable, match="down"):
        heartbeat_once(care, profiles, health)
    assert not heartbeat_once(care, profiles, health)
    assert profiles.all()[0].days_back == 1
    assert [told.profiles_version for told in care.told] == ["", "4", "4"]
    assert [len(told.profile_problems) for told in care.told] == [0, 1, 1]


def test_what_was_discarded_here_is_told_until_the_cloud_has_it(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    profiles = Profiles(Settings(relay={"cloud_url": "https://x.test"}), tmp_path, lambda _: None)
    with closing(Journal(tmp_path / "journal.db")) as journal:
        made = event(1, began(), "2.25.1")
        journal.append(made)
        journal.park(made.event_id, "unknown site")
        discard(journal, made.event_id, Discarding("anna", now, "a test"))
        side = RelaySide("run", lambda _: None, journal, lambda: now)
        recorded = HeartbeatAnswer(scanners=(), version="0", discards_recorded=(made.event_id,))
        care = ScriptedCare(HeartbeatAnswer(scanners=(), version="0"), recorded, recorded)
        for _ in range(3):
            heartbeat_once(care, profiles, RelayHealth(version="1", at=now), side)
    assert [[each.because for each in told.discarded_events] for told in care.told] == [
        ["a test"],
        ["a test"],
        [],
    ]
