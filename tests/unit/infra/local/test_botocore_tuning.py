"""AWS's descriptions are read once a process, not once a session."""

from __future__ import annotations

import pytest
from botocore.loaders import JSONFileLoader
from botocore.session import get_session

from infra.local.botocore_tuning import read_descriptions_once


def test_sessions_share_what_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JSONFileLoader, "load_file", JSONFileLoader.load_file)  # put back afterwards
    read_descriptions_once()
    read_descriptions_once()
    one, other = (get_session().get_service_model("dynamodb") for _ in range(2))
    assert one.operation_names == other.operation_names
    loaders = (get_session().get_component("data_loader") for _ in range(2))
    first, second = (loader.load_service_model("dynamodb", "service-2") for loader in loaders)
    assert first["operations"] is second["operations"]
