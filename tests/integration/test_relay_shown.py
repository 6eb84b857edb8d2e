"""What scanners were shown, from the C-FIND on the wire to the cloud."""

from __future__ import annotations

from pathlib import Path

from tests.rigs.relay import (
    SCANNER,
    FakeCloud,
    eventually,
    item,
    names,
    running_relay,
)


def test_the_cloud_is_told_which_scanner_was_shown_which_item(tmp_path: Path) -> None:
    with FakeCloud() as cloud:
        cloud.put(item("item-1"), item("item-2"))
        with running_relay(tmp_path, cloud, heartbeat_interval_seconds=0.05) as relay:
            eventually(lambda: len(names(relay)) == 2)
            cloud.wait_for(lambda seen: {each["item_id"] for each in seen.shown} == {"item-1", "item-2"})
        (to,) = cloud.shown[0]["scanners"]
        assert to["ae_title"] == SCANNER
        assert to["first_at"] <= to["last_at"]


def test_what_was_shown_while_the_cloud_was_away_is_told_after_a_restart(tmp_path: Path) -> None:
    with FakeCloud() as cloud:
        cloud.put(item())
        cloud.heartbeat_faults.extend(["500"] * 1000)  # what was shown is told after a heartbeat
        with running_relay(tmp_path, cloud) as relay:
            eventually(lambda: names(relay))
            names(relay)
        assert cloud.shown == []
        cloud.heartbeat_faults.clear()
        with running_relay(tmp_path, cloud, heartbeat_interval_seconds=0.05):
            cloud.wait_for(lambda seen: seen.shown)
        assert cloud.shown[0]["scanners"][0]["times"] >= 2
