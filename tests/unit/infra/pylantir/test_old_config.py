"""Pylantir's file in both its forms, as pylantir itself reads it."""

from __future__ import annotations

import json
from datetime import time
from typing import Any

import pytest

from infra.pylantir.findings import Outcome
from infra.pylantir.old_config import OldConfig, OldSource, read_config
from shared.errors import Rejected


def read(**data: Any) -> OldConfig:
    return read_config(json.dumps(data))


def only(**data: Any) -> OldSource:
    (source,) = read(**data).sources
    return source


def listed(**source: Any) -> OldSource:
    return only(data_sources=[{"type": "redcap", **source}])


def outcomes(config: OldConfig) -> dict[str, Outcome]:
    return {finding.key: finding.outcome for finding in config.findings}


def test_the_older_form_is_one_project_with_the_protocol_of_its_site() -> None:
    protocol = {"792": "BRAIN", "793": "KNEE", "mapping": "GEHC"}
    source = only(site="792", protocol=protocol, redcap2wl={"a": "b"})
    assert (source.form, source.name, source.site) == ("0.2", "redcap", "792")
    assert (source.protocol, source.designator) == ("BRAIN", "GEHC")
    assert source.mapping == {"a": "b"}


def test_the_older_form_without_a_scheme_names_pylantirs() -> None:
    assert only(site="792").designator == "scannermapper"


@pytest.mark.parametrize("sources", [[], None])
def test_without_a_list_of_sources_the_older_keys_count(sources: list[Any] | None) -> None:
    assert only(data_sources=sources, site="792").site == "792"


def test_with_a_list_of_sources_they_do_not_and_it_is_said() -> None:
    config = read(data_sources=[{"type": "redcap"}], site="792")
    assert config.sources[0].site == ""
    assert outcomes(config)["site"] is Outcome.UNNEEDED


def test_a_source_of_the_list_has_a_name_a_site_and_a_protocol_of_its_own() -> None:
    config = {"site_id": "793", "protocol": {"792": "BRAIN", "793": "KNEE"}, "mwl_days_ahead": 2}
    source = listed(name="x", config=config)
    assert (source.name, source.site, source.protocol, source.days_ahead) == ("x", "793", "KNEE", 2)
    assert listed(config={"site": "1", "protocol": "P"}).protocol == "P"
    assert listed().name == "source-1"


@pytest.mark.parametrize(
    ("written", "enabled"), [({}, True), ({"enabled": False}, False), ({"enabled": None}, False)]
)
def test_a_source_is_on_unless_it_is_off(written: dict[str, Any], enabled: bool) -> None:
    assert listed(**written).enabled is enabled


def test_a_source_that_is_no_redcap_is_left_out_and_every_key_of_it_named() -> None:
    config = read(data_sources=[{"type": "calpendo", "config": {}}, {"type": "redcap_concussion"}])
    assert [source.kind for source in config.sources] == ["redcap_concussion"]
    assert outcomes(config)["data_sources[0].type"] is Outcome.DECIDE
    assert outcomes(config)["data_sources[0].config"] is Outcome.UNNEEDED


@pytest.mark.parametrize(
    ("interval", "window"),
    [
        (None, None),
        ({}, None),
        ({"start_time": [0, 0], "end_time": [23, 59]}, None),
        ({"start_time": [6, 30]}, (time(6, 30), time(23, 59))),
        ({"start_time": [20, 0], "end_time": [6, 0]}, (time(20, 0), time(6, 0))),
    ],
)
def test_the_window_is_none_if_it_is_the_whole_day(interval: Any, window: Any) -> None:
    assert only(operation_interval=interval).window == window


def test_a_window_that_ends_before_it_begins_is_to_be_decided() -> None:
    config = read(operation_interval={"start_time": [20, 0], "end_time": [6, 0]})
    assert outcomes(config)["operation_interval"] is Outcome.DECIDE


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"operation_interval": {"start_time": [25, 0]}}, "operation_interval.start_time"),
        ({"operation_interval": {"start_time": "6:00"}}, "operation_interval.start_time"),
        ({"data_sources": {}}, "data_sources"),
        ({"data_sources": [1]}, "data_sources[0]"),
        ({"data_sources": [{"type": "redcap", "config": {"mwl_days_ahead": -1}}]}, "mwl_days_ahead"),
        ({"data_sources": [{"type": "redcap", "config": {"mwl_days_ahead": True}}]}, "mwl_days_ahead"),
    ],
)
def test_what_cannot_be_read_is_named(data: dict[str, Any], where: str) -> None:
    with pytest.raises(Rejected) as refused:
        read(**data)
    assert refused.value.where.endswith(where)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": "\\ud800"}'])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_config(text)
    assert refused.value.where == "configuration"


def test_databases_and_logging_are_not_needed_and_unknown_keys_are_to_be_decided() -> None:
    said = outcomes(read(db_path="x", db_echo="False", colour="blue"))
    assert said["db_path"] is said["db_echo"] is Outcome.UNNEEDED
    assert said["colour"] is Outcome.DECIDE
