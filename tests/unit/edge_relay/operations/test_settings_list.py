from __future__ import annotations

from edge_relay.operations.settings_list import explain


def test_every_setting_of_every_table_is_documented() -> None:
    explained = explain()
    tables = {key.partition(".")[0] for key, _, _ in explained}
    assert tables == {"relay", "tls", "status", "scanners[]", "archives[]", "images"}
    for key, default, description in explained:
        assert len(description) > 20, key
        assert default, key
